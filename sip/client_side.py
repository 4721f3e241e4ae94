"""Client transactions of one endpoint: sends requests, matches responses, tells the owner the
result.

Matching is by branch and CSeq method alone (RFC 3261 §17.1.3): the branch is random, and cameras
behind NAT answer from ports of their own choice. What matches nothing goes back to the endpoint as
stray.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, assert_never

from sip.errors import LocalError, SipError, TransactionTimeout, TransportFailed
from sip.flow import Flow
from sip.message import Request, Response, cancel_for
from sip.timers import Timers
from sip.transaction import (
    Deliver,
    Effect,
    Failed,
    Input,
    Machine,
    SayTrying,
    Send,
    StartCancel,
    State,
    Stray,
    Terminated,
    TimedOut,
    Unacknowledged,
    client_key,
    response_input,
)
from sip.tx_invite_client import InviteClientMachine
from sip.tx_plain import PlainClientMachine

log = logging.getLogger("gb28181.sip.client")

T = TypeVar("T")
OnResult = Callable[[Response | SipError], None]
OnStray = Callable[[Response, Flow], None]
OnRoundTrip = Callable[[Request, Flow, float | None], None]
"""Seconds from a request to the first response of any kind, repetitions included; None when there
was none before the transaction ended."""


class InviteListener(Protocol):
    """What the owner of an INVITE hears. Called in the loop; must not block."""

    def on_provisional(self, response: Response) -> None: ...
    def on_success(self, response: Response) -> None:
        """Every 2xx, repeated ones too: each has to be answered with ACK."""

    def on_failure(self, response: Response) -> None:
        """300 to 699; the transaction has sent the ACK."""

    def on_timeout(self) -> None:
        """No final response: timer B, or 64*T1 after CANCEL."""

    def on_transport_error(self, error: TransportFailed) -> None: ...


@dataclass(slots=True)
class ClientCounters:
    requests: int = 0
    timeouts: int = 0
    failures: int = 0
    """Requests the transport refused, or whose connection was lost."""
    stray: int = 0
    """Responses that belong to no transaction."""
    owner_errors: int = 0


def _ignore(_: Response | SipError) -> None:
    """For requests whose answer changes nothing."""


class ClientTransaction:
    """A request of any method but INVITE, under way."""

    __slots__ = (
        "_deliver",
        "_side",
        "asked_at",
        "error",
        "flow",
        "key",
        "machine",
        "queued_for",
        "request",
    )

    def __init__(
        self,
        side: "ClientSide",
        request: Request,
        flow: Flow,
        machine: Machine,
        deliver: OnResult,
    ) -> None:
        self.request = request
        self.flow = flow
        self.key = client_key(request)
        self.machine = machine
        self.queued_for: float | None = None
        self.error: TransportFailed | None = None
        self.asked_at: float | None = None
        """When it was sent first; None once its round trip has been told."""
        self._deliver = deliver
        self._side = side

    @property
    def deadline(self) -> float | None:
        return self.machine.deadline

    def wake(self, now: float) -> None:
        self._side.run(self, Input.TICK)

    def give_up(self) -> None:
        """Nobody waits for the answer any more, and the request must not be repeated either."""
        self._deliver = _ignore
        self.error = TransportFailed("given up")
        self._side.run(self, Input.TRANSPORT_ERROR)

    def on_response(self, response: Response) -> None:
        if response.status >= 200:
            self._deliver(response)

    def on_error(self, error: TransactionTimeout | TransportFailed) -> None:
        self._deliver(error)


class InviteClient(ClientTransaction):
    """An INVITE under way."""

    __slots__ = ("_listener",)

    def __init__(
        self,
        side: "ClientSide",
        request: Request,
        flow: Flow,
        machine: InviteClientMachine,
        listener: InviteListener,
    ) -> None:
        super().__init__(side, request, flow, machine, _ignore)
        self._listener = listener

    def __repr__(self) -> str:
        return f"<InviteClient {self.request.call_id} {self.machine.state.name}>"

    @property
    def state(self) -> State:
        return self.machine.state

    def cancel(self) -> None:
        """Sends CANCEL at once if a 1xx was seen, else as soon as one comes; never before.

        The end is reported like any other: on_failure(487), on_success when the answer was faster,
        or on_timeout. Has no effect once a final response came.
        """
        self._side.run(self, Input.CANCEL)

    def on_response(self, response: Response) -> None:
        if response.status < 200:
            self._listener.on_provisional(response)
        elif response.status < 300:
            self._listener.on_success(response)
        else:
            self._listener.on_failure(response)

    def on_error(self, error: TransactionTimeout | TransportFailed) -> None:
        if isinstance(error, TransportFailed):
            self._listener.on_transport_error(error)
        else:
            self._listener.on_timeout()


class ClientSide:
    def __init__(
        self,
        timers: Timers,
        *,
        clock: Callable[[], float],
        send: Callable[[bytes, Flow], None],
        schedule: Callable[[ClientTransaction], None],
        defer: Callable[[Callable[[], None]], None],
        on_stray: OnStray,
    ) -> None:
        self.timers = timers
        self.counters = ClientCounters()
        self.on_round_trip: OnRoundTrip | None = None
        self._clock = clock
        self._send = send
        self._schedule = schedule
        self._defer = defer
        self._starting: ClientTransaction | None = None
        self._on_stray = on_stray
        self._pending: dict[str, ClientTransaction] = {}
        self._by_connection: dict[int, set[ClientTransaction]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def start(self, request: Request, flow: Flow, on_result: OnResult) -> ClientTransaction:
        """The request has its Via already. The result never comes before this returns."""
        machine = PlainClientMachine(request, self.timers, reliable=flow.reliable)
        tx = ClientTransaction(self, request, flow, machine, on_result)
        self._begin(tx)
        return tx

    def invite(self, request: Request, flow: Flow, listener: InviteListener) -> InviteClient:
        machine = InviteClientMachine(request, self.timers, reliable=flow.reliable)
        tx = InviteClient(self, request, flow, machine, listener)
        self._begin(tx)
        return tx

    def on_response(self, response: Response, flow: Flow) -> None:
        """Raises ParseError where the response cannot even be matched."""
        tx = self._pending.get(client_key(response))
        if tx is None:
            self._stray(response, flow)
            return
        if tx.asked_at is not None:
            self._measured(tx, self._clock() - tx.asked_at)
        self.run(tx, response_input(response.status), response)

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        for tx in list(self._by_connection.get(flow.connection, ())):
            tx.error = TransportFailed(f"the connection {flow} was lost: {reason}")
            self.run(tx, Input.TRANSPORT_ERROR)

    def abandon(self, reason: str) -> None:
        """The endpoint closes: everything open fails now."""
        for tx in list(self._pending.values()):
            tx.error = TransportFailed(reason)
            self.run(tx, Input.TRANSPORT_ERROR)
        self._pending.clear()
        self._by_connection.clear()

    def _begin(self, tx: ClientTransaction) -> None:
        if tx.key in self._pending:
            raise LocalError("this branch is in use")
        self.counters.requests += 1
        self._pending[tx.key] = tx
        if tx.flow.connection:
            self._by_connection.setdefault(tx.flow.connection, set()).add(tx)
        self._starting = tx
        tx.asked_at = self._clock()
        try:
            self.run(tx, Input.START)
        finally:
            self._starting = None

    def run(self, tx: ClientTransaction, input: Input, response: Response | None = None) -> None:
        effects = tx.machine.handle(input, self._clock(), response)
        for effect in effects:
            self._perform(tx, effect)
        if tx.queued_for is not None or tx.machine.deadline is not None:
            self._schedule(tx)

    def _perform(self, tx: ClientTransaction, effect: Effect) -> None:
        match effect:
            case Send(data):
                self._transmit(tx, data)
            case Deliver(response):
                self._tell(tx.on_response, response)
            case Stray(response):
                self._stray(response, tx.flow)
            case StartCancel():
                self.start(cancel_for(tx.request), tx.flow, _ignore)
            case TimedOut():
                self.counters.timeouts += 1
                if tx.asked_at is not None:
                    self._measured(tx, None)
                method = tx.request.method
                self._tell(tx.on_error, TransactionTimeout(f"no answer to {method}"))
            case Failed():
                self.counters.failures += 1
                self._tell(tx.on_error, tx.error or TransportFailed("not sent"))
            case Terminated():
                self._forget(tx)
            case SayTrying() | Unacknowledged():
                raise LocalError(f"a client machine asked for {effect}")
            case _:
                assert_never(effect)

    def _transmit(self, tx: ClientTransaction, data: bytes) -> None:
        try:
            self._send(data, tx.flow)
        except TransportFailed as error:
            tx.error = error
            if tx is self._starting:  # its owner does not hold it yet
                self._defer(lambda: self.run(tx, Input.TRANSPORT_ERROR))
            else:
                self.run(tx, Input.TRANSPORT_ERROR)

    def _tell(self, method: Callable[[T], None], value: T) -> None:
        try:
            method(value)
        except Exception:
            self.counters.owner_errors += 1
            log.exception("the owner of a request failed on its result")

    def _measured(self, tx: ClientTransaction, seconds: float | None) -> None:
        tx.asked_at = None
        if self.on_round_trip is not None:
            try:
                self.on_round_trip(tx.request, tx.flow, seconds)
            except Exception:
                self.counters.owner_errors += 1
                log.exception("a round trip could not be noted")

    def _stray(self, response: Response, flow: Flow) -> None:
        self.counters.stray += 1
        self._tell(lambda r: self._on_stray(r, flow), response)

    def _forget(self, tx: ClientTransaction) -> None:
        self._pending.pop(tx.key, None)
        if tx.flow.connection:
            siblings = self._by_connection.get(tx.flow.connection)
            if siblings is not None:
                siblings.discard(tx)
                if not siblings:
                    del self._by_connection[tx.flow.connection]
