"""What devices say they hold, made usable: instants with zone, sorted, each once.

Devices answer with times in Beijing without zone, in any order, with doubles, and with segments
that overlap where an alarm was recorded during continuous recording. All of it is kept as it is
for people; `spans` makes of it the stretches a player can run through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from gb28181.manscdp import RecordItem
from gb28181.manscdp.times import BEIJING, parse_time
from gb28181.session.model import Span

JOIN_S = 2
"""Segments this close to each other are one span: recorders cut files at whole seconds."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded segment; ``end`` is after ``start``."""

    start: datetime
    end: datetime
    type: str = ""
    """time, alarm, manual, or what the device writes."""
    size: int | None = None
    file_path: str = ""
    name: str = ""
    address: str = ""
    stream_number: str = ""


def record_key(item: RecordItem) -> tuple[str, str, str, str, str]:
    """What makes two items the same: device, times and stream (the file, where it is named)."""
    return (
        item.device_id,
        item.start_time,
        item.end_time,
        item.stream_number,
        item.file_path,
    )


def tidy(items: Iterable[RecordItem], start: datetime, end: datetime) -> list[Recording]:
    """Those with usable times that lie in the asked time, oldest first, each once."""
    found: dict[tuple[object, ...], Recording] = {}
    for item in items:
        recording = _recording(item)
        if recording is None or recording.end <= start or recording.start >= end:
            continue
        key = (recording.start, recording.end, recording.stream_number, recording.type)
        found.setdefault(key, recording)
    return sorted(found.values(), key=lambda r: (r.start, r.end))


def _recording(item: RecordItem) -> Recording | None:
    start, end = parse_time(item.start_time), parse_time(item.end_time)
    if start is None or end is None or end <= start:
        return None
    return Recording(
        start,
        end,
        item.type.lower(),
        item.size,
        item.file_path,
        item.name,
        item.address,
        item.stream_number,
    )


def days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The asked time cut at Beijing's midnights: devices are asked one day at a time."""
    at = start.astimezone(BEIJING)
    last = end.astimezone(BEIJING)
    while at < last:
        midnight = datetime.combine(at.date() + timedelta(days=1), time(), BEIJING)
        yield at.astimezone(UTC), min(midnight, last).astimezone(UTC)
        at = midnight


def spans(recordings: Iterable[Recording], start: datetime, end: datetime) -> list[Span]:
    """The recorded stretches of the asked time: overlaps and neighbours joined."""
    wanted = _span(start, end)
    joined: list[Span] = []
    for recording in sorted(recordings, key=lambda r: r.start):
        own = _span(recording.start, recording.end)
        first, last = max(own.start, wanted.start), min(own.end, wanted.end)
        if last <= first:
            continue
        if joined and first - joined[-1].end <= JOIN_S:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, last))
        else:
            joined.append(Span(first, last))
    return joined


def boundaries(recordings: Iterable[Recording]) -> list[Span]:
    """The segments as the device cut them, for devices that stop at the end of a file."""
    return sorted({_span(r.start, r.end) for r in recordings}, key=lambda s: (s.start, s.end))


def _span(start: datetime, end: datetime) -> Span:
    return Span(int(start.timestamp()), int(end.timestamp()))
