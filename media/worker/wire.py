"""Frames between a node and its worker: a length of four bytes, then one value in MessagePack.

A value is a plain one or one of the frozen dataclasses handed to the constructor, nested as they
come; it arrives as it was sent, enumerations and tuples included. Nothing else can be made by what
is received: this is no pickle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from typing import Any, get_args, get_type_hints

import msgpack

MAX_FRAME = 64 << 20
"""A longer frame is no frame: bytes. The longest is a programme to be played."""

_HEAD = 4
_VALUE = 1


class WireError(Exception):
    """The other side sent what cannot be read; the connection is of no use any more."""


class Wire:
    """Writes and reads frames; one object per connection, because half a frame is kept."""

    def __init__(self, types: Iterable[type[Any]]) -> None:
        self._types = {one.__name__: one for one in types}
        self._names = {one: name for name, one in self._types.items()}
        self._enums = {one: _enumerations(one) for one in self._names}
        self._buffer = bytearray()

    def write(self, value: object) -> bytes:
        """One value as a frame."""
        body: bytes = msgpack.packb(value, default=self._pack, use_bin_type=True)
        return len(body).to_bytes(_HEAD, "big") + body

    def feed(self, data: bytes) -> list[Any]:
        """The values that are complete with these bytes; raises WireError."""
        buffer = self._buffer
        buffer += data
        found: list[Any] = []
        start = 0
        while len(buffer) - start >= _HEAD:
            size = int.from_bytes(buffer[start : start + _HEAD], "big")
            if size > MAX_FRAME:
                raise WireError(f"a frame of {size} bytes")
            end = start + _HEAD + size
            if len(buffer) < end:
                break
            with memoryview(buffer) as whole:
                found.append(self._read(whole[start + _HEAD : end]))
            start = end
        if start:
            del buffer[:start]
        return found

    def _read(self, body: memoryview | bytes) -> Any:
        try:
            return msgpack.unpackb(body, ext_hook=self._unpack, use_list=False)
        except WireError:
            raise
        except Exception as error:  # msgpack has many ways to say that bytes are wrong
            raise WireError(f"unreadable: {error}") from error

    def _pack(self, value: object) -> msgpack.ExtType:
        name = self._names.get(type(value))
        if name is None:
            raise TypeError(f"{type(value).__name__} does not travel")
        parts = [name, *(getattr(value, field.name) for field in fields(value))]  # type: ignore[arg-type]
        body = msgpack.packb(parts, default=self._pack, use_bin_type=True)
        return msgpack.ExtType(_VALUE, body)

    def _unpack(self, code: int, data: bytes) -> object:
        parts = self._read(data)
        if code != _VALUE or not isinstance(parts, tuple) or not parts:
            raise WireError(f"an extension of code {code}")
        kind = self._types.get(parts[0])
        if kind is None:
            raise WireError(f"a value of unknown kind {parts[0]!r}")
        values = list(parts[1:])
        if len(values) != len(fields(kind)):
            raise WireError(f"{kind.__name__} with {len(values)} fields")
        for index, enumeration in self._enums[kind]:
            if values[index] is not None:
                values[index] = enumeration(values[index])
        return kind(*values)


def _enumerations(kind: type[Any]) -> list[tuple[int, type[Enum]]]:
    """Which fields of a dataclass hold an enumeration: MessagePack knows only its value."""
    hints = get_type_hints(kind)
    found = []
    for index, field in enumerate(fields(kind)):
        hint = hints[field.name]
        for one in (hint, *get_args(hint)):
            if isinstance(one, type) and issubclass(one, Enum):
                found.append((index, one))
    return found
