"""Incoming SIP, sorted: to the registry what is about devices, to the sessions what is about calls.

Implements the endpoint's ``Handler``. It decides nothing about content; what nobody takes gets the
status RFC 3261 asks for: 481 for a dialog nobody knows, 405 for a method nobody serves.
"""

from __future__ import annotations

from collections.abc import Callable

from gb28181.device.service import DeviceService
from gb28181.session.aftermath import Aftermath
from gb28181.session.caller import Caller
from gb28181.talk.reception import Reception
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.errors import ParseError
from sip.flow import Flow
from sip.message import Request, Response
from sip.server_transaction import ServerTransaction

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, INFO, REGISTER, SUBSCRIBE, NOTIFY"
"""Methods of the standard (GB/T 28181-2022 9.2.3) and those the platform serves besides."""

log = get_logger("sip")


class Switchboard:
    """The endpoint's handler."""

    def __init__(self, rate: RateLimited) -> None:
        self._rate = rate
        self._devices: DeviceService | None = None
        self._caller: Caller | None = None
        self._aftermath: Aftermath | None = None
        self._reception: Reception | None = None
        self._methods: dict[str, Callable[[ServerTransaction], None]] = {}
        self.on_notify: Callable[[ServerTransaction], None] = self._no_dialog
        """Takes every NOTIFY that belongs to no call."""
        self.in_call: list[Callable[[ServerTransaction], bool]] = []
        """Asked first about what may belong to a call of ours; True: it was answered."""

    def connect(
        self, devices: DeviceService, caller: Caller, aftermath: Aftermath, reception: Reception
    ) -> None:
        """Name who takes what; until then the endpoint is not started."""
        self._devices, self._caller, self._aftermath = devices, caller, aftermath
        self._reception = reception
        self._methods = {
            "REGISTER": devices.on_register,
            "MESSAGE": self._first_in_call(devices.on_message),
            "BYE": self._bye,
            "OPTIONS": self._options,
            "INVITE": reception.on_invite,
            "INFO": self._first_in_call(self._no_dialog),
            "NOTIFY": self._first_in_call(lambda tx: self.on_notify(tx)),
            "SUBSCRIBE": self._subscribe,
        }

    # --- sip.endpoint.Handler ------------------------------------------------------------------

    def on_request(self, tx: ServerTransaction) -> None:
        method = self._methods.get(tx.request.method)
        if method is None:
            tx.respond(405, headers=[("Allow", ALLOW)])
        else:
            method(tx)

    def on_ack(self, request: Request, flow: Flow) -> None:
        """Of a device that called us: speech may begin."""
        if self._reception is not None:
            self._reception.on_ack(request, flow)

    def on_cancel(self, tx: ServerTransaction) -> None:
        """A device gives up its call before it was answered."""
        if self._reception is not None:
            self._reception.on_cancel(tx)

    def on_stray_response(self, response: Response, flow: Flow) -> None:
        if self._aftermath is not None:
            self._aftermath.stray(response, flow)

    def on_malformed(self, source: Flow, error: ParseError, sample: bytes) -> bool:
        answer = self._devices is not None and self._devices.may_answer_malformed(source)
        self._rate.event(
            ev.SIP_MESSAGE_REJECTED,
            source.remote[0],
            remote=str(source),
            transport=source.transport,
            reason=str(error),
            status=error.status_hint if answer else None,
            sample=sample[:120].decode("latin-1"),
        )
        return answer

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        self._rate.event(
            ev.SIP_TRANSPORT_CLOSED,
            flow.remote[0],
            remote=str(flow),
            transport=flow.transport,
            reason=reason,
        )
        if self._devices is not None:
            self._devices.on_flow_closed(flow, reason)

    # --- methods -----------------------------------------------------------------------------

    def _first_in_call(
        self, otherwise: Callable[[ServerTransaction], None]
    ) -> Callable[[ServerTransaction], None]:
        def method(tx: ServerTransaction) -> None:
            for takes in self.in_call:
                if takes(tx):
                    return
            otherwise(tx)

        return method

    def _bye(self, tx: ServerTransaction) -> None:
        status = None if self._reception is None else self._reception.bye_received(tx.request)
        if status is None:
            status = 481 if self._caller is None else self._caller.bye_received(tx.request)
        tx.respond(status)

    def _options(self, tx: ServerTransaction) -> None:
        tx.respond(200, headers=[("Allow", ALLOW)])

    def _no_dialog(self, tx: ServerTransaction) -> None:
        tx.respond(481)

    def _subscribe(self, tx: ServerTransaction) -> None:
        tx.respond(489)
