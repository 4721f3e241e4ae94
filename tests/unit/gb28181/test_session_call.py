"""The INVITE dialog machine against a fake clock: every way a call can go, and what it must do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.session.call import CLOSING_S, Call, CallTimes
from gb28181.session.call_words import (
    Accepted,
    ByeDone,
    Changed,
    CloseReceiver,
    Connect,
    End,
    Ended,
    Failed,
    Input,
    MediaBegan,
    MediaForeign,
    MediaLost,
    PeerBye,
    Refused,
    Running,
    SendAck,
    SendBye,
    SendCancel,
    Tick,
    Unanswered,
)
from gb28181.session.model import EndReason, Failure, SessionState

STOP = Failure(EndReason.STOPPED, "stopped")
TIMES = CallTimes(invite_s=8, media_s=10, total_s=14)


def call() -> Call:
    return Call(0.0, TIMES)


def running() -> Call:
    machine = call()
    machine.handle(Accepted(), 0.1)
    machine.handle(MediaBegan(), 0.2)
    assert machine.state is SessionState.RUNNING
    return machine


def reason(machine: Call) -> EndReason | None:
    return machine.failure.reason if machine.failure else None


def test_the_plain_way_to_a_picture_and_back() -> None:
    machine = call()
    assert machine.handle(Accepted(), 0.1) == [SendAck(), Changed(SessionState.WAITING)]
    assert machine.handle(MediaBegan(), 0.3) == [Changed(SessionState.RUNNING), Running()]
    assert machine.deadline is None
    assert machine.handle(End(STOP), 9.0) == [
        Failed(STOP),
        Changed(SessionState.CLOSING),
        SendBye(),
        CloseReceiver(),
    ]
    assert machine.handle(ByeDone(), 9.1) == [Changed(SessionState.ENDED), Ended()]


def test_active_tcp_connects_after_the_ack() -> None:
    effects = call().handle(Accepted(connect=("192.0.2.1", 15060)), 0.1)
    assert effects[0] == SendAck()
    assert Connect("192.0.2.1", 15060) in effects


def test_a_picture_that_overtakes_the_200_counts_when_the_200_is_there() -> None:
    machine = call()
    assert machine.handle(MediaBegan(), 0.1) == []
    effects = machine.handle(Accepted(), 0.2)
    assert effects[0] == SendAck()
    assert effects[-1] == Running()


def test_no_answer_is_told_at_once_but_the_port_stays_held_until_the_transaction_ends() -> None:
    machine = call()
    assert machine.deadline == 8
    effects = machine.handle(Tick(), 8.0)
    assert [type(e) for e in effects] == [Failed, Changed, SendCancel, CloseReceiver]
    assert effects[-1] == CloseReceiver(quarantine=True)
    assert reason(machine) is EndReason.INVITE_TIMEOUT
    assert machine.state is SessionState.CLOSING
    effects = machine.handle(Unanswered(), 32.0)
    assert effects == [Changed(SessionState.ENDED), Ended()]


def test_a_late_200_is_acked_and_ended_with_bye() -> None:
    machine = call()
    machine.handle(Tick(), 8.0)
    assert machine.handle(Accepted(), 12.0) == [SendAck(), SendBye()]
    assert machine.handle(ByeDone(), 12.1)[-1] == Ended()
    assert reason(machine) is EndReason.INVITE_TIMEOUT


def test_a_repeated_200_is_acked_again_and_nothing_else() -> None:
    machine = running()
    assert machine.handle(Accepted(), 1.0) == [SendAck()]
    machine.handle(End(STOP), 2.0)
    assert machine.handle(Accepted(), 2.1) == [SendAck()]


@pytest.mark.parametrize("status", [404, 486, 488, 500, 603])
def test_a_refusal_ends_the_call_and_keeps_its_status(status: int) -> None:
    machine = call()
    effects = machine.handle(Refused(status, "No"), 0.1)
    assert isinstance(effects[0], Failed)
    assert effects[0].failure.sip_status == status
    assert effects[-1] == Ended()
    assert reason(machine) is EndReason.INVITE_REJECTED


def test_an_unusable_answer_is_acked_and_ended() -> None:
    machine = call()
    effects = machine.handle(Accepted(problem="port 0"), 0.1)
    assert [type(e) for e in effects] == [SendAck, Failed, Changed, SendBye, CloseReceiver]
    assert reason(machine) is EndReason.INVITE_REJECTED


def test_no_media_ends_with_bye_before_the_total_is_over() -> None:
    machine = call()
    machine.handle(Accepted(), 7.0)
    assert machine.deadline == 14
    effects = machine.handle(Tick(), 14.0)
    assert SendBye() in effects
    assert reason(machine) is EndReason.NO_MEDIA


def test_media_that_stops_and_media_that_never_came_are_two_reasons() -> None:
    machine = running()
    assert SendBye() in machine.handle(MediaLost("silent for 10 s"), 20.0)
    assert reason(machine) is EndReason.MEDIA_STOPPED
    waiting = call()
    waiting.handle(Accepted(), 0.1)
    waiting.handle(MediaLost("connection refused"), 0.2)
    assert reason(waiting) is EndReason.NO_MEDIA


def test_a_codec_nobody_can_carry() -> None:
    machine = call()
    machine.handle(Accepted(), 0.1)
    assert SendBye() in machine.handle(MediaForeign("SVAC"), 0.5)
    assert reason(machine) is EndReason.UNSUPPORTED_CODEC


def test_bye_of_the_device_ends_without_a_bye_of_ours() -> None:
    effects = running().handle(PeerBye(), 5.0)
    assert SendBye() not in effects
    assert CloseReceiver() in effects
    assert effects[-1] == Ended()


def test_an_unanswered_bye_does_not_hold_the_session() -> None:
    machine = running()
    machine.handle(End(STOP), 5.0)
    assert machine.deadline == 5.0 + CLOSING_S
    assert machine.handle(Tick(), 5.0 + CLOSING_S)[-1] == Ended()


inputs: st.SearchStrategy[Input] = st.sampled_from(
    [
        Accepted(),
        Accepted(problem="x"),
        Refused(486),
        Unanswered(),
        MediaBegan(),
        MediaLost("gap"),
        MediaForeign("SVAC"),
        PeerBye(),
        End(STOP),
        ByeDone(),
        Tick(),
    ]
)


@given(st.lists(st.tuples(inputs, st.floats(0, 30)), max_size=12))
def test_any_order_ends_once_and_releases_once(events: list[tuple[Input, float]]) -> None:
    """Whatever comes: fails at most once, closes its receiver once, ends once; time ends it."""
    machine, now, seen = call(), 0.0, []
    for event, step in events:
        now += step
        seen += machine.handle(event, now)
    if machine.state is not SessionState.ENDED:
        seen += machine.handle(End(STOP), now)
    for _ in range(4):
        if machine.deadline is not None:
            now = max(now, machine.deadline)
            seen += machine.handle(Tick(), now)
    assert machine.state is SessionState.ENDED
    assert seen.count(Ended()) == 1
    assert sum(isinstance(e, CloseReceiver) for e in seen) == 1
    assert sum(isinstance(e, Failed) for e in seen) == 1
    assert seen.count(SendBye()) <= 1
