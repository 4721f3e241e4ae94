"""The machine of one target against a fake clock: every way it can go, and what it must do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.session.model import EndReason, Failure, SessionState
from gb28181.talk.leg import ACK_S, CLOSING_S, EARLY_S, HANGUP_S, LATE_ANSWER_S, Leg, LegTimes
from gb28181.talk.leg_words import (
    Accepted,
    Acked,
    Agreed,
    Aim,
    Answer,
    Ask,
    ByeDone,
    Changed,
    Close,
    Declined,
    Effect,
    End,
    Ended,
    Failed,
    Input,
    Invite,
    Invited,
    Lost,
    Notify,
    Open,
    Opened,
    PeerBye,
    PeerCancel,
    Reached,
    Refuse,
    SendAck,
    SendBye,
    SendCancel,
    Step,
    Tick,
    Way,
)
from gb28181.talk.reasons import WISHED, WORDS, Reason, Why, why_ended

TIMES = LegTimes(invite_s=10, connect_s=8)
STOP = Why(Reason.STOPPED)


def broadcast() -> Leg:
    return Leg(Way.BROADCAST, TIMES)


def asked() -> Leg:
    leg = broadcast()
    leg.handle(Ask(), 0.0)
    return leg


def awaiting() -> Leg:
    leg = asked()
    leg.handle(Agreed(), 1.0)
    return leg


def answered() -> Leg:
    leg = awaiting()
    leg.handle(Invited(), 2.0)
    leg.handle(Opened(), 2.0)
    return leg


def running(since: float = 3.0) -> Leg:
    leg = answered()
    leg.handle(Acked(), since)
    leg.handle(Reached(), since)
    assert leg.step is Step.RUNNING
    return leg


def reason(leg: Leg) -> Reason | None:
    return None if leg.why is None else leg.why.reason


def test_the_plain_way_to_a_loudspeaker_and_back() -> None:
    leg = broadcast()
    assert leg.state is SessionState.INVITING
    assert leg.handle(Ask(), 0.0) == [Changed(Step.ASKING), Notify()]
    assert leg.awaits_invite
    assert leg.handle(Agreed(), 1.0) == [Changed(Step.AWAITING)]
    assert leg.deadline == 11.0
    assert leg.handle(Invited(), 2.0) == [Changed(Step.CONNECTING), Open()]
    assert not leg.awaits_invite
    assert leg.handle(Opened(), 2.5) == [Answer()]
    assert leg.deadline == 10.5
    assert leg.handle(Acked(), 3.0) == [Aim()]
    assert leg.handle(Reached(), 3.0) == [Changed(Step.RUNNING)]
    assert (leg.deadline, leg.state) == (None, SessionState.RUNNING)
    assert leg.handle(End(STOP), 9.0) == [
        Failed(STOP),
        Changed(Step.CLOSING),
        SendBye(),
        Close(),
    ]
    assert leg.deadline == 9.0 + CLOSING_S
    assert leg.handle(ByeDone(), 9.1) == [Changed(Step.ENDED), Ended()]
    assert leg.failure == Failure(EndReason.STOPPED, "ended by request")


def test_the_invite_may_overtake_the_response() -> None:
    leg = asked()
    assert leg.handle(Invited(), 0.5) == [Changed(Step.CONNECTING), Open()]
    assert leg.handle(Agreed(), 0.6) == []
    assert leg.handle(Declined(Why(Reason.RESULT_ERROR)), 0.7) == []
    assert leg.handle(Opened(), 0.8) == [Answer()]


def test_a_device_that_connects_before_its_ack_runs_with_the_ack() -> None:
    leg = answered()
    leg.listens_for_device(True)
    assert leg.handle(Reached(), 2.1) == []
    assert leg.handle(Acked(), 2.2) == [Changed(Step.RUNNING)]


def test_a_device_that_connects_after_its_ack() -> None:
    leg = answered()
    leg.listens_for_device(True)
    assert leg.handle(Acked(), 2.1) == []
    assert leg.handle(Reached(), 2.2) == [Changed(Step.RUNNING)]


@pytest.mark.parametrize(
    "why", [Why(Reason.RESULT_ERROR), Why(Reason.NO_RESPONSE), Why(Reason.NOTIFY_REFUSED)]
)
def test_a_notification_that_came_to_nothing(why: Why) -> None:
    leg = asked()
    assert leg.handle(Declined(why), 1.0) == [Failed(why), Changed(Step.ENDED), Ended()]
    assert leg.handle(Invited(), 2.0) == []


def test_a_device_that_agrees_and_never_calls() -> None:
    leg = awaiting()
    assert leg.handle(Tick(), 10.9) == []
    effects = leg.handle(Tick(), 11.0)
    assert effects[1:] == [Changed(Step.ENDED), Ended()]
    assert reason(leg) is Reason.NO_INVITE


def test_no_ack_and_no_connection_are_two_things() -> None:
    leg = answered()
    leg.handle(Tick(), 10.0)
    assert reason(leg) is Reason.NO_ACK
    leg = answered()
    leg.handle(Acked(), 3.0)
    leg.handle(Tick(), 10.0)
    assert reason(leg) is Reason.NO_CONNECTION


def test_bye_waits_a_moment_for_the_ack() -> None:
    leg = answered()
    assert leg.handle(End(STOP), 3.0) == [Failed(STOP), Changed(Step.CLOSING), Close()]
    assert leg.deadline == 3.0 + ACK_S
    assert leg.handle(Acked(), 3.5) == [SendBye()]
    leg = answered()
    leg.handle(End(STOP), 3.0)
    assert leg.handle(Tick(), 3.0 + ACK_S) == [SendBye()]
    assert leg.handle(Acked(), 5.1) == []
    assert leg.handle(Tick(), 5.0 + CLOSING_S) == [Changed(Step.ENDED), Ended()]


def test_an_end_before_our_answer_refuses_the_invite() -> None:
    leg = awaiting()
    leg.handle(Invited(), 2.0)
    assert leg.handle(End(STOP), 2.1) == [Failed(STOP), Refuse(480), Changed(Step.ENDED), Ended()]
    leg = awaiting()
    leg.handle(Invited(), 2.0)
    assert Refuse(503) in leg.handle(End(Why(Reason.NO_PORT)), 2.1)


def test_an_end_before_anything_was_said_is_silent() -> None:
    leg = broadcast()
    assert leg.handle(End(STOP), 0.0) == [Failed(STOP), Changed(Step.ENDED), Ended()]
    leg = awaiting()
    assert leg.handle(End(STOP), 2.0) == [Failed(STOP), Changed(Step.ENDED), Ended()]


def test_a_device_that_hangs_up_at_once_means_something_else() -> None:
    leg = running(since=3.0)
    assert leg.handle(PeerBye(), 3.0 + EARLY_S - 0.1)[1:] == [
        Close(),
        Changed(Step.ENDED),
        Ended(),
    ]
    assert reason(leg) is Reason.DEVICE_BYE_EARLY
    leg = running(since=3.0)
    leg.handle(PeerBye(), 3.0 + EARLY_S)
    assert reason(leg) is Reason.DEVICE_BYE


def test_a_broken_connection_waits_for_a_bye() -> None:
    leg = running(since=3.0)
    assert leg.handle(Lost(Why(Reason.CONNECTION_LOST)), 20.0) == []
    leg.handle(PeerBye(), 20.5)
    assert reason(leg) is Reason.DEVICE_BYE
    leg = running(since=3.0)
    leg.handle(Lost(Why(Reason.CONNECTION_LOST)), 20.0)
    assert SendBye() in leg.handle(Tick(), 20.0 + HANGUP_S)
    assert reason(leg) is Reason.CONNECTION_LOST


def test_a_cancelled_invite() -> None:
    leg = awaiting()
    leg.handle(Invited(), 2.0)
    assert leg.handle(PeerCancel(), 2.1)[1:] == [Changed(Step.ENDED), Ended()]
    assert reason(leg) is Reason.CANCELLED
    assert running().handle(PeerCancel(), 4.0) == []


# --- talk of 2016 ------------------------------------------------------------------------------


def called() -> Leg:
    leg = Leg(Way.TALK, TIMES)
    assert leg.handle(Ask(), 0.0) == [Changed(Step.CONNECTING), Open()]
    assert not leg.awaits_invite
    assert leg.handle(Opened(), 0.1) == [Invite()]
    return leg


def test_a_talk_of_2016_and_back() -> None:
    leg = called()
    assert leg.handle(Accepted(), 1.0) == [SendAck(), Aim()]
    assert leg.handle(Reached(), 1.1) == [Changed(Step.RUNNING)]
    assert leg.handle(Accepted(), 1.2) == [SendAck()]
    assert leg.handle(End(STOP), 2.0)[2:] == [SendBye(), Close()]
    assert leg.handle(Accepted(), 2.1) == [SendAck()]


def test_a_talk_that_is_refused() -> None:
    why = Why(Reason.INVITE_REJECTED, "486 Busy Here", 486)
    leg = called()
    assert leg.handle(Declined(why), 1.0) == [Failed(why), Close(), Changed(Step.ENDED), Ended()]
    assert leg.failure is not None
    assert leg.failure.sip_status == 486


def test_a_talk_nobody_answers_listens_on_for_a_late_200() -> None:
    leg = called()
    effects = leg.handle(Tick(), 10.1)
    assert effects[1:] == [Changed(Step.CLOSING), SendCancel(), Close()]
    assert reason(leg) is Reason.INVITE_TIMEOUT
    assert leg.handle(Accepted(), 12.0) == [SendAck(), SendBye()]
    leg = called()
    leg.handle(Tick(), 10.1)
    assert leg.deadline == pytest.approx(10.1 + LATE_ANSWER_S)
    why = Why(Reason.INVITE_REJECTED, "487", 487)
    assert leg.handle(Declined(why), 10.5) == [Changed(Step.ENDED), Ended()]
    assert reason(leg) is Reason.INVITE_TIMEOUT


def test_a_talk_whose_answer_cannot_be_used() -> None:
    leg = called()
    why = Why(Reason.CODEC)
    assert leg.handle(Accepted(why), 1.0) == [
        SendAck(),
        Failed(why),
        Changed(Step.CLOSING),
        SendBye(),
        Close(),
    ]


# --- what holds for any order --------------------------------------------------------------------

INPUTS: list[Input] = [
    Ask(),
    Agreed(),
    Declined(Why(Reason.RESULT_ERROR)),
    Invited(),
    Opened(),
    Accepted(),
    Accepted(Why(Reason.CODEC)),
    Acked(),
    Reached(),
    Lost(Why(Reason.CONNECTION_LOST)),
    PeerBye(),
    PeerCancel(),
    End(STOP),
    ByeDone(),
    Tick(),
]


@given(
    st.sampled_from(list(Way)),
    st.lists(st.tuples(st.sampled_from(INPUTS), st.floats(0, 20)), max_size=40),
)
def test_any_order_of_events_ends_once_and_lets_go(
    way: Way, events: list[tuple[Input, float]]
) -> None:
    leg, now = Leg(way, TIMES), 0.0
    seen: list[Effect] = []
    for event, pause in events:
        now += pause
        seen += leg.handle(event, now)
    for event in (End(STOP), Acked(), ByeDone(), Tick()):
        now += 1000.0
        seen += leg.handle(event, now)
    assert leg.step is Step.ENDED
    assert leg.deadline is None
    assert seen.count(Ended()) == 1
    assert sum(isinstance(effect, Failed) for effect in seen) == 1
    opened = [n for n, e in enumerate(seen) if isinstance(e, Answer | Invite)]
    closed = [n for n, e in enumerate(seen) if isinstance(e, Close)]
    assert len(opened) == len(closed) <= 1
    byes = [n for n, e in enumerate(seen) if isinstance(e, SendBye)]
    assert len(byes) <= 1
    assert all(n > opened[0] for n in byes)


def test_every_reason_has_words_and_a_leg() -> None:
    assert set(WORDS) == set(Reason)
    for found in Reason:
        why = Why(found, "seen")
        assert why.message.endswith("(seen)")
        assert any("一" <= letter <= "鿿" for letter in why.words.zh)
        assert why.leg
        assert why.failed is (found not in WISHED)


def test_what_a_session_was_ended_with_is_told_as_such() -> None:
    def told(ending: EndReason) -> Reason:
        return why_ended(Failure(ending, "x")).reason

    assert told(EndReason.STOPPED) is Reason.STOPPED
    assert told(EndReason.DEVICE_OFFLINE) is Reason.DEVICE_OFFLINE
    assert told(EndReason.MEDIA_STOPPED) is Reason.FAULT
