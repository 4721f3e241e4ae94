"""Cache of the pictures since the last key frame, so that a new viewer sees something at once.

It starts at a key frame and holds every unit behind it, sound included, until the next key frame
replaces it all.  Pictures depend on the ones before them, so nothing can be taken out of the
middle: when the cache would grow over its bytes or seconds, all of it goes and the next key frame
starts it anew (a camera with a key frame every minute costs its viewers the wait, not us the
memory).
"""

from __future__ import annotations

from collections.abc import Iterator

from media.unit import CLOCK_HZ, AccessUnit, Codec


class GopCache:
    """Units from the last key frame on, at most `max_bytes` and `max_s`."""

    __slots__ = ("_first_dts", "_max_bytes", "_max_ticks", "_units", "overflows", "size")

    def __init__(self, max_bytes: int, max_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_ticks = round(max_s * CLOCK_HZ)
        self._units: list[AccessUnit] = []
        self._first_dts = 0
        self.size = 0
        """Payload bytes held."""
        self.overflows = 0
        """How often a group of pictures was too large to be held."""

    def __repr__(self) -> str:
        return f"<GopCache units={len(self._units)} bytes={self.size}>"

    def __len__(self) -> int:
        return len(self._units)

    def __iter__(self) -> Iterator[AccessUnit]:
        return iter(self._units)

    def push(self, unit: AccessUnit) -> None:
        size = len(unit.data)
        if unit.video and unit.key:
            self._units = []
            self.size = 0
            self._first_dts = unit.dts
        elif not self._units:
            return
        if self.size + size > self._max_bytes or unit.dts - self._first_dts > self._max_ticks:
            self.overflows += 1
            self.clear()
            return
        self._units.append(unit)
        self.size += size

    def drop(self, codec: Codec) -> None:
        """Take one track of sound out."""
        self._units = [unit for unit in self._units if unit.codec is not codec]
        self.size = sum(len(unit.data) for unit in self._units)

    def clear(self) -> None:
        self._units = []
        self.size = 0
