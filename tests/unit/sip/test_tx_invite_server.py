"""INVITE server transaction, RFC 3261 §17.2.1 and §13.3.1.4, RFC 6026; time is an argument."""

from __future__ import annotations

import pytest

from sip.timers import Timers
from sip.transaction import Input, SayTrying, Send, State, Terminated, TimedOut, Unacknowledged
from sip.tx_invite_server import InviteServerMachine
from tests.unit.sip.engine import run, sent_at


def machine(*, reliable: bool = False) -> InviteServerMachine:
    return InviteServerMachine(Timers(), 0.0, reliable=reliable)


def test_100_after_200_ms_unless_the_owner_was_faster() -> None:
    assert run(machine(), 1.0) == [(0.2, SayTrying())]
    quick = machine()
    quick.handle(Input.PROVISIONAL, 0.1, None, b"180")
    assert run(quick, 1.0) == []


def test_a_repeated_invite_gets_the_last_provisional() -> None:
    m = machine()
    assert m.handle(Input.REQUEST, 0.1) == []
    m.handle(Input.PROVISIONAL, 0.1, None, b"100")
    m.handle(Input.PROVISIONAL, 0.2, None, b"180")
    assert m.handle(Input.REQUEST, 0.5) == [Send(b"180")]


def test_an_owner_that_never_answers_is_reported_and_the_invite_can_still_be_refused() -> None:
    m = machine()
    assert run(m, 1e6)[-1] == (180.0, TimedOut())
    assert m.state is State.PROCEEDING
    assert m.handle(Input.FAILURE, 180.0, None, b"408") == [Send(b"408")]


def test_lost_ack_of_a_failure_repeats_it_until_timer_h() -> None:
    m = machine()
    assert m.handle(Input.FAILURE, 0.0, None, b"486") == [Send(b"486")]
    seen = run(m, 100.0)
    assert sent_at(seen) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-2:] == [(32.0, Unacknowledged()), (32.0, Terminated())]


def test_ack_of_a_failure_stops_it_and_repeated_acks_are_absorbed() -> None:
    m = machine()
    m.handle(Input.FAILURE, 0.0, None, b"486")
    assert m.handle(Input.ACK, 0.7) == []
    assert m.state is State.CONFIRMED
    assert m.handle(Input.ACK, 1.0) == []
    assert m.handle(Input.REQUEST, 1.0) == []
    assert run(m, 100.0) == [(pytest.approx(5.7), Terminated())]


def test_over_tcp_a_failure_is_sent_once_and_its_ack_ends_the_machine() -> None:
    m = machine(reliable=True)
    m.handle(Input.FAILURE, 0.0, None, b"486")
    assert run(m, 31.0) == []
    assert m.handle(Input.ACK, 31.0) == [Terminated()]


@pytest.mark.parametrize("reliable", [False, True])
def test_lost_ack_of_a_2xx_repeats_it_and_tells_the_owner(reliable: bool) -> None:
    m = machine(reliable=reliable)
    assert m.handle(Input.SUCCESS, 0.0, None, b"200") == [Send(b"200")]
    seen = run(m, 100.0)
    assert sent_at(seen) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-2:] == [(32.0, Unacknowledged()), (32.0, Terminated())]


def test_ack_of_a_2xx_stops_it_and_the_machine_waits_for_timer_l() -> None:
    m = machine()
    m.handle(Input.SUCCESS, 0.0, None, b"200")
    assert m.handle(Input.ACK, 0.6) == []
    assert m.state is State.ACCEPTED
    assert m.handle(Input.ACK, 0.7) == []
    assert run(m, 100.0) == [(32.0, Terminated())]


def test_a_repeated_invite_is_absorbed_after_a_2xx() -> None:
    m = machine()
    m.handle(Input.SUCCESS, 0.0, None, b"200")
    assert m.handle(Input.REQUEST, 0.3) == []


def test_a_repeated_invite_after_a_failure_gets_it_again() -> None:
    m = machine()
    m.handle(Input.FAILURE, 0.0, None, b"486")
    assert m.handle(Input.REQUEST, 0.3) == [Send(b"486")]
