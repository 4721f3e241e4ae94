"""The weekly time table of a plan: stretches of minutes of each day, in a time zone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
MOST_STRETCHES = 48
"""Of one day."""
AHEAD_DAYS = 8

Days = Sequence[Sequence[Sequence[int]]]


def checked(days: Days) -> list[list[list[int]]]:
    """The table in order, with stretches that touch as one; raises ValueError with a reason."""
    if len(days) != 7:
        raise ValueError("a week has seven days, from Monday on")
    return [_day(stretches) for stretches in days]


def _day(stretches: Sequence[Sequence[int]]) -> list[list[int]]:
    if len(stretches) > MOST_STRETCHES:
        raise ValueError(f"a day has at most {MOST_STRETCHES} stretches")
    merged: list[list[int]] = []
    for start, end in sorted(_pair(one) for one in stretches):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def _pair(stretch: Sequence[int]) -> tuple[int, int]:
    if len(stretch) != 2 or not 0 <= stretch[0] < stretch[1] <= DAY_MINUTES:
        raise ValueError(f"a stretch is [from, to] in minutes of the day, 0 to {DAY_MINUTES}")
    return stretch[0], stretch[1]


class Week:
    """When recording is wanted."""

    def __init__(self, days: Days, zone: ZoneInfo) -> None:
        """Raises ValueError for a table that is none."""
        self._days = checked(days)
        self._zone = zone

    def covers(self, at: float) -> bool:
        """Whether it is wanted at this UNIX time."""
        local = datetime.fromtimestamp(at, self._zone)
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._days[local.weekday()])

    def next_change(self, at: float) -> float | None:
        """When it will be the other way round; None: never."""
        now = self.covers(at)
        for moment in self._bounds(at):
            if moment > at and self.covers(moment) != now:
                return moment
        return None

    def _bounds(self, at: float) -> Iterator[float]:
        """Beginnings and ends of stretches, and midnights, from the day of `at` on."""
        first = datetime.fromtimestamp(at, self._zone).date()
        for number in range(AHEAD_DAYS + 1):
            day = first + timedelta(days=number)
            minutes = {0} | {m for stretch in self._days[day.weekday()] for m in stretch}
            midnight = datetime.combine(day, time())
            for minute in sorted(minutes):
                local = (midnight + timedelta(minutes=minute)).replace(tzinfo=self._zone)
                yield local.astimezone(UTC).timestamp()
