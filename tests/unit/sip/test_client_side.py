"""Client transactions without sockets: matching, results, CANCEL, lost connections; fake clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.client_side import ClientSide
from sip.errors import LocalError, SipError, TransactionTimeout, TransportFailed
from sip.flow import Flow
from sip.message import Request, Response
from sip.parser import parse_datagram
from sip.timers import TimerQueue, Timers
from sip.transaction import State
from tests.unit.sip.engine import request, response

UDP = Flow("udp", ("203.0.113.9", 5060), ("10.0.0.1", 5060))
TCP = Flow("tcp", ("203.0.113.9", 5060), ("10.0.0.1", 40000), 3)


class Listener:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_provisional(self, response: Response) -> None:
        self.heard.append(response.status)

    def on_success(self, response: Response) -> None:
        self.heard.append(response.status)

    def on_failure(self, response: Response) -> None:
        self.heard.append(response.status)

    def on_timeout(self) -> None:
        self.heard.append("timeout")

    def on_transport_error(self, error: TransportFailed) -> None:
        self.heard.append(error)


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[Request] = []
        self.stray: list[Response] = []
        self.results: list[Response | SipError] = []
        self.later: list[Callable[[], None]] = []
        self.refuse = False
        self.queue = TimerQueue()
        self.side = ClientSide(
            Timers(),
            clock=lambda: self.now,
            send=self.send,
            schedule=self.queue.update,
            defer=self.later.append,
            on_stray=lambda response, flow: self.stray.append(response),
        )

    def send(self, data: bytes, flow: Flow) -> None:
        if self.refuse:
            raise TransportFailed("no route")
        message = parse_datagram(data)
        assert isinstance(message, Request)
        self.sent.append(message)

    def run_until(self, end: float) -> None:
        while (at := self.queue.next_deadline()) is not None and at <= end:
            self.now = at
            for item in self.queue.pop_due(at):
                item.wake(at)
        self.now = end

    @property
    def methods(self) -> list[str]:
        return [message.method for message in self.sent]


def test_the_result_is_the_final_response_once() -> None:
    bench = Bench()
    message = request()
    bench.side.start(message, UDP, bench.results.append)
    bench.side.on_response(response(100, message), UDP)
    bench.side.on_response(response(200, message), UDP)
    bench.side.on_response(response(200, message), UDP)
    assert [r.status for r in bench.results] == [200]  # type: ignore[union-attr]
    assert bench.stray == []
    bench.run_until(6.0)
    assert len(bench.side) == 0


def test_no_answer_is_a_timeout_after_eleven_sendings() -> None:
    bench = Bench()
    bench.side.start(request(), UDP, bench.results.append)
    bench.run_until(60.0)
    assert bench.methods == ["MESSAGE"] * 11
    assert [type(r) for r in bench.results] == [TransactionTimeout]
    assert (len(bench.side), len(bench.queue)) == (0, 0)


def test_what_is_given_up_is_not_repeated() -> None:
    bench = Bench()
    message = request()
    transaction = bench.side.start(message, UDP, bench.results.append)
    bench.run_until(1.0)
    sent = len(bench.sent)
    transaction.give_up()
    bench.run_until(60.0)
    assert len(bench.sent) == sent
    assert bench.results == []
    assert (len(bench.side), len(bench.queue)) == (0, 0)
    bench.side.on_response(response(200, message), UDP)
    assert len(bench.stray) == 1


def test_giving_up_what_is_over_changes_nothing() -> None:
    bench = Bench()
    message = request()
    transaction = bench.side.start(message, UDP, bench.results.append)
    bench.side.on_response(response(200, message), UDP)
    transaction.give_up()
    bench.run_until(60.0)
    transaction.give_up()
    assert [r.status for r in bench.results] == [200]  # type: ignore[union-attr]
    assert (len(bench.side), bench.stray) == (0, [])


def test_a_response_to_nothing_is_stray() -> None:
    bench = Bench()
    late = response(200, request("INVITE"))
    bench.side.on_response(late, UDP)
    assert bench.stray == [late]
    assert bench.side.counters.stray == 1


def test_a_refusing_transport_fails_the_request_but_never_inside_the_call() -> None:
    bench = Bench()
    bench.refuse = True
    listener = Listener()
    bench.side.start(request(), UDP, bench.results.append)
    bench.side.invite(request("INVITE"), UDP, listener)
    assert (bench.results, listener.heard) == ([], [])
    for call in bench.later:
        call()
    assert [type(r) for r in bench.results] == [TransportFailed]
    assert [type(e) for e in listener.heard] == [TransportFailed]
    assert len(bench.side) == 0


def test_a_lost_connection_fails_what_waits_on_it_and_nothing_else() -> None:
    bench = Bench()
    listener = Listener()
    bench.side.start(request(branch="z9hG4bK1"), TCP, bench.results.append)
    bench.side.start(request(branch="z9hG4bK2"), UDP, bench.results.append)
    bench.side.invite(request("INVITE"), TCP, listener)
    bench.side.on_flow_closed(TCP, "peer_closed")
    assert [type(r) for r in bench.results] == [TransportFailed]
    assert "peer_closed" in str(bench.results[0])
    assert len(listener.heard) == 1
    assert len(bench.side) == 1


def test_closing_fails_everything() -> None:
    bench = Bench()
    bench.side.start(request(), UDP, bench.results.append)
    bench.side.abandon("the endpoint was closed")
    assert [type(r) for r in bench.results] == [TransportFailed]
    assert len(bench.side) == 0


def test_a_failing_owner_is_logged_and_the_transaction_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    message = request()

    def fail(result: Response | SipError) -> None:
        raise ValueError("boom")

    bench.side.start(message, UDP, fail)
    bench.side.on_response(response(200, message), UDP)
    assert "boom" in caplog.text
    assert bench.side.counters.owner_errors == 1


def test_a_branch_used_twice_is_a_bug() -> None:
    bench = Bench()
    bench.side.start(request(), UDP, bench.results.append)
    with pytest.raises(LocalError):
        bench.side.start(request(), UDP, bench.results.append)


def test_cancel_waits_for_a_provisional_and_ends_with_487() -> None:
    bench, listener, message = Bench(), Listener(), request("INVITE")
    client = bench.side.invite(message, UDP, listener)
    client.cancel()
    assert bench.methods == ["INVITE"]
    bench.side.on_response(response(100, message), UDP)
    client.cancel()
    assert bench.methods == ["INVITE", "CANCEL"]
    cancel = bench.sent[1]
    assert cancel.via.branch == message.via.branch
    assert cancel.uri == message.uri
    bench.side.on_response(response(200, cancel), UDP)
    bench.side.on_response(response(487, message), UDP)
    assert listener.heard == [100, 487]
    assert bench.methods == ["INVITE", "CANCEL", "ACK"]


def test_a_2xx_that_crosses_the_cancel_is_the_owners() -> None:
    bench, listener, message = Bench(), Listener(), request("INVITE")
    client = bench.side.invite(message, UDP, listener)
    bench.side.on_response(response(180, message), UDP)
    client.cancel()
    bench.side.on_response(response(200, message), UDP)
    bench.side.on_response(response(200, message), UDP)
    assert listener.heard == [180, 200, 200]
    assert client.state is State.ACCEPTED
    assert bench.methods == ["INVITE", "CANCEL"]


def test_a_cancelled_invite_never_heard_of_again_times_out_and_its_late_200_is_stray() -> None:
    bench, listener, message = Bench(), Listener(), request("INVITE")
    bench.side.invite(message, UDP, listener).cancel()
    bench.run_until(40.0)
    assert listener.heard == ["timeout"]
    bench.side.on_response(response(200, message), UDP)
    assert [r.status for r in bench.stray] == [200]
