from __future__ import annotations

from gb28181.telemetry import events as ev
from gb28181.telemetry.events import LogEvent
from gb28181.telemetry.rate import RateLimited
from tests.support.clock import FakeClock


class Lines:
    """Collects what was written as (event, source field, count)."""

    def __init__(self) -> None:
        self.written: list[tuple[str, object, object]] = []

    def event(self, event: LogEvent, **fields: object) -> None:
        self.written.append((event.name, fields.get("remote"), fields.get("count")))


def flood(limited: RateLimited, source: str, times: int) -> None:
    for _ in range(times):
        limited.event(ev.SIP_MESSAGE_REJECTED, source, remote=source)


def test_the_first_is_written_at_once_and_the_rest_as_one_line_with_a_count() -> None:
    clock, lines = FakeClock(), Lines()
    limited = RateLimited(lines, clock)
    flood(limited, "a", 50)
    assert lines.written == [("sip.message_rejected", "a", None)]
    clock.advance(1.0)
    flood(limited, "a", 1)
    assert lines.written[1:] == [("sip.message_rejected", "a", 50)]


def test_sources_and_events_are_counted_apart() -> None:
    clock, lines = FakeClock(), Lines()
    limited = RateLimited(lines, clock)
    flood(limited, "a", 2)
    flood(limited, "b", 2)
    limited.event(ev.SIP_REQUEST_REFUSED, "a", remote="a")
    assert [line[:2] for line in lines.written] == [
        ("sip.message_rejected", "a"),
        ("sip.message_rejected", "b"),
        ("sip.request_refused", "a"),
    ]


def test_what_was_held_back_is_written_by_drain_and_a_silent_source_is_forgotten() -> None:
    clock, lines = FakeClock(), Lines()
    limited = RateLimited(lines, clock)
    flood(limited, "a", 4)
    limited.drain()
    assert len(lines.written) == 1
    clock.advance(1.0)
    limited.drain()
    assert lines.written[1:] == [("sip.message_rejected", "a", 3)]
    clock.advance(1.0)
    limited.drain()
    flood(limited, "a", 1)
    assert lines.written[2:] == [("sip.message_rejected", "a", None)]


def test_a_single_line_held_back_carries_no_count() -> None:
    clock, lines = FakeClock(), Lines()
    limited = RateLimited(lines, clock)
    flood(limited, "a", 2)
    clock.advance(1.0)
    limited.drain()
    assert lines.written[1:] == [("sip.message_rejected", "a", None)]


def test_many_sources_do_not_take_more_memory_and_lose_no_count() -> None:
    clock, lines = FakeClock(), Lines()
    limited = RateLimited(lines, clock, max_sources=10)
    flood(limited, "first", 3)
    for number in range(100):
        flood(limited, f"s{number}", 1)
    assert len(limited._floods) == 10
    assert ("sip.message_rejected", "first", 2) in lines.written
