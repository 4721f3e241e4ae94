"""Feeding a stream whole and in pieces: what comes out may not depend on the cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Feed = Callable[[bytes], Iterable[Any]]

SIZES = (1, 7, 61)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def however_cut(start: Callable[[], Feed], data: bytes) -> list[Any]:
    """The items of a fresh decoder fed at once, which are those of any other cut as well."""
    whole = list(start()(data))
    for size in SIZES:
        feed = start()
        found = [item for piece in pieces(data, size) for item in feed(piece)]
        assert found == whole, f"pieces of {size} bytes give {found!r} instead of {whole!r}"
    return whole


class Script:
    """Bytes as a source of small decisions, for targets whose input is not one string."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int = 1) -> int:
        """The next bytes as an unsigned number, zeros behind the end."""
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "big")

    def take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += size
        return found
