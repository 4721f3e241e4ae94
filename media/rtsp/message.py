"""RTSP messages and interleaved frames on one TCP connection: bytes in, items out.

Requests, glued or split as TCP likes, and between them `$` frames with the viewer's RTCP. Lines may
end with a bare LF, and empty lines in front of a message are passed over. What breaks a limit or
the form gives one ``Malformed``, and nothing is read behind it: the shell answers and closes.

RFC 2326 4 (messages), 10.12 (interleaving), 12 (headers).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_HEAD: Final = 16 * 1024
"""Bytes of a request's first line and headers."""
MAX_HEADERS: Final = 64
MAX_URI: Final = 4096
MAX_BODY: Final = 16 * 1024
"""Bytes behind the headers; what a viewer may set or ask is short."""

VERSION: Final = "RTSP/1.0"

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
    505: "RTSP Version Not Supported",
    551: "Option not supported",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What a viewer asks; names of headers are in lower case."""

    method: str
    uri: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def cseq(self) -> str:
        return self.headers.get("cseq", "")

    @property
    def session(self) -> str:
        """The session named, without its parameters."""
        return self.headers.get("session", "").partition(";")[0].strip()


@dataclass(frozen=True, slots=True)
class Frame:
    """An interleaved packet from the viewer."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """The connection cannot be read any further."""

    status: int
    reason: str


Item = Request | Frame | Malformed


class Reader:
    """One connection's bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken = False

    @property
    def unfinished(self) -> bool:
        """Something has begun that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Item]:
        """What is complete with these bytes."""
        out: list[Item] = []
        if self._broken:
            return out
        self._buffer += data
        while self._buffer:
            item = self._next()
            if item is None:
                break
            out.append(item)
            if isinstance(item, Malformed):
                self._broken = True
                self._buffer.clear()
        return out

    def _next(self) -> Item | None:
        buffer = self._buffer
        if buffer[0] == 0x24:
            return self._frame()
        blank = 0
        while blank < len(buffer) and buffer[blank] in b"\r\n":
            blank += 1
        if blank:
            del buffer[:blank]
            return self._next() if buffer else None
        end, size = _end_of_head(buffer)
        if end < 0:
            return Malformed(413, "the head is too long") if len(buffer) > MAX_HEAD else None
        if end + size > MAX_HEAD:
            return Malformed(413, "the head is too long")
        found = _head(bytes(buffer[:end]))
        if isinstance(found, Malformed):
            return found
        length = _body_length(found.headers)
        if length is None or length > MAX_BODY:
            return Malformed(413 if length else 400, "the body's length is wrong or too large")
        begin = end + size
        if len(buffer) < begin + length:
            return None
        body = bytes(buffer[begin : begin + length])
        del buffer[: begin + length]
        return Request(found.method, found.uri, found.headers, body)

    def _frame(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + int.from_bytes(buffer[2:4], "big")
        if len(buffer) < end:
            return None
        channel, data = buffer[1], bytes(buffer[4:end])
        del buffer[:end]
        return Frame(channel, data)


def response(
    status: int, cseq: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> bytes:
    """An answer on the wire."""
    lines = [f"{VERSION} {status} {REASONS.get(status, 'Error')}"]
    if cseq:
        lines.append(f"CSeq: {cseq}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


def _end_of_head(buffer: bytearray) -> tuple[int, int]:
    """Where the headers end, and the size of what ends them; -1 when they are not complete."""
    found = [(at, len(mark)) for mark in (b"\n\r\n", b"\n\n") if (at := buffer.find(mark)) >= 0]
    return min(found) if found else (-1, 0)


def _head(data: bytes) -> Request | Malformed:
    lines = [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]
    words = lines[0].split()
    if len(words) != 3 or not words[2].upper().startswith("RTSP/"):
        return Malformed(400, "no RTSP request")
    if words[2].upper() != VERSION:
        return Malformed(505, "another version")
    method, uri = words[0], words[1]
    if len(uri) > MAX_URI or len(method) > 32 or not uri.isprintable():
        return Malformed(400, "the address is no address")
    if len(lines) - 1 > MAX_HEADERS:
        return Malformed(413, "too many headers")
    headers: dict[str, str] = {}
    last = ""
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            if last:
                headers[last] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        last = name.strip().lower()
        if not colon or not last or not last.isascii():
            return Malformed(400, "a header without a name")
        headers.setdefault(last, value.strip())
    if not headers.get("cseq", "").isdecimal() or len(headers["cseq"]) > 20:
        return Malformed(400, "no CSeq")
    return Request(method, uri, headers)


def _body_length(headers: dict[str, str]) -> int | None:
    told = headers.get("content-length", "0")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None
