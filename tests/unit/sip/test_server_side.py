"""Server transactions without sockets: matching, memory, ACK and CANCEL, bounds; a fake clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.answers import AnswerCache
from sip.errors import TransportFailed
from sip.flow import Flow
from sip.message import Request
from sip.parser import parse_datagram
from sip.server_side import ServerSide
from sip.server_transaction import ServerTransaction
from sip.timers import TimerQueue, Timers
from tests.unit.sip.engine import request

SOURCE = Flow("udp", ("203.0.113.9", 40001), ("10.0.0.1", 5060))
TCP = Flow("tcp", ("203.0.113.9", 40001), ("10.0.0.1", 5060), 3)


class Bench:
    """A ServerSide whose wire, clock and owner are lists and lambdas."""

    def __init__(self, *, max_open: int = 100, max_answers: int = 100, name: str = "") -> None:
        self.now = 0.0
        self.sent: list[tuple[bytes, Flow]] = []
        self.acks: list[Request] = []
        self.transactions: list[ServerTransaction] = []
        self.cancelled: list[ServerTransaction] = []
        self.answer: Callable[[ServerTransaction], None] = lambda tx: tx.respond(200)
        self.queue = TimerQueue()
        self.side = ServerSide(
            Timers(),
            AnswerCache(32.0, max_answers, 1_000_000),
            max_open,
            clock=lambda: self.now,
            new_tag=lambda: "ours",
            send=self.send,
            schedule=self.queue.update,
            handler=self,
            server_name=name,
        )

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append((data, flow))

    def on_request(self, tx: ServerTransaction) -> None:
        self.transactions.append(tx)
        self.answer(tx)

    def on_ack(self, request: Request, flow: Flow) -> None:
        self.acks.append(request)

    def on_cancel(self, tx: ServerTransaction) -> None:
        self.cancelled.append(tx)

    def receive(self, message: Request, flow: Flow = SOURCE) -> None:
        self.side.on_request(message, flow)

    def run_until(self, end: float) -> None:
        while (at := self.queue.next_deadline()) is not None and at <= end:
            self.now = at
            for item in self.queue.pop_due(at):
                item.wake(at)
        self.now = end

    @property
    def statuses(self) -> list[int]:
        return [parse_datagram(data).status for data, _ in self.sent]  # type: ignore[union-attr]


def silent(tx: ServerTransaction) -> None:
    """An owner that answers later."""


def test_a_repeated_request_gets_the_same_bytes_and_reaches_nobody() -> None:
    bench = Bench()
    for _ in range(3):
        bench.receive(request())
        bench.now += 10.0
    assert len(bench.transactions) == 1
    assert len({data for data, _ in bench.sent}) == 1
    assert len(bench.sent) == 3
    assert (len(bench.side), len(bench.side.answers), len(bench.queue)) == (0, 1, 0)


def test_after_timer_j_it_is_a_new_request() -> None:
    bench = Bench()
    bench.receive(request())
    bench.side.answers.expire(32.0)
    bench.receive(request())
    assert len(bench.transactions) == 2


def test_the_answer_goes_to_the_newest_source_of_a_repeated_request() -> None:
    """A NAT binding may change between the two."""
    bench = Bench()
    bench.receive(request())
    moved = Flow("udp", ("203.0.113.9", 40002), SOURCE.local)
    bench.receive(request(), moved)
    assert [flow for _, flow in bench.sent] == [SOURCE, moved]


def test_reply_to_overrides_the_source_for_repetitions_too() -> None:
    bench = Bench()
    via = Flow("udp", ("203.0.113.9", 5060), SOURCE.local)

    def answer(tx: ServerTransaction) -> None:
        tx.reply_to = via
        tx.respond(200)

    bench.answer = answer
    bench.receive(request())
    bench.receive(request())
    assert [flow for _, flow in bench.sent] == [via, via]


def test_the_via_of_an_answer_names_the_source() -> None:
    bench = Bench()
    for branch in ("z9hG4bK1", None):
        bench.receive(request(branch=branch))
        via = parse_datagram(bench.sent[-1][0]).via
        assert (via.params["received"], via.rport) == ("203.0.113.9", "40001")


@pytest.mark.parametrize("plain", [True, False])
def test_tag_and_server_name_of_answers(plain: bool) -> None:
    bench = Bench(name="platform")
    extra = "" if plain else "Record-Route: <sip:p;lr>\r\n"
    bench.receive(request(extra=extra))
    bench.receive(request(extra=extra, to_tag="theirs", number=2))
    first, second = (parse_datagram(data) for data, _ in bench.sent)
    assert (first.to.tag, second.to.tag) == ("ours", "theirs")
    assert first.headers.get("Server") == "platform"
    assert [tx.to_tag for tx in bench.transactions] == ["ours", "theirs"]


def test_an_owner_may_answer_later_and_repetitions_wait() -> None:
    bench = Bench()
    bench.answer = silent
    bench.receive(request())
    bench.receive(request())
    assert (bench.sent, len(bench.side)) == ([], 1)
    bench.transactions[0].respond(100)
    bench.receive(request())
    bench.transactions[0].respond(403)
    bench.receive(request())
    assert bench.statuses == [100, 100, 403, 403]
    assert len(bench.side) == 0
    bench.run_until(100.0)
    assert bench.side.counters.unanswered == 0


def test_a_second_final_answer_is_discarded() -> None:
    bench = Bench()
    bench.receive(request())
    bench.transactions[0].respond(500)
    assert bench.statuses == [200]
    assert bench.transactions[0].status == 200


def test_what_nobody_answers_is_forgotten_after_64_t1() -> None:
    bench = Bench()
    bench.answer = silent
    bench.receive(request())
    bench.run_until(31.9)
    assert len(bench.side) == 1
    bench.run_until(32.0)
    assert (len(bench.side), bench.side.counters.unanswered, bench.sent) == (0, 1, [])
    bench.transactions[0].respond(200)  # too late: the client has given up
    assert bench.sent == []


def test_a_flood_of_unanswered_requests_is_bounded() -> None:
    bench = Bench(max_open=10)
    bench.answer = silent
    for n in range(1_000):
        bench.receive(request(number=n))
    assert len(bench.side) == 10
    assert bench.side.counters.overload == 990
    bench.transactions[0].respond(200)
    bench.receive(request(number=5_000))
    assert len(bench.transactions) == 11


def test_a_flood_of_answered_requests_is_bounded() -> None:
    bench = Bench(max_answers=50)
    for n in range(1_000):
        bench.receive(request(number=n))
    assert len(bench.transactions) == 1_000
    assert len(bench.side.answers) == 50
    assert (len(bench.side), len(bench.queue)) == (0, 0)


def test_over_tcp_nothing_is_remembered() -> None:
    bench = Bench()
    bench.receive(request(), TCP)
    assert (len(bench.side), len(bench.side.answers)) == (0, 0)


def test_a_failing_owner_costs_a_500_and_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    def fail(tx: ServerTransaction) -> None:
        raise ValueError("boom")

    bench.answer = fail
    bench.receive(request())
    assert bench.statuses == [500]
    assert "boom" in caplog.text
    assert bench.side.counters.handler_errors == 1


def test_a_transport_that_refuses_is_counted() -> None:
    bench = Bench()

    def refuse(data: bytes, flow: Flow) -> None:
        raise TransportFailed("no route")

    bench.side._send = refuse
    bench.receive(request())
    assert bench.side.counters.unsent == 1


@pytest.mark.parametrize(
    ("odd", "status"),
    [
        ({"cseq_method": "BYE"}, 400),
        ({"extra": "Require: 100rel\r\n"}, 420),
        ({"uri": "tel:112"}, 416),
    ],
)
def test_a_senseless_request_is_refused_before_its_owner_sees_it(
    odd: dict[str, str], status: int
) -> None:
    bench = Bench()
    bench.receive(request(**odd))  # type: ignore[arg-type]
    assert bench.statuses == [status]
    assert bench.transactions == []
    if status == 420:
        assert parse_datagram(bench.sent[0][0]).headers.get("Unsupported") == "100rel"


def invite(**fields: str) -> Request:
    return request("INVITE", **fields)  # type: ignore[arg-type]


def test_lost_ack_repeats_a_2xx_over_tcp_too_and_tells_the_owner() -> None:
    for flow in (SOURCE, TCP):
        bench = Bench()
        lost: list[str] = []
        bench.receive(invite(), flow)
        bench.transactions[0].on_unacknowledged = lambda lost=lost: lost.append("no ack")
        bench.run_until(100.0)
        assert bench.statuses == [200] * 11
        assert lost == ["no ack"]
        assert len(bench.side) == 0


@pytest.mark.parametrize("branch", ["z9hG4bKother", "z9hG4bK776asdhds"])
def test_the_ack_of_a_2xx_stops_it_and_reaches_the_owner(branch: str) -> None:
    bench = Bench()
    bench.receive(invite())
    ack = request("ACK", branch=branch, to_tag="ours")
    bench.receive(ack)
    bench.run_until(31.0)
    assert bench.statuses == [200]
    assert bench.acks == [ack]
    bench.run_until(32.0)
    assert len(bench.side) == 0
    bench.receive(ack)
    assert len(bench.acks) == 2


def test_the_ack_of_a_failure_stays_in_its_transaction() -> None:
    bench = Bench()
    bench.answer = lambda tx: tx.respond(486)
    bench.receive(invite())
    bench.receive(request("ACK", to_tag="ours"))
    bench.run_until(100.0)
    assert (bench.statuses, bench.acks, len(bench.side)) == ([486], [], 0)


def test_a_slow_owner_of_an_invite_lets_100_go_out() -> None:
    bench = Bench()
    bench.answer = silent
    bench.receive(invite())
    bench.run_until(0.2)
    bench.receive(invite())
    assert bench.statuses == [100, 100]
    bench.run_until(1_000.0)
    assert bench.statuses[2] == 408
    assert len(bench.side) == 0


def test_cancel_is_answered_and_the_invite_gets_487() -> None:
    bench = Bench()
    bench.answer = silent
    bench.receive(invite())
    bench.receive(request("CANCEL"))
    assert bench.statuses == [200, 487]
    assert bench.cancelled == bench.transactions
    tags = {parse_datagram(data).to.tag for data, _ in bench.sent}
    assert tags == {"ours"}
    bench.receive(request("CANCEL"))
    assert bench.statuses == [200, 487, 200]
    assert len(bench.cancelled) == 1


def test_cancel_after_the_answer_changes_nothing() -> None:
    bench = Bench()
    bench.receive(invite())
    bench.receive(request("CANCEL"))
    assert bench.statuses == [200, 200]
    assert bench.cancelled == []


def test_cancel_of_nothing_is_481() -> None:
    bench = Bench()
    bench.receive(request("CANCEL"))
    assert bench.statuses == [481]


def test_one_branch_for_all_requests_of_a_broken_stack() -> None:
    bench = Bench()
    bench.receive(request(number=1))
    bench.receive(request(number=2))
    bench.receive(request(number=2, call_id="other"))
    assert len(bench.transactions) == 3
