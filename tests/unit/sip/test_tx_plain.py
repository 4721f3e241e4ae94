"""Non-INVITE transactions, RFC 3261 §17.1.2 and §17.2.2; time is an argument."""

from __future__ import annotations

import pytest

from sip.errors import LocalError
from sip.timers import Timers
from sip.transaction import Deliver, Failed, Input, Send, State, Terminated, TimedOut
from sip.tx_plain import PlainClientMachine, PlainServerMachine
from tests.unit.sip.engine import request, response, run, sent_at

MESSAGE = request()


def client(*, reliable: bool = False) -> PlainClientMachine:
    machine = PlainClientMachine(MESSAGE, Timers(), reliable=reliable)
    assert machine.handle(Input.START, 0.0) == [Send(MESSAGE.to_bytes())]
    return machine


def server(*, reliable: bool = False) -> PlainServerMachine:
    return PlainServerMachine(Timers(), 0.0, reliable=reliable)


def test_retransmitted_at_t1_doubling_up_to_t2_until_timer_f() -> None:
    seen = run(client(), 100.0)
    assert sent_at(seen) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-2:] == [(32.0, TimedOut()), (32.0, Terminated())]


def test_a_provisional_slows_retransmission_to_t2() -> None:
    machine = client()
    trying = response(100, MESSAGE)
    assert machine.handle(Input.PROVISIONAL, 0.1, trying) == [Deliver(trying)]
    assert sent_at(run(machine, 13.0)) == [0.5, 4.5, 8.5, 12.5]
    assert run(machine, 100.0)[-2:] == [(32.0, TimedOut()), (32.0, Terminated())]


@pytest.mark.parametrize("status", [200, 403])
def test_a_final_response_is_delivered_once_and_absorbed_for_t4(status: int) -> None:
    machine = client()
    final = response(status, MESSAGE)
    input = Input.SUCCESS if status == 200 else Input.FAILURE
    assert machine.handle(input, 1.0, final) == [Deliver(final)]
    assert machine.handle(input, 1.1, final) == []
    assert run(machine, 100.0) == [(6.0, Terminated())]


def test_over_tcp_nothing_is_repeated_and_nothing_lingers() -> None:
    assert sent_at(run(client(reliable=True), 31.9)) == []
    final = response(200, MESSAGE)
    effects = client(reliable=True).handle(Input.SUCCESS, 1.0, final)
    assert effects == [Deliver(final), Terminated()]


def test_a_failed_transport_ends_the_client() -> None:
    assert client().handle(Input.TRANSPORT_ERROR, 0.1) == [Failed(), Terminated()]


def test_a_response_input_needs_a_response() -> None:
    with pytest.raises(LocalError):
        client().handle(Input.SUCCESS, 0.0)


def test_server_repeats_its_answer_for_timer_j() -> None:
    machine = server()
    assert machine.handle(Input.REQUEST, 0.1) == []
    assert machine.handle(Input.SUCCESS, 1.0, None, b"200") == [Send(b"200")]
    assert machine.handle(Input.REQUEST, 30.0) == [Send(b"200")]
    assert machine.answer == b"200"
    assert run(machine, 100.0) == [(33.0, Terminated())]


def test_server_discards_a_second_final_response() -> None:
    machine = server()
    machine.handle(Input.SUCCESS, 1.0, None, b"200")
    assert machine.handle(Input.FAILURE, 1.1, None, b"500") == []
    assert machine.answer == b"200"


def test_server_repeats_a_provisional_until_it_has_more() -> None:
    machine = server()
    assert machine.handle(Input.PROVISIONAL, 0.1, None, b"100") == [Send(b"100")]
    assert machine.handle(Input.REQUEST, 0.5) == [Send(b"100")]
    assert machine.handle(Input.FAILURE, 0.6, None, b"404") == [Send(b"404")]


def test_server_over_tcp_ends_with_its_answer() -> None:
    effects = server(reliable=True).handle(Input.SUCCESS, 1.0, None, b"200")
    assert effects == [Send(b"200"), Terminated()]


def test_a_server_transaction_nobody_answers_ends_when_its_client_has_given_up() -> None:
    machine = server()
    assert run(machine, 100.0) == [(32.0, TimedOut()), (32.0, Terminated())]
    assert machine.state is State.TERMINATED
