"""A SIP endpoint: one UDP and TCP port, client and server transactions, timers (RFC 3261 §17, §18).

The shell around the machines. It receives, parses, finds the transaction, performs what the
machine asks for, and re-arms one timer. What requests mean is the handler's business. Malformed
input never leaves this file as an exception; a handler's exception ends one message, not the loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from sip.answers import AnswerCache
from sip.brief import BriefReader
from sip.client_side import (
    ClientSide,
    ClientTransaction,
    InviteClient,
    InviteListener,
    OnResult,
    OnRoundTrip,
)
from sip.errors import LocalError, ParseError, SipError, TransportFailed
from sip.flow import Address, Flow, host_port
from sip.ids import IdSource
from sip.message import Request, Response, build_response
from sip.options import EndpointCounters, EndpointOptions, Handler, Tap
from sip.parser import is_keepalive, parse_datagram
from sip.quick import stamp
from sip.server_side import MAX_UDP_BYTES, ServerSide, TakesBrief
from sip.timers import Timed, TimerQueue
from sip.transport import Transport
from sip.transport_tcp import Incoming
from sip.validate import check_response

log = logging.getLogger("gb28181.sip.endpoint")

_HOUSEKEEPING_S = 1.0
_SAMPLE_BYTES = 256
_HEADROOM_BYTES = 500
"""Via and headers the endpoint adds, so that the size of a request can be judged before."""


class Endpoint:
    def __init__(
        self,
        options: EndpointOptions,
        handler: Handler,
        *,
        ids: Callable[[], str] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.options = options
        self.counters = EndpointCounters()
        self._handler = handler
        self._ids = ids or IdSource()
        self._now = clock or time.monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._queue = TimerQueue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._housekeeper: asyncio.TimerHandle | None = None
        self._transport = Transport(
            options,
            self.counters,
            on_datagram=self._on_datagram,
            on_message=self._on_stream_item,
            on_closed=self._on_flow_closed,
            now=self._now,
        )
        timers = options.timers
        self._answers = AnswerCache(timers.give_up, options.max_answers, options.max_answer_bytes)
        self._server = ServerSide(
            timers,
            self._answers,
            options.max_server_transactions,
            clock=self._now,
            new_tag=self._ids,
            send=self._transport.send,
            send_unheard=self._transport.send_unheard,
            schedule=self._schedule,
            handler=handler,
            server_name=options.user_agent,
            supported=options.supported,
        )
        self._briefs = BriefReader()
        self._client = ClientSide(
            timers,
            clock=self._now,
            send=self._transport.send,
            schedule=self._schedule,
            defer=self._defer,
            on_stray=handler.on_stray_response,
        )
        self.counters.server = self._server.counters
        self.counters.client = self._client.counters

    def __repr__(self) -> str:
        return (
            f"<Endpoint {host_port(self.bound)} server={len(self._server)} "
            f"client={len(self._client)} answers={len(self._answers)}>"
        )

    # Life.

    async def start(self) -> None:
        """Raises TransportFailed when the port cannot be had."""
        self._loop = asyncio.get_running_loop()
        await self._transport.open()
        self._housekeeper = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)

    async def aclose(self) -> None:
        """Idempotent. Requests under way fail; what is written to connections still leaves."""
        if self._closed or self._loop is None:
            return
        self._closed = True
        for handle in (self._timer, self._housekeeper):
            if handle is not None:
                handle.cancel()
        self._client.abandon("the endpoint was closed")
        await self._transport.aclose()

    @property
    def bound(self) -> Address:
        """The address listened on, the same port for UDP and TCP."""
        return self._transport.bound

    @property
    def receive_buffer(self) -> int:
        """Bytes the kernel granted. Below `options.receive_buffer`, tell the operator to raise
        net.core.rmem_max."""
        return self._transport.receive_buffer

    @property
    def connections(self) -> int:
        return self._transport.connections

    @property
    def open_transactions(self) -> tuple[int, int]:
        """Server and client transactions that are not over."""
        return len(self._server), len(self._client)

    @property
    def tap(self) -> Tap | None:
        """Who listens to all messages, if anybody; while nobody does it costs a comparison."""
        return self._transport.tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._transport.tap = tap

    def take_brief(self, take: TakesBrief) -> None:
        """Be asked first about brief requests over UDP (`sip.brief`)."""
        self._server.take_brief = take

    def measure(self, on_round_trip: OnRoundTrip) -> None:
        """Be told how long peers take to answer our requests, or that they did not."""
        self._client.on_round_trip = on_round_trip

    # Flows.

    def contact_address(self, flow: Flow) -> Address:
        """What we announce in Via and Contact on that flow."""
        return self._transport.contact_address(flow)

    async def open_tcp(self, host: str, port: int) -> Flow:
        """A connection to this peer, an open one if there is. Raises TransportFailed."""
        return await self._transport.connect(host, port)

    async def open_udp(self, host: str, port: int) -> Flow:
        """A flow to a peer known by name. Raises TransportFailed when it cannot be resolved."""
        return await self._transport.resolve(host, port)

    def udp_flow(self, host: str, port: int) -> Flow:
        """A flow to a known IP address, as after a restart."""
        return self._transport.udp_flow(host, port)

    def find_tcp(self, host: str, port: int) -> Flow | None:
        """The open connection with this remote address."""
        return self._transport.find_tcp(host, port)

    def is_open(self, flow: Flow) -> bool:
        return self._transport.is_open(flow)

    def hold(self, flow: Flow) -> None:
        """The peer has registered: no idle limit for its connection, no count per address."""
        self._transport.hold(flow)

    def release(self, flow: Flow) -> None:
        self._transport.release(flow)

    def close_flow(self, flow: Flow) -> None:
        self._transport.close_flow(flow)

    # Identifiers.

    def new_call_id(self) -> str:
        return self._ids() + self._ids()

    def new_tag(self) -> str:
        return self._ids()

    def new_branch(self) -> str:
        return "z9hG4bK" + self._ids()

    # Requests of ours.

    async def request(self, request: Request, flow: Flow, *, give_up: bool = False) -> Response:
        """Any method but INVITE and ACK. Raises TransactionTimeout or TransportFailed.

        Whoever stops waiting leaves the transaction to its end; the answer is then ignored. With
        `give_up` it ends there: the request is not repeated behind the caller's back.
        """
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def settle(result: Response | SipError) -> None:
            if future.done():
                return
            if isinstance(result, SipError):
                future.set_exception(result)
            else:
                future.set_result(result)

        transaction = self._start(request, flow, settle)
        try:
            return await future
        except asyncio.CancelledError:
            if give_up and transaction is not None:
                transaction.give_up()
            raise

    def send_request(self, request: Request, flow: Flow, on_result: OnResult) -> None:
        """The same without a task. `on_result` gets the final response or the error, once, and
        never before this returns."""
        self._start(request, flow, on_result)

    def _start(self, request: Request, flow: Flow, on_result: OnResult) -> ClientTransaction | None:
        """None when it could not even be sent."""
        if request.method in ("INVITE", "ACK", "CANCEL"):
            raise LocalError(f"{request.method} is not sent this way")
        try:
            prepared = self._prepare(request, flow)
        except TransportFailed as failure:
            error = failure  # the name of an except clause does not live long enough
            self._defer(lambda: on_result(error))
            return None
        return self._client.start(prepared, flow, on_result)

    def invite(self, request: Request, flow: Flow, listener: InviteListener) -> InviteClient:
        """Raises TransportFailed when the request does not fit into a datagram."""
        if request.method != "INVITE":
            raise LocalError(f"{request.method} is no INVITE")
        return self._client.invite(self._prepare(request, flow), flow, listener)

    def send_ack(self, request: Request, flow: Flow) -> None:
        """The ACK of a 2xx, sent once for each 2xx that comes. Raises TransportFailed."""
        if request.method != "ACK":
            raise LocalError(f"{request.method} is no ACK")
        self._transport.send(self._prepare(request, flow).to_bytes(), flow)

    def send_bytes(self, data: bytes, flow: Flow) -> None:
        """Bytes that are no message of SIP: what only somebody who plays a bad peer wants."""
        self._transport.send(data, flow)

    def _prepare(self, request: Request, flow: Flow) -> Request:
        """A copy with Via, Max-Forwards and User-Agent; the caller's request stays as it is."""
        headers = request.headers.copy()
        where = host_port(self.contact_address(flow))
        protocol = flow.transport.upper()
        headers.prepend("Via", f"SIP/2.0/{protocol} {where};rport;branch={self.new_branch()}")
        if "Max-Forwards" not in headers:
            headers.add("Max-Forwards", "70")
        if self.options.user_agent and "User-Agent" not in headers:
            headers.add("User-Agent", self.options.user_agent)
        prepared = type(request)(request.method, request.uri, headers, request.body)
        if not flow.reliable and len(request.body) > MAX_UDP_BYTES - _HEADROOM_BYTES:
            size = len(prepared.to_bytes())
            if size > MAX_UDP_BYTES:
                raise TransportFailed(f"a request of {size} bytes does not fit into a datagram")
        return prepared

    # What comes in.

    def _on_datagram(self, data: bytes, flow: Flow) -> None:
        brief = self._briefs.read(data)
        if (
            brief is not None
            and not self._hears(brief.call_id)
            and self._server.on_brief(brief, flow)
        ):
            self.counters.messages_in += 1
            return
        try:
            message = parse_datagram(data)
        except ParseError as error:
            if is_keepalive(data):
                self.counters.keepalives += 1
            else:
                self._overhear(None, data, flow)
                self._on_malformed(error, flow, data)
            return
        self._overhear(message, data, flow)
        if brief is None and isinstance(message, Request):
            self._briefs.learn(message)
        self._on_message(message, flow)

    def _hears(self, call_id: str) -> bool:
        tap = self._transport.tap
        if tap is None:
            return False
        try:
            return tap.wants(call_id)
        except Exception:
            self._take_off_tap()
            return False

    def _take_off_tap(self) -> None:
        self._transport.tap = None  # a listener must not cost a message, nor fill the log
        log.exception("the tap failed and was taken off")

    def _on_stream_item(self, item: Incoming, flow: Flow) -> None:
        if isinstance(item, ParseError):
            self._overhear(None, item.sample, flow)
            self._on_malformed(item, flow, item.sample)
        else:
            self._overhear(item, None, flow)
            self._on_message(item, flow)

    def _overhear(self, message: Request | Response | None, raw: bytes | None, flow: Flow) -> None:
        tap = self._transport.tap
        if tap is None:
            return
        try:
            tap.incoming(message, raw, flow)
        except Exception:
            self._take_off_tap()

    def _on_message(self, message: Request | Response, flow: Flow) -> None:
        self.counters.messages_in += 1
        try:
            if isinstance(message, Request):
                self._server.on_request(message, flow)
            elif check_response(message):
                self._client.on_response(message, flow)
            else:
                self._on_malformed(ParseError("a response that cannot be used"), flow, b"")
        except ParseError as error:
            error.message = message
            self._on_malformed(error, flow, error.sample)
        except Exception:
            self.counters.server.handler_errors += 1
            log.exception("a message from %s could not be handled", flow)

    def _on_malformed(self, error: ParseError, flow: Flow, data: bytes) -> None:
        self.counters.malformed += 1
        try:
            allowed = self._handler.on_malformed(flow, error, data[:_SAMPLE_BYTES])
            if allowed:
                self._refuse(error, flow)
        except TransportFailed:
            self.counters.server.unsent += 1
        except Exception:
            self.counters.server.handler_errors += 1
            log.exception("malformed input from %s could not be handled", flow)

    def _refuse(self, error: ParseError, flow: Flow) -> None:
        """A stateless answer to a request whose Via could be read; never to ACK or a response."""
        request = error.message
        if not isinstance(request, Request) or request.method == "ACK":
            return
        if "Via" not in request.headers:
            return
        try:
            stamp(request, flow.remote)
        except ParseError:
            return  # nobody could match an answer with this Via
        response = build_response(request, error.status_hint, to_tag=self.new_tag())
        self._transport.send(response.to_bytes(), flow)
        self.counters.malformed_answered += 1

    def _on_flow_closed(self, flow: Flow, reason: str) -> None:
        self._client.on_flow_closed(flow, reason)
        if self._closed:
            return
        try:
            self._handler.on_flow_closed(flow, reason)
        except Exception:
            self.counters.server.handler_errors += 1
            log.exception("handler of a closed connection failed")

    # Timers: one heap, one timer of the loop.

    def _defer(self, call: Callable[[], None]) -> None:
        if self._loop is None:
            raise LocalError("the endpoint is not started")
        self._loop.call_soon(call)

    def _schedule(self, item: Timed) -> None:
        self._queue.update(item)
        at = self._queue.next_deadline()
        if at is not None and (self._timer is None or at < self._timer_at):
            self._arm(at)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and not self._closed:
            self._timer_at = at
            self._timer = self._loop.call_later(max(0.0, at - self._now()), self._run_timers)

    def _run_timers(self) -> None:
        self._timer = None
        now = self._now()
        for item in self._queue.pop_due(now):
            try:
                item.wake(now)
            except Exception:
                self.counters.server.handler_errors += 1
                log.exception("a timer of %r failed", item)
        at = self._queue.next_deadline()
        if at is not None and self._timer is None:
            self._arm(at)

    def _housekeeping(self) -> None:
        now = self._now()
        self._answers.expire(now)
        self._transport.sweep(now)
        if self._loop is not None and not self._closed:
            self._housekeeper = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
