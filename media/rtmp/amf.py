"""AMF0: the values RTMP commands are made of, as plain Python values.

What a stranger can make us build is bounded by the message it comes in, by `MAX_DEPTH` and by
`MAX_VALUES`. References and AMF3 are refused: no encoder sends them.

AMF 0 (Adobe, 2007), section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, Union

from media.errors import StreamFormatError

Amf: TypeAlias = Union[float, bool, str, "dict[str, Amf]", "list[Amf]", None]
"""Undefined and unsupported values are None, dates are milliseconds."""

MAX_DEPTH: Final = 8
MAX_VALUES: Final = 512
"""Of one message, all levels together."""

_END: Final = b"\x00\x00\x09"
_double = struct.Struct(">d")


def decode(data: bytes, at: int = 0) -> list[Amf]:
    """All values from ``at`` to the end.  Raises StreamFormatError."""
    reader = _Reader(data, at)
    values = []
    while reader.left:
        values.append(reader.value(0))
    return values


def encode(*values: Amf) -> bytes:
    """The values one after another; a mapping becomes an object."""
    return b"".join(map(_encoded, values))


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._count = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def value(self, depth: int) -> Amf:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise StreamFormatError("AMF: too deep, or too many values")
        marker = self._number(1)
        match marker:
            case 0x00:
                return self._double()
            case 0x01:
                return self._number(1) != 0
            case 0x02:
                return self._text(2)
            case 0x05 | 0x06 | 0x0D:  # null, undefined, unsupported
                return None
            case 0x0A:
                return self._array(depth)
            case 0x0B:
                date = self._double()
                self._number(2)  # time zone, which has no meaning
                return date
            case 0x0C | 0x0F:  # a long text, XML
                return self._text(4)
        return self._object(marker, depth)

    def _object(self, marker: int, depth: int) -> dict[str, Amf]:
        match marker:
            case 0x03:
                pass
            case 0x08:
                self._number(4)  # a hint: what ends the array is the end marker
            case 0x10:
                self._text(2)  # the name of its class
            case _:
                raise StreamFormatError(f"AMF: no value begins with {marker:#04x}")
        return self._pairs(depth)

    def _pairs(self, depth: int) -> dict[str, Amf]:
        found: dict[str, Amf] = {}
        while self.left:
            # Some encoders leave the end marker out where the message ends.
            if self._data[self._at : self._at + 3] == _END:
                self._at += 3
                break
            name = self._text(2)
            found[name] = self.value(depth + 1)
        return found

    def _array(self, depth: int) -> list[Amf]:
        count = self._number(4)
        if count > MAX_VALUES:
            raise StreamFormatError("AMF: too many values")
        return [self.value(depth + 1) for _ in range(count)]

    def _double(self) -> float:
        return float(_double.unpack(self._take(8))[0])

    def _text(self, size: int) -> str:
        return self._take(self._number(size)).decode("utf-8", "replace")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise StreamFormatError("AMF: cut off")
        found = self._data[self._at : end]
        self._at = end
        return found


def _encoded(value: Amf) -> bytes:
    match value:
        case None:
            return b"\x05"
        case bool():
            return b"\x01\x01" if value else b"\x01\x00"
        case int() | float():
            return b"\x00" + _double.pack(value)
        case str():
            raw = value.encode("utf-8", "replace")
            if len(raw) > 0xFFFF:
                return b"\x0c" + len(raw).to_bytes(4, "big") + raw
            return b"\x02" + len(raw).to_bytes(2, "big") + raw
        case Mapping():
            return b"\x03" + b"".join(_pairs(value.items())) + _END
        case list():
            return b"\x0a" + len(value).to_bytes(4, "big") + b"".join(map(_encoded, value))


def _pairs(items: Iterable[tuple[str, Amf]]) -> Iterable[bytes]:
    for name, value in items:
        raw = name.encode("utf-8", "replace")
        yield len(raw).to_bytes(2, "big") + raw + _encoded(value)
