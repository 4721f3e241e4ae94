"""The SIP side of one target: the device's INVITE and our answer to it, or our INVITE of 2016.

Both kinds know how to end their dialog and to judge a BYE; what it means is the leg's business.
Requests go to the address the device speaks from: Contacts of cameras are often wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from gb28181.session.dialing import SDP_TYPE, Dialer
from gb28181.session.ssrc import format_ssrc
from gb28181.store.records import DialogRecord
from sip.dialog import Dialog, is_unreachable
from sip.errors import ParseError, SipError, TransportFailed
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.options import ServerTransaction

from . import leg_words as legs
from .reasons import Reason, Why

Tell = Callable[[legs.Input], None]


class Call(Protocol):
    """One dialog of speech."""

    @property
    def call_id(self) -> str: ...
    @property
    def local_tag(self) -> str: ...
    def bye(self) -> None:
        """Send BYE; its answer, or its being given up, is told as ``ByeDone``."""
        ...

    def judge(self, request: Request) -> int | None:
        """A request inside this dialog: a status to refuse it with, None when it is good."""
        ...

    def fill(self, record: DialogRecord) -> None:
        """Write into the stored row what is known of the dialog."""
        ...


class Incoming:
    """The device called us."""

    def __init__(self, dialer: Dialer, tx: ServerTransaction, flow: Flow, tell: Tell) -> None:
        """``flow``: where requests to the device go. Raises ParseError."""
        self.call_id = tx.request.call_id
        self.local_tag = tx.to_tag
        self._dialer = dialer
        self._tx = tx
        self._flow = flow
        self._tell = tell
        self._contact = dialer.contact(tx.flow)
        self._dialog = Dialog.of_server(tx.request, tx.to_tag, self._contact)
        if is_unreachable(self._dialog.remote_target, flow.remote[0]):
            self._dialog.aim_at(flow.remote)

    def __repr__(self) -> str:
        return f"<Incoming {self.call_id}>"

    def answer(self, body: bytes) -> None:
        """200 with our SDP; repeated by its transaction until the ACK comes."""
        self._tx.on_unacknowledged = self._unacknowledged
        headers = [("Contact", self._contact)]
        self._tx.respond(200, headers=headers, body=body, content_type=SDP_TYPE)

    def confirm(self, tx: ServerTransaction, body: bytes) -> None:
        """200 to a re-INVITE that changes nothing."""
        tx.respond(200, headers=[("Contact", self._contact)], body=body, content_type=SDP_TYPE)

    def refuse(self, status: int) -> None:
        """A final answer that makes no dialog; nothing when it was answered."""
        self._tx.respond(status)

    def bye(self) -> None:
        _bye(self._dialer, self._dialog, self._flow, self._tell)

    def judge(self, request: Request) -> int | None:
        return self._dialog.check(request)

    def fill(self, record: DialogRecord) -> None:
        _fill(record, self._dialog)

    def _unacknowledged(self) -> None:
        self._tell(legs.End(Why(Reason.NO_ACK, "its 200 was repeated in vain")))


class Outgoing:
    """We call the device (``s=Talk``); listens to its INVITE transaction."""

    def __init__(self, dialer: Dialer, target: str, flow: Flow, tell: Tell) -> None:
        self.call_id = dialer.new_call_id()
        self.local_tag = dialer.new_tag()
        self.on_answer: Callable[[bytes], Why | None] = _fine
        """Reads the SDP of the first 200; says why it cannot be used."""
        self._dialer = dialer
        self._target = target
        self._flow = flow
        self._tell = tell
        self._dialog: Dialog | None = None
        self._request: Request | None = None
        self._cancel: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Outgoing {self.call_id} to {self._target}>"

    def invite(self, body: bytes, ssrc: int, server_id: str) -> None:
        """Send the INVITE. Raises TransportFailed."""
        dialer, flow = self._dialer, self._flow
        headers = Headers(
            [
                ("From", f"{dialer.local_uri};tag={self.local_tag}"),
                ("To", dialer.remote_uri(self._target)),
                ("Call-ID", self.call_id),
                ("CSeq", "1 INVITE"),
                ("Contact", dialer.contact(flow)),
                ("Max-Forwards", "70"),
                ("Subject", f"{self._target}:{format_ssrc(ssrc)},{server_id}:0"),
                ("Content-Type", SDP_TYPE),
            ]
        )
        self._request = Request("INVITE", dialer.target(self._target, flow), headers, body)
        self._cancel = dialer.sip.invite(self._request, flow, self).cancel

    def ack(self) -> None:
        """ACK the 2xx."""
        if self._dialog is not None:
            with contextlib.suppress(TransportFailed):
                self._dialer.sip.send_ack(self._dialog.ack(), self._flow)

    def cancel(self) -> None:
        """CANCEL, as soon as a 1xx allows it."""
        if self._cancel is not None:
            self._cancel()

    def bye(self) -> None:
        if self._dialog is None:
            self._tell(legs.ByeDone())
            return
        _bye(self._dialer, self._dialog, self._flow, self._tell)

    def judge(self, request: Request) -> int | None:
        return 481 if self._dialog is None else self._dialog.check(request)

    def fill(self, record: DialogRecord) -> None:
        if self._dialog is not None:
            _fill(record, self._dialog)

    # --- what the transaction says -----------------------------------------------------------

    def on_provisional(self, response: Response) -> None:
        """Any 1xx is progress."""

    def on_success(self, response: Response) -> None:
        if self._dialog is not None:
            self.ack()
            return
        assert self._request is not None, "answered before it was sent"
        try:
            self._dialog = Dialog.of_client(self._request, response)
        except ParseError as error:
            self._tell(legs.Declined(Why(Reason.INVITE_UNUSABLE, f"unreadable 200: {error}")))
            return
        if is_unreachable(self._dialog.remote_target, self._flow.remote[0]):
            self._dialog.aim_at(self._flow.remote)
        self._tell(legs.Accepted(self.on_answer(response.body)))

    def on_failure(self, response: Response) -> None:
        detail = f"{response.status} {response.reason}".rstrip()
        self._tell(legs.Declined(Why(Reason.INVITE_REJECTED, detail, response.status)))

    def on_timeout(self) -> None:
        self._tell(legs.Declined(Why(Reason.INVITE_TIMEOUT)))

    def on_transport_error(self, error: TransportFailed) -> None:
        self._tell(legs.Declined(Why(Reason.INVITE_TIMEOUT, str(error))))


def _bye(dialer: Dialer, dialog: Dialog, flow: Flow, tell: Tell) -> None:
    def answered(result: Response | SipError) -> None:
        tell(legs.ByeDone())

    dialer.sip.send_request(dialog.request("BYE"), flow, answered)


def _fill(record: DialogRecord, dialog: Dialog) -> None:
    record.remote_tag = dialog.remote_tag
    record.remote_target = dialog.target
    record.route_set = list(dialog.route_set)
    record.local_uri, record.remote_uri = dialog.local_uri, dialog.remote_uri
    record.cseq = dialog.local_cseq


def _fine(_: bytes) -> Why | None:
    """Nobody reads answers yet."""
    return None
