"""The subscriber's machine, with a clock of our own: no second of these tests passes."""

from __future__ import annotations

import pytest

from sip.subscription import (
    Accepted,
    Changed,
    Input,
    Notified,
    Refused,
    Restart,
    State,
    Stop,
    Subscribe,
    Subscription,
    Tick,
    Times,
    Unanswered,
    Unreachable,
)

pytestmark = [
    pytest.mark.clause("RFC 6665", "4.1"),
    pytest.mark.clause("GB/T 28181-2016", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "9.11"),
]

FRESH = Subscribe(True, 600)
REFRESH = Subscribe(False, 600)
END = Subscribe(False, 0)


def active(granted: int | None = 600, now: float = 0.0) -> Subscription:
    machine = Subscription()
    assert machine.handle(Restart(), now) == [FRESH]
    assert machine.handle(Accepted(granted), now) == [Changed(State.ACTIVE)]
    return machine


def test_it_is_refreshed_in_its_dialog_before_it_expires() -> None:
    machine = active()
    assert (machine.deadline, machine.expires_at) == (540.0, 600.0)
    assert machine.handle(Tick(), 539.9) == []
    assert machine.handle(Tick(), 540.0) == [REFRESH]
    assert machine.handle(Accepted(600), 540.5) == [], "nothing changed for anybody"
    assert (machine.deadline, machine.expires_at) == (1080.5, 1140.5)


@pytest.mark.parametrize(
    ("granted", "deadline", "expires"),
    [
        (None, 540.0, 600.0),
        (300, 240.0, 300.0),
        (60, 30.0, 60.0),
        (6, 5.0, 6.0),
        (9999, 540.0, 600),
    ],
)
def test_what_the_device_grants_counts_but_never_more_than_was_asked(
    granted: int | None, deadline: float, expires: float
) -> None:
    machine = active(granted)
    assert (machine.deadline, machine.expires_at) == (deadline, expires)


def test_granting_nothing_is_a_failure_with_a_pause() -> None:
    machine = Subscription()
    machine.handle(Restart(), 0)
    assert machine.handle(Accepted(0), 0) == [Changed(State.WAITING, "granted nothing")]
    assert machine.deadline == 5.0


def test_481_to_a_refresh_begins_a_new_dialog_at_once() -> None:
    machine = active()
    machine.handle(Tick(), 540)
    assert machine.handle(Refused(481), 540) == [Changed(State.PENDING, "answered 481"), FRESH]
    assert machine.handle(Accepted(600), 541) == [Changed(State.ACTIVE)]


def test_a_refresh_without_an_answer_is_tried_again_until_the_end_and_then_anew() -> None:
    machine = active()
    machine.handle(Tick(), 540)
    assert machine.handle(Unanswered(), 572) == []
    assert machine.in_force, "RFC 6665 4.1.2.2: it holds until it expires"
    assert machine.deadline == 577
    assert machine.handle(Tick(), 577) == [REFRESH]
    assert machine.handle(Tick(), 600) == [Changed(State.REFRESHING, "expired")]
    assert machine.handle(Unanswered(), 609) == [Changed(State.WAITING, "expired")]
    assert machine.handle(Tick(), 614) == [FRESH]


def test_failures_pause_longer_each_time_up_to_a_limit() -> None:
    machine = Subscription(Times(pause=5, longest_pause=60))
    now, pauses = 0.0, []
    machine.handle(Restart(), now)
    for _ in range(7):
        assert machine.handle(Unanswered(), now) == [Changed(State.WAITING, "no answer")]
        assert machine.deadline is not None
        pauses.append(machine.deadline - now)
        now = machine.deadline
        assert machine.handle(Tick(), now) == [FRESH]
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


def test_retry_after_is_kept_and_423_asks_for_longer() -> None:
    machine = Subscription()
    machine.handle(Restart(), 0)
    assert machine.handle(Refused(423, 900), 0) == [Subscribe(True, 900)]
    assert machine.handle(Refused(423, 900), 0) == [Changed(State.WAITING, "answered 423")]
    machine.handle(Tick(), 5)
    machine.handle(Refused(503, 120), 5)
    assert machine.deadline == 125


@pytest.mark.parametrize("status", [403, 404, 405, 489, 501])
def test_what_the_device_will_not_do_is_not_asked_again(status: int) -> None:
    machine = Subscription()
    machine.handle(Restart(), 0)
    assert machine.handle(Refused(status), 0) == [Changed(State.REFUSED, f"answered {status}")]
    assert machine.deadline is None
    assert machine.handle(Tick(), 10_000) == []
    assert machine.handle(Restart(), 10_000) == [FRESH], "until something changes"


@pytest.mark.parametrize(
    ("reason", "state", "deadline"),
    [
        ("deactivated", State.PENDING, None),
        ("timeout", State.PENDING, None),
        ("", State.PENDING, None),
        ("probation", State.WAITING, 130.0),
        ("giveup", State.WAITING, 130.0),
        ("rejected", State.REFUSED, None),
        ("noresource", State.REFUSED, None),
    ],
)
def test_terminated_by_reason(reason: str, state: State, deadline: float | None) -> None:
    machine = active()
    effects = machine.handle(Notified(terminated=True, reason=reason, after=30), 100)
    assert machine.state is state
    assert (FRESH in effects) is (state is State.PENDING)
    assert machine.deadline == deadline


def test_a_device_that_terminates_at_once_is_not_asked_in_a_circle() -> None:
    machine = Subscription()
    now, attempts = 0.0, 0
    machine.handle(Restart(), now)
    while now < 3600:
        attempts += 1
        machine.handle(Accepted(600), now)
        machine.handle(Notified(terminated=True, reason="timeout"), now)
        assert machine.deadline is not None
        now = machine.deadline
        assert machine.handle(Tick(), now) == [FRESH]
    assert attempts < 20


def test_a_notify_shortens_but_does_not_lengthen() -> None:
    machine = active()
    machine.handle(Notified(expires=9999), 10)
    assert machine.expires_at == 600
    machine.handle(Notified(expires=100), 10)
    assert (machine.expires_at, machine.deadline) == (110, 60)


def test_a_notify_before_the_answer_makes_it_active() -> None:
    machine = Subscription()
    machine.handle(Restart(), 0)
    assert machine.handle(Notified(expires=500), 0.1) == [Changed(State.ACTIVE)]
    assert machine.handle(Accepted(300), 0.2) == []
    assert machine.expires_at == pytest.approx(300.2)


def test_stop_ends_it_in_its_dialog() -> None:
    machine = active()
    assert machine.handle(Stop(), 5) == [END]
    assert machine.handle(Notified(terminated=True), 5.1) == [Changed(State.CLOSED, "stopped")]
    assert machine.handle(Accepted(0), 5.2) == []


def test_stop_while_the_first_subscribe_is_under_way() -> None:
    machine = Subscription()
    machine.handle(Restart(), 0)
    assert machine.handle(Stop(), 1) == []
    assert machine.handle(Accepted(600), 2) == [END]
    assert machine.handle(Unanswered(), 34) == [Changed(State.CLOSED, "stopped")]


def test_a_peer_that_left_and_came_back_is_asked_in_the_dialog_or_anew() -> None:
    machine = active()
    assert machine.handle(Unreachable(), 5) == [Changed(State.IDLE, "unreachable")]
    assert machine.deadline is None
    assert machine.handle(Restart(dialog=True), 50) == [REFRESH]
    assert machine.handle(Accepted(600), 50) == [Changed(State.ACTIVE)]
    machine.handle(Unreachable(), 60)
    assert machine.handle(Restart(dialog=True), 5_000) == [FRESH], "it has expired meanwhile"
    machine.handle(Accepted(600), 5_000)
    machine.handle(Unreachable(), 5_001)
    machine.forget_dialog()
    assert machine.handle(Restart(dialog=True), 5_002) == [FRESH]


def test_a_subscription_of_the_run_before() -> None:
    machine = Subscription()
    machine.resume(400, 100)
    assert machine.handle(Restart(dialog=True), 100) == [REFRESH]
    other = Subscription()
    other.resume(400, 100)
    assert other.handle(Stop(), 101) == [END], "not wanted any more: ended in its dialog"
    late = Subscription()
    late.resume(90, 100)
    assert late.handle(Restart(dialog=True), 100) == [FRESH]


def test_no_order_of_facts_breaks_it() -> None:
    """Every pair and triple of inputs in every state: no exception, and never two SUBSCRIBEs."""
    facts: list[Input] = [
        Restart(),
        Restart(dialog=True),
        Accepted(600),
        Accepted(0),
        Refused(481),
        Refused(489),
        Refused(500),
        Unanswered(),
        Notified(expires=5),
        Notified(terminated=True),
        Notified(terminated=True, reason="rejected"),
        Unreachable(),
        Stop(),
        Tick(),
    ]
    for first in facts:
        for second in facts:
            for third in facts:
                for last in facts:
                    machine, now = Subscription(), 0.0
                    for fact in (Restart(), first, second, third, last):
                        now += 300.0
                        effects = machine.handle(fact, now)
                        assert sum(isinstance(e, Subscribe) for e in effects) <= 1
                        if machine.state in (State.PENDING, State.REFRESHING, State.CLOSING):
                            continue
                        assert machine.deadline is not None or machine.state in (
                            State.IDLE,
                            State.REFUSED,
                            State.CLOSED,
                        ), (first, second, third, last)
