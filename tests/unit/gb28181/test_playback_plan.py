"""The plan of a recording: which part the next call asks for."""

from __future__ import annotations

import pytest

from gb28181.playback.plan import ClockMeter, MediaMeter, RecordingPlan
from gb28181.session.model import EndReason, Failure, SessionKind, Span, StreamKey
from gb28181.session.plan import Next

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "9.8"),
]

T = 1_795_219_200
WANTED = Span(T, T + 1000)
DONE = Failure(EndReason.FINISHED, "sent")
GONE = Failure(EndReason.MEDIA_STOPPED, "silent")
BYE = Failure(EndReason.DEVICE_BYE, "bye")
LEAPT = DONE


def plan(
    meter: ClockMeter | MediaMeter | None = None,
    spans: tuple[Span, ...] = (),
    files: tuple[Span, ...] = (),
    start: float | None = None,
) -> RecordingPlan:
    return RecordingPlan(
        StreamKey("c", "main", "playback-1"),
        None,
        SessionKind.PLAYBACK,
        WANTED,
        meter or ClockMeter(),
        spans=spans,
        files=files,
        start=start,
    )


def asked(made: RecordingPlan, now: float) -> tuple[int, int]:
    span = made.ask(now).span
    assert span is not None
    made.running(now)
    return span.start - T, span.end - T


def test_one_call_for_all_when_nothing_is_known() -> None:
    made = plan()
    assert asked(made, 0) == (0, 1000)
    assert made.over(DONE, 500) is Next.DONE


def test_a_broken_call_is_asked_for_again_from_where_it_broke() -> None:
    made = plan()
    asked(made, 0)
    assert made.over(GONE, 100.4) is Next.BROKEN
    assert asked(made, 105) == (100, 1000)
    assert made.over(GONE, 110) is Next.BROKEN
    assert asked(made, 111) == (105, 1000)


def test_a_call_that_never_ran_does_not_move_on() -> None:
    made = plan()
    made.ask(0)
    assert made.over(Failure(EndReason.INVITE_TIMEOUT, "no answer"), 8) is Next.BROKEN
    assert asked(made, 9) == (0, 1000)


@pytest.mark.parametrize("end", [GONE, BYE])
def test_a_device_that_forgets_to_say_the_end(end: Failure) -> None:
    made = plan()
    asked(made, 0)
    assert made.over(end, 999) is Next.DONE


def test_gaps_are_passed_over_and_a_start_in_a_gap_moves_to_what_follows() -> None:
    spans = (Span(T + 100, T + 200), Span(T + 500, T + 600))
    made = plan(spans=spans)
    assert asked(made, 0) == (100, 200)
    assert made.over(DONE, 100) is Next.FOLLOWS
    assert asked(made, 101) == (500, 600)
    assert made.over(DONE, 201) is Next.DONE
    assert asked(plan(spans=spans, start=T + 300), 0) == (500, 600)
    assert asked(plan(spans=spans, start=T + 150), 0) == (150, 200)


def test_the_next_file_of_a_device_that_stops_at_the_end_of_each() -> None:
    files = (Span(T - 50, T + 300), Span(T + 300, T + 700), Span(T + 700, T + 1100))
    made = plan(spans=(WANTED,), files=files)
    assert asked(made, 0) == (0, 1000)
    assert made.over(DONE, 299) is Next.FOLLOWS
    assert asked(made, 300) == (300, 1000)
    assert made.over(DONE, 700) is Next.FOLLOWS
    assert asked(made, 701) == (700, 1000)
    assert made.over(DONE, 1001) is Next.DONE


def test_a_device_that_ends_at_once_does_not_make_it_turn_for_ever() -> None:
    files = tuple(Span(T + n * 100, T + n * 100 + 100) for n in range(10))
    made = plan(spans=(WANTED,), files=files)
    calls = 0
    while calls < 50:
        asked(made, calls)
        calls += 1
        if made.over(DONE, calls) is Next.DONE:
            break
    assert calls <= 10


def test_position_follows_speed_and_pauses() -> None:
    meter = ClockMeter()
    made = plan(meter)
    asked(made, 0)
    assert made.position(10) == T + 10
    meter.run(4.0, 10)
    assert made.position(20) == T + 50
    meter.pause(20)
    assert made.position(500) == T + 50
    meter.resume(500)
    assert made.position(510) == T + 90
    meter.run(-1.0, 510)
    assert made.position(530) == T + 70
    assert made.position(5000) == T
    made.went(T + 900, 600)
    assert made.position(600) == T + 900
    assert made.position(9999) == T + 1000 or meter.scale < 0


def test_running_backwards_ends_at_the_beginning() -> None:
    meter = ClockMeter()
    made = plan(meter, files=(Span(T, T + 500), Span(T + 500, T + 1000)))
    asked(made, 0)
    made.went(T + 100, 0)
    meter.run(-1.0, 0)
    assert made.over(DONE, 100) is Next.DONE


def test_a_leap_to_another_stretch_is_another_call() -> None:
    made = plan(spans=(Span(T, T + 200), Span(T + 500, T + 600)))
    asked(made, 0)
    assert made.reaches(T + 150)
    assert not made.reaches(T + 550)
    made.leap(T + 550)
    assert made.over(LEAPT, 10) is Next.FOLLOWS
    assert asked(made, 11) == (550, 600)


def test_a_file_is_measured_by_what_was_received() -> None:
    received = [0.0]
    made = plan(MediaMeter(lambda: received[0]))
    asked(made, 0)
    received[0] = 40.0
    assert made.position(5) == T + 40
    assert made.over(GONE, 5) is Next.BROKEN
    assert asked(made, 6) == (40, 1000)
    received[0] = 50.0
    assert made.position(7) == T + 50
