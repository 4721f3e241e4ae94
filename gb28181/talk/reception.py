"""Gives devices that call the right line.

A device may call only after a notification of ours that nobody has answered yet, and only from the
address it is registered from; any other INVITE is refused. Which notification it answers is told by
its Subject, its From or its SDP, whichever names the target; devices that name none of these have
one open notification, or get the oldest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from gb28181.device.clock import Clock
from gb28181.device.keepalive import Gate, gate
from gb28181.telemetry import events_talk as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.errors import ParseError
from sip.flow import Flow
from sip.message import Request
from sip.options import ServerTransaction
from sip.sdp import SessionDescription

from . import leg_words as legs
from .books import Desk
from .leg import Leg
from .line import Line
from .offer import OfferRefused, Wanted, read_wanted
from .reasons import Reason, Why

log = get_logger("talk")


class Reception:
    """Requests of devices, to the lines they are for."""

    def __init__(self, desk: Desk, lines: Callable[[], list[Line]], clock: Clock) -> None:
        self._desk = desk
        self._lines = lines
        self._clock = clock
        self._rate = RateLimited(log, clock.now)

    def drain(self) -> None:
        """Write what floods held back."""
        self._rate.drain()

    def on_invite(self, tx: ServerTransaction) -> None:
        """A device calls us."""
        request = tx.request
        known = self._of_call(request.call_id)
        if known is not None and request.to.tag is None:
            tx.respond(482)  # the same call once more on another way (RFC 3261 8.2.2.2)
            return
        if known is None and request.to.tag is not None:
            tx.respond(481)
            return
        line = known or self._awaiting(tx)
        if line is None:
            self._refuse(tx, 403, "no_broadcast")
            return
        wanted = self._wanted(tx, line)
        flow = self._desk.devices.flow_of(line.target.device_id) or tx.flow
        if wanted is None:
            return
        if known is not None:
            line.again(tx, wanted)
        else:
            line.invited(tx, flow, wanted)

    def _wanted(self, tx: ServerTransaction, line: Line) -> Wanted | None:
        """The offer with an address that was found good; None when it was refused with 488."""
        source = tx.flow.remote[0]
        try:
            wanted = read_wanted(tx.request.body)
            host = self._desk.dialer.addresses.usable(wanted.host, source)
            if host is None and wanted.transport != "tcp-passive":
                raise OfferRefused(Why(Reason.ADDRESS_REFUSED, wanted.host[:64], 488))
        except OfferRefused as error:
            tx.respond(488)
            if line.leg.awaits_invite:
                line.end(error.why)
            return None
        return wanted.at(host or source)

    def on_ack(self, request: Request, flow: Flow) -> None:
        """ACK of a 2xx."""
        line = self._of_call(request.call_id)
        if line is not None and line.judge(request) is None:
            line.feed(legs.Acked())

    def on_cancel(self, tx: ServerTransaction) -> None:
        """A device gives up its INVITE before our answer; 487 follows by itself."""
        line = self._of_call(tx.request.call_id)
        if line is not None:
            line.feed(legs.PeerCancel())

    def bye_received(self, request: Request) -> int | None:
        """The status to answer a BYE with; None when the dialog is none of ours."""
        line = self._of_call(request.call_id)
        if line is None:
            return None
        status = line.judge(request)
        if status is not None:
            return status
        line.feed(legs.PeerBye())
        return 200

    def _awaiting(self, tx: ServerTransaction) -> Line | None:
        """The line whose notification this INVITE answers."""
        now = self._clock.now()
        waiting = [
            line
            for line in self._lines()
            if line.leg.awaits_invite and self._is_from(line.target.device_id, tx.flow, now)
        ]
        names = _names(tx.request)
        named = [line for line in waiting if line.target.code in names]
        return next(iter(named or waiting), None)

    def _is_from(self, device_id: str, flow: Flow, now: float) -> bool:
        device = self._desk.devices.device(device_id)
        if device is None:
            return False
        return gate(device, flow, now) in (Gate.PASS, Gate.PASS_ELSEWHERE)

    def _refuse(self, tx: ServerTransaction, status: int, reason: str) -> None:
        tx.respond(status)
        remote = tx.flow.remote[0]
        self._rate.event(
            ev.TALK_INVITE_REFUSED,
            remote,
            device_id=tx.request.from_user[:64],
            remote=str(tx.flow),
            call_id=tx.request.call_id[:128],
            status=status,
            reason=reason,
        )

    def _of_call(self, call_id: str) -> Line | None:
        # By the ledger, so that a call is found however many lines there are.
        session = self._desk.ledger.by_call(call_id)
        if session is None or not isinstance(session.call, Leg):
            # Its port is just being opened, or it has none yet.
            return next((line for line in self._lines() if line.call_id == call_id), None)
        return next((line for line in self._lines() if line.session is session), None)


def _names(request: Request) -> set[str]:
    """Every code an INVITE names its sender by."""
    names = {request.from_user}
    subject = (request.headers.get("Subject") or "").partition(",")[2]
    names.add(subject.partition(":")[0].strip())
    with contextlib.suppress(ParseError):  # said elsewhere, with its status
        names.add(SessionDescription.parse(request.body).origin_user)
    return names - {""}
