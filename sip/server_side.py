"""Server transactions of one endpoint: finds the machine of a request, runs it, remembers its
answers.

Sits between endpoint and machines; knows flows but no sockets, and time only as a callable.
Everything kept is bounded: open transactions (a request above the bound is dropped in silence, its
sender repeats it later by T1, 2*T1 ..), and finished ones (`answers`).
"""

import logging
from collections.abc import Callable, Iterable
from typing import assert_never

from sip.answers import AnswerCache
from sip.brief import Brief, render_brief
from sip.errors import LocalError, TransportFailed
from sip.flow import Flow
from sip.message import Request
from sip.quick import (
    build_answer,
    is_plain,
    render_answer,
    stamp,
    stamped,
    texts_of,
)
from sip.server_transaction import (
    RequestHandler,
    ServerCounters,
    ServerMachine,
    ServerTransaction,
)
from sip.timers import Timers
from sip.transaction import (
    Deliver,
    Effect,
    Failed,
    Input,
    SayTrying,
    Send,
    StartCancel,
    State,
    Stray,
    Terminated,
    TimedOut,
    Unacknowledged,
    response_input,
    server_key,
)
from sip.tx_invite_server import InviteServerMachine
from sip.tx_plain import PlainServerMachine
from sip.validate import check_request, unsupported_options

log = logging.getLogger("gb28181.sip.server")

MAX_UDP_BYTES = 65_000
COOKIE = ";branch=z9hG4bK"

BriefAnswer = tuple[int, str]
"""A final status, and header lines with their ends."""
TakesBrief = Callable[[Brief, Flow], BriefAnswer | None]
"""Answers a brief request at once, or leaves it alone: then None, and it comes as any other."""


class ServerSide:
    def __init__(
        self,
        timers: Timers,
        answers: AnswerCache,
        max_open: int,
        *,
        clock: Callable[[], float],
        new_tag: Callable[[], str],
        send: Callable[[bytes, Flow], None],
        schedule: Callable[[ServerTransaction], None],
        handler: RequestHandler,
        server_name: str = "",
        supported: frozenset[str] = frozenset(),
        send_unheard: Callable[[bytes, Flow], None] | None = None,
    ) -> None:
        self.take_brief: TakesBrief | None = None
        self._send_unheard = send_unheard or send
        self.timers = timers
        self.answers = answers
        self.max_open = max_open
        self.new_tag = new_tag
        self.counters = ServerCounters()
        self._clock = clock
        self._send = send
        self._schedule = schedule
        self._handler = handler
        self._server = (("Server", server_name),) if server_name else ()
        self._server_line = f"Server: {server_name}\r\n" if server_name else ""
        if "\n" in server_name or "\r" in server_name:
            raise LocalError("a header value holds a line end")
        self._supported = supported
        self._open: dict[str, ServerTransaction] = {}
        self._calls: dict[tuple[str, int], ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self._open)

    def on_request(self, request: Request, flow: Flow) -> None:
        """Raises ParseError where the request cannot even be matched."""
        method = request.method
        if method == "ACK":
            self._on_ack(request, flow)
            return
        texts = texts_of(request)
        host = flow.remote[0]
        if texts is not None and method != "INVITE" and COOKIE in texts[0]:
            # Nothing but a repetition has to be found, and that is the same byte by byte.
            key = f"{texts[0]}|{texts[4]}|{texts[3]}|{host}"
        else:
            key = server_key(request, method, host)
        answer = self.answers.get(key)
        if answer is not None:
            self.counters.retransmissions += 1
            self._transmit(answer[0], answer[1] or flow)
            return
        known = self._open.get(key)
        if known is not None:
            self.counters.retransmissions += 1
            self._feed(known, Input.REQUEST)
            return
        if len(self._open) >= self.max_open:
            self.counters.overload += 1
            return
        self.counters.requests += 1
        tx = ServerTransaction(self, request, flow, key)
        if texts is not None and is_plain(request, texts):
            via = stamped(texts[0], flow.remote)
            if via is not None and not request.headers.lines("record-route"):
                tx.plain = (via, *texts[1:])
                self._call(tx, self._handler.on_request)
                self._keep(tx)
                return
        self._begin(tx, request, flow)

    def on_brief(self, brief: Brief, flow: Flow) -> bool:
        """False: nothing has happened yet, and the request goes the complete way. True: it did not
        need the request, its transaction and its machine that are made there."""
        take, text = self.take_brief, brief.via
        via = stamped(text, flow.remote)
        if take is None or via is None or COOKIE not in text:
            return False
        key = f"{text}|{brief.cseq}|{brief.call_id}|{flow.remote[0]}"
        known = self.answers.get(key)
        if known is not None:
            self.counters.retransmissions += 1
            self._transmit(known[0], known[1] or flow)
            return True
        if key in self._open or len(self._open) >= self.max_open:
            return False
        try:
            answer = take(brief, flow)
        except Exception:
            self.counters.handler_errors += 1
            log.exception("handler of a brief %s failed", brief.method)
            answer = (500, "")
        if answer is None:
            return False
        self.counters.requests += 1
        status, lines = answer
        data = render_brief(brief, via, self.new_tag(), status, f"{lines}{self._server_line}")
        try:
            self._send_unheard(data, flow)
        except TransportFailed:
            self.counters.unsent += 1
        self.answers.put(key, data, None, self._clock())
        return True

    def _begin(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        # The CANCEL is matched by the Via as it came, so this goes before the stamp.
        invite = self._invite_of(request, flow) if request.method == "CANCEL" else None
        # And the stamp goes before whatever parses headers: a changed header drops what was parsed.
        stamp(request, flow.remote)
        refusal = check_request(request, self._supported)
        if request.method == "INVITE":
            self._open_machine(tx)
        if refusal is not None:
            self.counters.refused += 1
            self._refuse(tx, refusal)
        elif request.method == "CANCEL":
            self._on_cancel(tx, invite)
        else:
            self._call(tx, self._handler.on_request)
        self._keep(tx)

    def _keep(self, tx: ServerTransaction) -> None:
        """What its handler has not answered yet needs a machine and a timer."""
        if not tx.finished:
            if tx.machine is None:
                self._open_machine(tx)
            self._schedule(tx)

    def _open_machine(self, tx: ServerTransaction) -> ServerMachine:
        machine: ServerMachine
        now, reliable = self._clock(), tx.flow.reliable
        if tx.request.method == "INVITE":
            machine = InviteServerMachine(self.timers, now, reliable=reliable)
        else:
            machine = PlainServerMachine(self.timers, now, reliable=reliable)
        tx.machine = machine
        self._open[tx.key] = tx
        return machine

    def _refuse(self, tx: ServerTransaction, status: int) -> None:
        if status == 420:
            tags = ", ".join(unsupported_options(tx.request, self._supported))
            tx.respond(420, headers=[("Unsupported", tags)])
        else:
            tx.respond(status)

    def _call(self, tx: ServerTransaction, method: Callable[[ServerTransaction], None]) -> None:
        try:
            method(tx)
        except Exception:
            self.counters.handler_errors += 1
            log.exception("handler of %s failed", tx.request.method)
            if not tx.finished:
                tx.respond(500)

    def _on_ack(self, request: Request, flow: Flow) -> None:
        self.counters.requests += 1
        tx = self._invite_of(request, flow)
        if tx is not None and tx.call is None:
            self._feed(tx, Input.ACK)
            return
        # The ACK of a 2xx has a branch of its own (some devices use that of the INVITE).
        tx = tx or self._calls.get((request.call_id, request.cseq.number))
        if tx is not None:
            self._feed(tx, Input.ACK)
        if check_request(request, self._supported) is not None:
            return  # never answered
        try:
            self._handler.on_ack(request, flow)
        except Exception:
            self.counters.handler_errors += 1
            log.exception("handler of ACK failed")

    def _on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None:
        if invite is None:
            cancel.respond(481)
            return
        cancel._tag = invite.to_tag  # RFC 3261 §9.2
        cancel.respond(200)
        if invite.finished:
            return
        self._call(invite, self._handler.on_cancel)
        if not invite.finished:
            invite.respond(487)

    def _invite_of(self, request: Request, flow: Flow) -> ServerTransaction | None:
        return self._open.get(server_key(request, "INVITE", flow.remote[0]))

    def wake(self, tx: ServerTransaction, now: float) -> None:
        self._feed(tx, Input.TICK)

    def respond(
        self,
        tx: ServerTransaction,
        status: int,
        reason: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> None:
        request = tx.request
        if tx.finished and not (request.method == "INVITE" and tx.status < 300 > status >= 200):
            return
        tag = tx.to_tag if status > 100 else None
        plain = tx.plain
        if plain is None or status < 200:
            if status > 100:
                headers = (*headers, *self._server)
            data = build_answer(request, status, reason, tag, headers, body, content_type)
        else:
            new_tag = None if tag is None or tag in plain[2] else tag
            data = render_answer(
                plain, status, reason, new_tag, headers, body, content_type, self._server_line
            )
        if not tx.flow.reliable and len(data) > MAX_UDP_BYTES:
            raise LocalError(f"a response of {len(data)} bytes does not fit into a datagram")
        tx.status = status
        machine = tx.machine
        if machine is None:
            if status >= 200:
                # What the machine would do between its birth and its end, without the machine.
                self._transmit(data, tx.reply_to or tx.flow)
                self._remember(tx, data)
                return
            machine = self._open_machine(tx)
        self._feed(tx, response_input(status), data)
        if machine.state is State.ACCEPTED:
            tx.call = (request.call_id, request.cseq.number)
            self._calls[tx.call] = tx
        elif machine.state is State.COMPLETED and isinstance(machine, PlainServerMachine):
            self._open.pop(tx.key, None)
            self._remember(tx, machine.answer)
            tx.machine = None
            self._schedule(tx)

    def _remember(self, tx: ServerTransaction, data: bytes) -> None:
        if not tx.flow.reliable:
            self.answers.put(tx.key, data, tx.reply_to, self._clock())

    def _feed(self, tx: ServerTransaction, input: Input, data: bytes = b"") -> None:
        machine = tx.machine
        if machine is None:
            return
        self._perform(tx, machine.handle(input, self._clock(), None, data))
        self._schedule(tx)

    def _perform(self, tx: ServerTransaction, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self._transmit(data, tx.reply_to or tx.flow)
                case Terminated():
                    self._open.pop(tx.key, None)
                    if tx.call is not None:
                        self._calls.pop(tx.call, None)
                case SayTrying():
                    tx.respond(100)
                case TimedOut():
                    self._timed_out(tx)
                case Unacknowledged():
                    self._unacknowledged(tx)
                case Deliver() | Stray() | StartCancel() | Failed():
                    raise LocalError(f"a server machine asked for {effect}")
                case _:
                    assert_never(effect)

    def _timed_out(self, tx: ServerTransaction) -> None:
        self.counters.unanswered += 1
        if tx.request.method == "INVITE":
            tx.respond(408)

    def _unacknowledged(self, tx: ServerTransaction) -> None:
        callback = tx.on_unacknowledged
        if callback is not None:
            self._call(tx, lambda _: callback())

    def _transmit(self, data: bytes, flow: Flow) -> None:
        try:
            self._send(data, flow)
        except TransportFailed:
            # The peer repeats its request or gives up; there is nobody else to tell.
            self.counters.unsent += 1
