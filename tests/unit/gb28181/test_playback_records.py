"""Recordings as devices tell them, made usable."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp import RecordItem
from gb28181.playback.records import Recording, boundaries, days, spans, tidy
from gb28181.session.model import Span

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "9.7"),
]

CHANNEL = "64010600001320000001"
MORNING = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)  # 08:00 in Beijing


def item(start: str, end: str, **more: str) -> RecordItem:
    return RecordItem(CHANNEL, f"2026-11-21T{start}", f"2026-11-21T{end}", **more)


def at(minutes: float) -> datetime:
    return MORNING + timedelta(minutes=minutes)


def recording(first: float, last: float) -> Recording:
    return Recording(at(first), at(last))


def test_times_get_their_zone_and_order_and_doubles_go() -> None:
    items = [
        item("09:00:00", "10:00:00", type="Time"),
        item("08:00:00", "09:00:00", type="time"),
        item("09:00:00", "10:00:00", type="time"),
        item("08:30:00", "08:31:00", type="alarm"),
    ]
    found = tidy(items, MORNING, at(600))
    assert [(r.start, r.type) for r in found] == [
        (at(0), "time"),
        (at(30), "alarm"),
        (at(60), "time"),
    ]


def test_what_cannot_be_used_or_was_not_asked_for_is_left_out() -> None:
    items = [
        item("09:00:00", "08:00:00"),
        RecordItem(CHANNEL, "yesterday", "today"),
        RecordItem(CHANNEL, "1970-01-01T00:00:00", "1970-01-01T01:00:00"),
        item("07:00:00", "08:00:00"),
        item("07:59:00", "08:01:00"),
    ]
    assert [r.start for r in tidy(items, MORNING, at(60))] == [at(-1)]


def test_days_are_those_of_beijing() -> None:
    start = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    assert list(days(start, start + timedelta(hours=26))) == [
        (start, datetime(2026, 11, 21, 16, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), datetime(2026, 11, 22, 16, 0, tzinfo=UTC)),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), start + timedelta(hours=26)),
    ]


def test_overlaps_and_neighbours_are_one_span_and_the_ends_are_those_asked_for() -> None:
    found = [recording(30, 40), recording(0, 10), recording(5, 6), recording(10, 20)]
    base = int(MORNING.timestamp())
    assert spans(found, at(3), at(35)) == [
        Span(base + 180, base + 1200),
        Span(base + 1800, base + 2100),
    ]
    assert len(boundaries(found)) == 4


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), max_size=20))
def test_spans_cover_exactly_what_was_recorded(parts: list[tuple[int, int]]) -> None:
    found = [recording(first, first + length) for first, length in parts]
    joined = spans(found, at(0), at(1000))
    assert all(b.start - a.end > 2 for a, b in itertools.pairwise(joined))
    minutes = {m for first, length in parts for m in range(first, first + length)}
    covered = sum(span.end - span.start for span in joined)
    assert covered == 60 * len(minutes)
