"""What a simulated camera recorded: the same for every channel and day, without a byte on a disk.

Each day (Beijing) is cut into files of an hour, 00:00 to 24:00, kept for a week. Between 03:00 and
03:10 nothing is recorded; the files of 05, 11, 17 and 23 o'clock are of type `alarm`, the others of
type `time`. The file of the running hour ends now. Recordings started by RecordCmd are added as
type `manual`. Times are whole UNIX seconds.

GB/T 28181-2022 A.2.4.5, A.2.6.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gb28181.simulator.clip import MAIN

DAY_S: Final = 86_400
FILE_S: Final = 3600
BEIJING_S: Final = 8 * 3600
KEEP_S: Final = 7 * DAY_S
GAP_S: Final = 600
BYTES_PER_S: Final = MAIN.kbps * 1000 // 8
MOST_MANUAL: Final = 1000
_GAP_HOUR: Final = 3
_ALARM_HOURS: Final = (5, 11, 17, 23)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One file."""

    start: int
    end: int
    type: str
    """time, alarm or manual."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return (self.end - self.start) * BYTES_PER_S


class Archive:
    """The files of one channel."""

    __slots__ = ("_manual", "_since")

    def __init__(self) -> None:
        self._manual: list[Recorded] = []
        self._since: int | None = None

    @property
    def is_recording(self) -> bool:
        """By hand."""
        return self._since is not None

    def record(self, on: bool, now: float) -> None:
        """RecordCmd: begin or end a recording by hand."""
        if on and self._since is None:
            self._since = int(now)
        elif not on and self._since is not None:
            if int(now) > self._since:
                self._manual.append(Recorded(self._since, int(now), "manual"))
                del self._manual[:-MOST_MANUAL]
            self._since = None

    def files(self, start: float, end: float, now: float, kind: str = "all") -> list[Recorded]:
        """The files that touch a stretch of time, in order."""
        found = [*_by_plan(start, end, now), *self._by_hand(now)]
        return sorted(
            (
                one
                for one in found
                if one.end > start and one.start < end and kind in ("", "all", one.type)
            ),
            key=lambda one: (one.start, one.end),
        )

    def _by_hand(self, now: float) -> Iterator[Recorded]:
        yield from self._manual
        if self._since is not None and int(now) > self._since:
            yield Recorded(self._since, int(now), "manual")

    def stretches(self, start: float, end: float, now: float) -> list[tuple[int, int]]:
        """What can be played of a stretch: without holes inside, in order."""
        found: list[tuple[int, int]] = []
        for one in self.files(start, end, now):
            low, high = max(one.start, int(start)), min(one.end, int(end))
            if found and low <= found[-1][1]:
                found[-1] = (found[-1][0], max(high, found[-1][1]))
            elif high > low:
                found.append((low, high))
        return found


def _by_plan(start: float, end: float, now: float) -> Iterator[Recorded]:
    last = int(now)
    first = max(int(start), last - KEEP_S)
    begin = first - (first + BEIJING_S) % FILE_S
    for at in range(begin, min(int(end), last) + 1, FILE_S):
        hour = (at + BEIJING_S) % DAY_S // FILE_S
        low = at + GAP_S if hour == _GAP_HOUR else at
        high = min(at + FILE_S, last)
        if high > low:
            yield Recorded(low, high, "alarm" if hour in _ALARM_HOURS else "time")
