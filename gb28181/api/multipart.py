"""The first file of a multipart body (RFC 7578) that is in memory already."""

from __future__ import annotations

from email.message import Message
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header

from gb28181.errors import BadInput

MOST_PARTS = 20
MOST_HEADERS = 20


class _Parts:
    """Collects parts until the first file is whole."""

    def __init__(self) -> None:
        self.parts: list[tuple[dict[str, str], bytearray]] = []
        self._field = bytearray()
        self._value = bytearray()

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise BadInput("too many parts")
        self.parts.append(({}, bytearray()))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1][1].extend(data[start:end])

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        headers = self.parts[-1][0]
        if len(headers) < MOST_HEADERS:
            headers[self._field.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()


def first_file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and content of the first part that has a file name or is an image; else of the largest
    part. Raises BadInput."""
    boundary = _boundary(content_type)
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, callbacks=parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except ValueError as error:
        raise BadInput(f"broken multipart body: {error}") from error
    found = [(_name(headers), _is_file(headers), bytes(data)) for headers, data in parts.parts]
    if not found:
        raise BadInput("a multipart body without parts")
    files = [one for one in found if one[1]] or [max(found, key=lambda one: len(one[2]))]
    name, _, data = files[0]
    return name, data


def _boundary(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 200:
        raise BadInput("multipart without a boundary")
    return boundary


def _is_file(headers: dict[str, str]) -> bool:
    disposition = headers.get("content-disposition", "").lower()
    return "filename" in disposition or headers.get("content-type", "").startswith("image/")


def _name(headers: dict[str, str]) -> str:
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "").replace("\n", " ")
    return (message.get_filename() or "")[:200]
