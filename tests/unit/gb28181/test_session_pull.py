"""The stream machine: one pull for many viewers, linger, and calling again after trouble."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.session.model import EndReason, Failure
from gb28181.session.pull import (
    CallFailed,
    CallRunning,
    Close,
    Closed,
    Denied,
    DeviceBack,
    EndCall,
    Input,
    Pull,
    PullState,
    PullTimes,
    Ready,
    StartCall,
    Tick,
    Viewers,
    Wanted,
)

GONE = Failure(EndReason.MEDIA_STOPPED, "silent")
OFFLINE = Failure(EndReason.DEVICE_OFFLINE, "offline")
REFUSED = Failure(EndReason.INVITE_REJECTED, "busy", 486)
STOP = Failure(EndReason.STOPPED, "stopped")


def running(viewers: int = 0, now: float = 0.0) -> Pull:
    pull = Pull(now, PullTimes(30, 30))
    assert pull.start() == [StartCall()]
    assert pull.handle(CallRunning(), now) == [Ready()]
    if viewers:
        pull.handle(Viewers(viewers), now)
    return pull


def closing_reason(effects: list) -> EndReason:
    (closed,) = [e for e in effects if isinstance(e, Closed)]
    return closed.failure.reason


def test_a_first_call_that_fails_is_told_and_closed() -> None:
    pull = Pull(0.0)
    pull.start()
    assert pull.handle(CallFailed(REFUSED), 1.0) == [Denied(REFUSED), Closed(REFUSED)]


def test_asking_again_joins_what_runs() -> None:
    assert running().handle(Wanted(), 5.0) == [Ready()]


def test_linger_counts_from_the_start_and_from_the_last_viewer() -> None:
    pull = running()
    assert pull.deadline == 30
    assert closing_reason(pull.handle(Tick(), 30.0)) is EndReason.NO_VIEWERS
    pull = running(viewers=2)
    assert pull.deadline is None
    pull.handle(Viewers(0), 100.0)
    assert pull.deadline == 130
    pull.handle(Wanted(), 120.0)
    assert pull.deadline == 150
    effects = pull.handle(Tick(), 150.0)
    assert isinstance(effects[0], EndCall)
    assert closing_reason(effects) is EndReason.NO_VIEWERS


def test_a_slow_first_call_does_not_use_up_the_linger() -> None:
    pull = Pull(0.0, PullTimes(linger_s=2, window_s=30))
    pull.start()
    assert pull.deadline is None
    pull.handle(CallRunning(), 9.0)
    assert pull.deadline == 11.0


def test_a_break_without_viewers_closes() -> None:
    pull = running()
    assert pull.handle(CallFailed(GONE), 5.0) == [Closed(GONE)]


@pytest.mark.clause("GB/T 28181-2022", "annex K")
def test_a_break_with_viewers_is_called_again_with_growing_pauses() -> None:
    pull = running(viewers=1)
    now, calls = 50.0, []
    assert pull.handle(CallFailed(GONE), now) == []
    while pull.state is not PullState.CLOSED:
        assert pull.deadline is not None
        now = pull.deadline
        effects = pull.handle(Tick(), now)
        if StartCall() in effects:
            calls.append(now - 50.0)
            effects = pull.handle(CallFailed(GONE), now)
    assert calls[:4] == [0.5, 1.5, 3.5, 7.5]
    assert all(later - earlier <= 8.0 for earlier, later in pairwise(calls))
    assert now - 50.0 == 30.0


def test_the_picture_comes_back_and_viewers_never_left() -> None:
    pull = running(viewers=1)
    pull.handle(CallFailed(GONE), 50.0)
    assert pull.handle(Tick(), 50.5) == [StartCall()]
    assert pull.handle(CallRunning(), 51.0) == [Ready()]
    assert pull.state is PullState.RUNNING


def flapped(ran_s: float) -> Pull:
    """A pull that broke, came back after one second and broke again ``ran_s`` later."""
    pull = running(viewers=1)
    pull.handle(CallFailed(GONE), 50.0)
    pull.handle(Tick(), 50.5)
    pull.handle(CallRunning(), 51.0)
    assert pull.handle(CallFailed(GONE), 51.0 + ran_s) == []
    return pull


def test_flapping_is_one_trouble_with_longer_pauses() -> None:
    assert flapped(1.0).deadline == 53.0


def test_a_stable_run_ends_the_trouble() -> None:
    assert flapped(29.5).deadline == 81.0


def test_an_offline_device_is_called_when_it_comes_back() -> None:
    pull = running(viewers=1)
    pull.handle(CallFailed(OFFLINE), 50.0)
    assert pull.deadline == 80.0
    assert pull.handle(Tick(), 60.0) == []
    assert pull.handle(DeviceBack(), 61.0) == [StartCall()]


def test_an_offline_device_that_stays_away_closes_its_viewers() -> None:
    pull = running(viewers=1)
    pull.handle(CallFailed(OFFLINE), 50.0)
    effects = pull.handle(Tick(), 80.0)
    assert closing_reason(effects) is EndReason.DEVICE_OFFLINE


def test_the_last_viewer_leaving_in_trouble_closes() -> None:
    pull = running(viewers=1)
    pull.handle(CallFailed(GONE), 50.0)
    assert closing_reason(pull.handle(Viewers(0), 50.1)) is EndReason.MEDIA_STOPPED


def test_close_ends_the_call_whoever_looks() -> None:
    pull = running(viewers=9)
    assert pull.handle(Close(STOP), 5.0) == [EndCall(STOP), Closed(STOP)]
    assert pull.handle(Close(STOP), 6.0) == []


events: st.SearchStrategy[Input] = st.sampled_from(
    [
        Wanted(),
        CallRunning(),
        CallFailed(GONE),
        CallFailed(OFFLINE),
        Viewers(0),
        Viewers(1),
        DeviceBack(),
        Tick(),
    ]
)


@given(st.lists(st.tuples(events, st.floats(0, 20)), max_size=20))
def test_never_two_calls_at_once_and_never_stuck(  # noqa: C901
    script: list[tuple[Input, float]],
) -> None:
    """Calls alternate with their ends; without viewers and news the pull closes by time alone."""
    pull, now, open_calls = Pull(0.0), 0.0, 1
    pull.start()
    for event, step in script:
        now += step
        if isinstance(event, CallFailed) and not open_calls:
            continue
        if isinstance(event, CallRunning) and (not open_calls or pull.state is PullState.RUNNING):
            continue
        if isinstance(event, CallFailed):
            open_calls = 0
        for effect in pull.handle(event, now):
            if isinstance(effect, StartCall):
                open_calls += 1
            if isinstance(effect, EndCall):
                open_calls = 0
        assert open_calls <= 1
        if pull.state is PullState.CLOSED:
            return
    if open_calls and pull.state is not PullState.RUNNING:
        pull.handle(CallFailed(GONE), now)
    pull.handle(Viewers(0), now)
    for _ in range(3):
        if pull.deadline is not None:
            now = max(now, pull.deadline)
            pull.handle(Tick(), now)
    assert pull.state is PullState.CLOSED
