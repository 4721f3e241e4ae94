"""SUBSCRIBE as it leaves (GB/T 28181-2022 9.11, N.4.2): headers, body, and what an answer means.

Request-URI is the device at the address it speaks from; Contact is always there (devices refuse a
SUBSCRIBE without one); the body is sent with every refresh.
"""

from __future__ import annotations

from gb28181.device.model import Device
from gb28181.device.outgoing import CONTENT_TYPE
from gb28181.manscdp import write
from gb28181.subscribe.arriving import seconds_of
from gb28181.subscribe.entry import Entry
from gb28181.subscribe.kinds import EVENTS, body, event_header
from sip.dialog import Dialog, is_unreachable
from sip.endpoint import Endpoint
from sip.errors import ParseError, SipError
from sip.flow import Flow, host_port
from sip.headers import Headers
from sip.message import Request, Response
from sip.subscription import Accepted, Input, Refused, Unanswered


class Sending:
    """Builds requests and reads answers; sends nothing."""

    def __init__(self, sip: Endpoint, server_id: str, domain: str) -> None:
        self._sip = sip
        self._server_id = server_id
        self._local_uri = f"<sip:{server_id}@{domain}>"
        self._number = 0

    def request(
        self, entry: Entry, device: Device, flow: Flow, fresh: bool, expires: int
    ) -> Request:
        """The SUBSCRIBE that is due."""
        sn = str(device.next_sn())
        content = write(body(entry.kind, sn, device.device_id, entry.wish), device.write_charset)
        contact = f"<sip:{self._server_id}@{host_port(self._sip.contact_address(flow))}>"
        dialog = None if fresh else entry.dialog
        if dialog is None:
            return self._first(entry, flow, contact, expires, content)
        dialog.contact = contact
        self.aim(dialog, flow)
        headers = [("Event", entry.record.event), ("Expires", str(expires))]
        return dialog.request("SUBSCRIBE", headers=headers, body=content, content_type=CONTENT_TYPE)

    def _first(
        self, entry: Entry, flow: Flow, contact: str, expires: int, content: bytes
    ) -> Request:
        self._number = self._number % 999_999 + 1
        entry.number = self._number
        entry.record.event = event_header(entry.kind, entry.variant, entry.number)
        code = entry.device_id
        headers = Headers(
            (
                ("From", f"{self._local_uri};tag={self._sip.new_tag()}"),
                ("To", f"<sip:{code}@{code[:10]}>"),
                ("Call-ID", self._sip.new_call_id()),
                ("CSeq", "1 SUBSCRIBE"),
                ("Contact", contact),
                ("Event", entry.record.event),
                ("Expires", str(expires)),
                ("Content-Type", CONTENT_TYPE),
            )
        )
        return Request("SUBSCRIBE", f"sip:{code}@{host_port(flow.remote)}", headers, content)

    def aim(self, dialog: Dialog, flow: Flow) -> None:
        """Requests go where the device speaks from, whatever its Contact says."""
        dialog.target_override = ""
        if is_unreachable(dialog.remote_target, flow.remote[0]):
            dialog.aim_at(flow.remote)


def next_event(entry: Entry, answer: Response | SipError) -> bool:
    """A first SUBSCRIBE was answered 489: whether another Event header can be offered."""
    if not isinstance(answer, Response) or answer.status != 489 or entry.request is None:
        return False
    if entry.variant + 1 >= len(EVENTS[entry.kind]):
        entry.variant = 0
        return False
    entry.variant += 1
    return True


def meaning(answer: Response | SipError) -> Input:
    """What the machine is told of an answer."""
    if isinstance(answer, SipError):
        return Unanswered()
    if 200 <= answer.status < 300:
        return Accepted(seconds_of(answer.headers.get("Expires")))
    name = "Min-Expires" if answer.status == 423 else "Retry-After"
    return Refused(answer.status, seconds_of(answer.headers.get(name)))


def enter_dialog(entry: Entry, answer: Response) -> None:
    """A 2xx to a first SUBSCRIBE makes the dialog, unless a NOTIFY already did; one to a refresh
    may move its target. Raises ParseError where it cannot be read."""
    dialog = entry.dialog
    if entry.request is None:
        if dialog is not None:
            dialog.refresh(answer)
        return
    made = Dialog.of_client(entry.request, answer)
    if dialog is not None and dialog.call_id == made.call_id:
        made.remote_cseq, made.local_cseq = dialog.remote_cseq, dialog.local_cseq
        made.remote_tag = made.remote_tag or dialog.remote_tag
    entry.dialog, entry.request = made, None


def dialog_of_notify(entry: Entry, notify: Request) -> Dialog | None:
    """The dialog a NOTIFY makes that overtakes the 2xx (RFC 6665 4.4.1)."""
    first = entry.request
    if first is None:
        return None
    try:
        if notify.to.tag != first.from_.tag:
            return None
        answer = Headers(
            (
                ("To", notify.headers.get("From") or ""),
                ("Contact", notify.headers.get("Contact") or str(first.uri)),
            )
        )
        return Dialog.of_client(first, Response(200, "OK", answer))
    except ParseError:
        return None
