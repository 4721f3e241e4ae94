"""The SIP side of a call: writes INVITE, ACK, BYE and CANCEL, reads what the device says.

One ``Dialing`` stands for one INVITE dialog and listens to its transaction. It tells the call
machine only what matters (accepted, refused, unanswered, bye); repeated 200s are acknowledged here,
also after the session is over, because their sender goes on until it hears an ACK
(RFC 3261 13.3.1.4). Requests go to the address the device registered from: Contacts of cameras are
often private or wrong, and only the flow is known to work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gb28181.store.records import DialogRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.client_side import InviteClient, InviteListener
from sip.dialog import Dialog, is_unreachable
from sip.errors import ParseError, SipError, TransportFailed
from sip.flow import Flow, host_port
from sip.headers import Headers
from sip.message import Request, Response

from . import call_words as calls
from .address import MediaAddresses
from .model import LIVE, Ask, StreamName, Transport
from .offer import Answer, AnswerUnusable, offer, read_answer
from .ssrc import format_ssrc

SDP_TYPE = "APPLICATION/SDP"

log = get_logger("session")


class Sip(Protocol):
    """What dialing needs of the SIP endpoint."""

    def invite(self, request: Request, flow: Flow, listener: InviteListener) -> InviteClient: ...
    def send_request(
        self, request: Request, flow: Flow, on_result: Callable[[Response | SipError], None]
    ) -> None: ...
    def send_ack(self, request: Request, flow: Flow) -> None: ...
    def contact_address(self, flow: Flow) -> tuple[str, int]: ...
    def new_call_id(self) -> str: ...
    def new_tag(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in SIP: 20-digit id and domain."""

    server_id: str
    domain: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Everything an INVITE is made of."""

    session_id: str
    call_id: str
    local_tag: str
    reported_id: str
    ssrc: int
    transport: Transport
    stream: StreamName
    media: tuple[str, int]
    flow: Flow
    ask: Ask = LIVE


class Dialer:
    """Makes dialogs; ``on_input`` hears what becomes of them."""

    def __init__(
        self, sip: Sip, identity: Identity, addresses: MediaAddresses, ids: Callable[[], str]
    ) -> None:
        self.sip = sip
        self.addresses = addresses
        self.on_input: Callable[[str, calls.Input], None] = _nobody
        self.new_id = ids
        self._identity = identity

    @property
    def local_uri(self) -> str:
        """From of our requests."""
        return f"<sip:{self._identity.server_id}@{self._identity.domain}>"

    def remote_uri(self, reported_id: str) -> str:
        """To of our requests."""
        return f"<sip:{reported_id}@{self._identity.domain}>"

    def target(self, reported_id: str, flow: Flow) -> str:
        """Request-URI: the channel at the address its device registered from."""
        return f"sip:{reported_id}@{host_port(flow.remote)}"

    def contact(self, flow: Flow) -> str:
        """Contact: mandatory in INVITE (quirk 24)."""
        return f"<sip:{self._identity.server_id}@{host_port(self.sip.contact_address(flow))}>"

    def media_host(self, announced: str, flow: Flow) -> str:
        """Where to send media: what the node announces, else the address SIP uses on this flow."""
        unspecified = announced in ("", "0.0.0.0", "::")
        return self.sip.contact_address(flow)[0] if unspecified else announced

    def new_call_id(self) -> str:
        return self.sip.new_call_id()

    def new_tag(self) -> str:
        return self.sip.new_tag()

    def invite(self, invitation: Invitation) -> Dialing:
        """Send the INVITE; what becomes of it is told by ``on_input``. Raises TransportFailed."""
        return Dialing(self, invitation, self._request(invitation))

    def _request(self, invitation: Invitation) -> Request:
        flow, ssrc = invitation.flow, format_ssrc(invitation.ssrc)
        server_id = self._identity.server_id
        headers = Headers(
            [
                ("From", f"{self.local_uri};tag={invitation.local_tag}"),
                ("To", self.remote_uri(invitation.reported_id)),
                ("Call-ID", invitation.call_id),
                ("CSeq", "1 INVITE"),
                ("Contact", self.contact(flow)),
                ("Max-Forwards", "70"),
                ("Subject", f"{invitation.reported_id}:{ssrc},{server_id}:0"),
                ("Content-Type", SDP_TYPE),
            ]
        )
        body = offer(
            server_id=server_id,
            media=invitation.media,
            transport=invitation.transport,
            ssrc=invitation.ssrc,
            stream=invitation.stream,
            channel=invitation.reported_id,
            ask=invitation.ask,
        )
        return Request("INVITE", self.target(invitation.reported_id, flow), headers, body)


class Dialing:
    """One INVITE dialog on the wire."""

    def __init__(self, dialer: Dialer, invitation: Invitation, request: Request) -> None:
        self.ssrc: int | None = None
        self.media_remote: tuple[str, int] | None = None
        self.file_size: int | None = None
        self._dialer = dialer
        self._invitation = invitation
        self._request = request
        self._dialog: Dialog | None = None
        self._client = dialer.sip.invite(request, invitation.flow, self)

    def __repr__(self) -> str:
        return f"<Dialing {self._invitation.call_id} to {self._invitation.reported_id}>"

    # --- what the call machine wants ---------------------------------------------------------

    def ack(self) -> None:
        """ACK the 2xx."""
        if self._dialog is not None:
            # On a connection that is gone nothing can be said; its loss is told elsewhere.
            with contextlib.suppress(TransportFailed):
                self._dialer.sip.send_ack(self._dialog.ack(), self._invitation.flow)

    def bye(self) -> None:
        """BYE; its answer, or its being given up, is told as ``ByeDone``."""
        if self._dialog is None:
            self._tell(calls.ByeDone())
            return
        request = self._dialog.request("BYE")
        self._dialer.sip.send_request(request, self._invitation.flow, self._bye_answered)

    def cancel(self) -> None:
        """CANCEL, as soon as a 1xx allows it."""
        self._client.cancel()

    def info(
        self, body: bytes, content_type: str, on_result: Callable[[Response | SipError], None]
    ) -> None:
        """INFO inside the dialog, which has to stand."""
        assert self._dialog is not None, "INFO before the 2xx"
        contact = self._request.headers.get("Contact") or ""
        request = self._dialog.request(
            "INFO", headers=[("Contact", contact)], body=body, content_type=content_type
        )
        self._dialer.sip.send_request(request, self._invitation.flow, on_result)

    @property
    def stands(self) -> bool:
        """The 2xx came: requests can be sent inside the dialog."""
        return self._dialog is not None

    def bye_received(self, request: Request) -> int:
        """The device's BYE: the status to answer with; 200 also ends the call."""
        status = self._dialog.check(request) if self._dialog is not None else None
        if status is not None:
            return status
        self._tell(calls.PeerBye())
        return 200

    def fill(self, record: DialogRecord) -> None:
        """Write into the stored row what the 2xx told."""
        if self._dialog is not None:
            record.remote_tag = self._dialog.remote_tag
            record.remote_target = self._dialog.target
            record.route_set = list(self._dialog.route_set)
            record.cseq = self._dialog.local_cseq

    # --- what the transaction says -----------------------------------------------------------

    def on_provisional(self, response: Response) -> None:
        """Any 1xx is progress, also those nobody defined (quirk 45)."""

    def on_success(self, response: Response) -> None:
        if self._dialog is not None:
            self.ack()
            return
        flow = self._invitation.flow
        try:
            self._dialog = Dialog.of_client(self._request, response)
        except ParseError as error:
            # Nothing can be acknowledged without its tags; the device will give up by itself.
            self._tell(calls.Unanswered(f"unreadable 200: {error}"))
            return
        if is_unreachable(self._dialog.remote_target, flow.remote[0]):
            self._dialog.aim_at(flow.remote)
        self._tell(self._read(response))

    def on_failure(self, response: Response) -> None:
        self._tell(calls.Refused(response.status, response.reason))

    def on_timeout(self) -> None:
        self._tell(calls.Unanswered())

    def on_transport_error(self, error: TransportFailed) -> None:
        self._tell(calls.Unanswered(str(error)))

    def _read(self, response: Response) -> calls.Accepted:
        """What the answer's SDP allows."""
        flow, transport = self._invitation.flow, self._invitation.transport
        try:
            answer: Answer = read_answer(response.body, transport)
        except AnswerUnusable as error:
            return calls.Accepted(problem=str(error))
        self.ssrc, self.file_size = answer.ssrc, answer.file_size
        host = self._dialer.addresses.usable(answer.host, flow.remote[0])
        self.media_remote = (host or answer.host, answer.port)
        if transport != "tcp-active":
            return calls.Accepted()  # we only receive: where it says it is does no harm
        if host is None:
            log.event(
                ev.SESSION_ADDRESS_REFUSED,
                session_id=self._invitation.session_id,
                call_id=self._invitation.call_id,
                remote=answer.host,
            )
            return calls.Accepted(problem=f"media address {answer.host} is not allowed")
        return calls.Accepted(connect=(host, answer.port))

    def _bye_answered(self, result: Response | SipError) -> None:
        self._tell(calls.ByeDone())

    def _tell(self, event: calls.Input) -> None:
        self._dialer.on_input(self._invitation.session_id, event)


def _nobody(session_id: str, event: calls.Input) -> None:
    """Before the caller listens nobody does."""
