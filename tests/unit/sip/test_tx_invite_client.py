"""INVITE client transaction, RFC 3261 §17.1.1, RFC 6026, CANCEL §9.1; time is an argument."""

from __future__ import annotations

import pytest

from sip.parser import parse_datagram
from sip.timers import Timers
from sip.transaction import (
    Deliver,
    Failed,
    Input,
    Send,
    StartCancel,
    State,
    Stray,
    Terminated,
    TimedOut,
)
from sip.tx_invite_client import InviteClientMachine
from tests.unit.sip.engine import request, response, run, sent_at

INVITE = request("INVITE", body=b"v=0\r\n")


def started(*, reliable: bool = False) -> InviteClientMachine:
    machine = InviteClientMachine(INVITE, Timers(), reliable=reliable)
    assert machine.handle(Input.START, 0.0) == [Send(INVITE.to_bytes())]
    return machine


def test_retransmitted_with_doubling_intervals_until_timer_b() -> None:
    machine = started()
    seen = run(machine, 100.0)
    assert sent_at(seen) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert seen[-2:] == [(32.0, TimedOut()), (32.0, Terminated())]


def test_not_retransmitted_over_a_reliable_transport() -> None:
    seen = run(started(reliable=True), 100.0)
    assert seen == [(32.0, TimedOut()), (32.0, Terminated())]


def test_a_provisional_stops_retransmission_and_timer_b() -> None:
    machine = started()
    trying = response(100, INVITE)
    assert machine.handle(Input.PROVISIONAL, 0.3, trying) == [Deliver(trying)]
    assert machine.deadline is None
    ringing = response(180, INVITE)
    assert machine.handle(Input.PROVISIONAL, 50.0, ringing) == [Deliver(ringing)]
    assert machine.state is State.PROCEEDING


@pytest.mark.parametrize("provisional", [False, True])
def test_every_2xx_is_delivered_until_timer_m(provisional: bool) -> None:
    machine = started()
    if provisional:
        machine.handle(Input.PROVISIONAL, 0.1, response(100, INVITE))
    ok = response(200, INVITE)
    assert machine.handle(Input.SUCCESS, 1.0, ok) == [Deliver(ok)]
    for at in (1.5, 2.5, 4.5, 8.5, 12.5):
        assert machine.handle(Input.SUCCESS, at, ok) == [Deliver(ok)]
    assert run(machine, 100.0) == [(33.0, Terminated())]


def test_a_failure_is_acknowledged_each_time_but_delivered_once() -> None:
    machine = started()
    busy = response(486, INVITE, tag="dev")
    effects = machine.handle(Input.FAILURE, 1.0, busy)
    assert [type(e) for e in effects] == [Send, Deliver]
    assert isinstance(effects[0], Send)
    ack = parse_datagram(effects[0].data)
    assert ack.method == "ACK"  # type: ignore[union-attr]
    assert ack.via.branch == INVITE.via.branch
    assert ack.to.tag == "dev"
    assert machine.handle(Input.FAILURE, 2.0, busy) == effects[:1]
    assert run(machine, 100.0) == [(33.0, Terminated())]


def test_over_tcp_a_failure_ends_the_machine_at_once() -> None:
    machine = started(reliable=True)
    effects = machine.handle(Input.FAILURE, 1.0, response(486, INVITE))
    assert [type(e) for e in effects] == [Send, Deliver, Terminated]


def test_timer_d_is_a_setting_of_its_own() -> None:
    machine = InviteClientMachine(INVITE, Timers(t1=0.01, d=32.0), reliable=False)
    machine.handle(Input.START, 0.0)
    machine.handle(Input.FAILURE, 0.0, response(500, INVITE))
    assert machine.deadline == 32.0


def test_no_cancel_before_a_provisional() -> None:
    machine = started()
    assert machine.handle(Input.CANCEL, 0.2) == []
    assert sent_at(run(machine, 20.0)) == []  # and the INVITE is not repeated any more
    trying = response(100, INVITE)
    assert machine.handle(Input.PROVISIONAL, 20.0, trying) == [Deliver(trying), StartCancel()]


def test_cancel_at_once_after_a_provisional_and_only_once() -> None:
    machine = started()
    machine.handle(Input.PROVISIONAL, 0.1, response(100, INVITE))
    assert machine.handle(Input.CANCEL, 1.0) == [StartCancel()]
    assert machine.handle(Input.CANCEL, 2.0) == []
    assert machine.handle(Input.PROVISIONAL, 2.0, response(180, INVITE))[1:] == []


def test_a_cancelled_invite_without_any_answer_times_out() -> None:
    machine = started()
    machine.handle(Input.CANCEL, 5.0)
    assert run(machine, 100.0) == [(32.0, TimedOut()), (32.0, Terminated())]


def test_64_t1_after_cancel_the_transaction_is_given_up() -> None:
    machine = started()
    machine.handle(Input.PROVISIONAL, 0.1, response(100, INVITE))
    machine.handle(Input.CANCEL, 10.0)
    assert run(machine, 100.0) == [(42.0, TimedOut()), (42.0, Terminated())]


def test_a_2xx_after_cancel_is_delivered_so_that_its_owner_ends_the_call() -> None:
    machine = started()
    machine.handle(Input.PROVISIONAL, 0.1, response(100, INVITE))
    machine.handle(Input.CANCEL, 1.0)
    ok = response(200, INVITE)
    assert machine.handle(Input.SUCCESS, 1.2, ok) == [Deliver(ok)]
    assert machine.state is State.ACCEPTED


def test_cancel_after_a_final_response_does_nothing() -> None:
    machine = started()
    machine.handle(Input.SUCCESS, 0.1, response(200, INVITE))
    assert machine.handle(Input.CANCEL, 0.2) == []
    assert not machine.cancelled


def test_a_2xx_behind_a_failure_is_reported_as_stray() -> None:
    machine = started()
    machine.handle(Input.FAILURE, 0.1, response(486, INVITE))
    ok = response(200, INVITE)
    assert machine.handle(Input.SUCCESS, 0.2, ok) == [Stray(ok)]


def test_a_failed_transport_ends_it() -> None:
    assert started().handle(Input.TRANSPORT_ERROR, 0.0) == [Failed(), Terminated()]
    machine = started()
    machine.handle(Input.FAILURE, 0.0, response(486, INVITE))
    assert machine.handle(Input.TRANSPORT_ERROR, 0.0) == [Terminated()]
