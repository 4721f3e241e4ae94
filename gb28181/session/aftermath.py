"""Dialogs without an owner: those of a run before, and 200s nobody waits for.

After a restart every INVITE dialog the store still calls open gets a BYE, whether its 200 was ever
seen or not (a device that does not know the dialog answers 481, which is just as good), and its
SSRC rests. Over UDP that happens at once; over TCP the old connection is gone, so the BYE waits
until the device is back on a new one. A late 200 of a call nobody remembers is acknowledged and
ended: otherwise the device would repeat it for half a minute and then go on sending.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from gb28181.store.records import DialogRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.dialog import Dialog, is_unreachable
from sip.errors import ParseError, SipError, TransportFailed
from sip.flow import Flow, Transport
from sip.headers import Headers
from sip.message import Request, Response

from .caller import DialogStore
from .dialing import Sip
from .ledger import Ledger
from .model import EndReason

log = get_logger("session")


class Devices(Protocol):
    """Who knows where a device is now."""

    def flow_of(self, device_id: str) -> Flow | None: ...


class Aftermath:
    """Ends what nobody else will end."""

    def __init__(self, sip: Sip, ledger: Ledger, store: DialogStore, devices: Devices) -> None:
        self._sip = sip
        self._ledger = ledger
        self._store = store
        self._devices = devices
        self._owed: dict[str, list[DialogRecord]] = {}

    @property
    def owed(self) -> int:
        """BYEs that wait for their device's new connection."""
        return sum(len(records) for records in self._owed.values())

    async def settle(self, records: list[DialogRecord]) -> None:
        """BYE to every dialog the run before left open."""
        for record in records:
            if record.transport == "udp":
                self._bye(record, _flow(record))
            else:
                self._owed.setdefault(record.device_id, []).append(record)
                self.device_back(record.device_id)
            await self._store.close_dialog(record.call_id, EndReason.PREVIOUS_RUN.value)

    def device_back(self, device_id: str) -> None:
        """A device is reachable (again): pay what is owed to it."""
        flow = self._devices.flow_of(device_id)
        if flow is not None:
            for record in self._owed.pop(device_id, []):
                self._bye(record, flow)

    def stray(self, response: Response, flow: Flow) -> None:
        """A response no transaction waits for; only a 2xx to INVITE needs anything."""
        try:
            if response.cseq.method != "INVITE" or not 200 <= response.status < 300:
                return
            dialog = _dialog_of(response)
        except ParseError:
            return
        if is_unreachable(dialog.remote_target, flow.remote[0]):
            dialog.aim_at(flow.remote)
        with contextlib.suppress(TransportFailed):
            self._sip.send_ack(dialog.ack(), flow)
        if self._ledger.by_call(response.call_id) is None:
            log.event(
                ev.SESSION_STRAY_ANSWER,
                call_id=response.call_id,
                status=response.status,
                remote=str(flow),
            )
            self._sip.send_request(dialog.request("BYE"), flow, _no_matter)

    def _bye(self, record: DialogRecord, flow: Flow) -> None:
        dialog = Dialog(
            call_id=record.call_id,
            local_uri=record.local_uri,
            local_tag=record.local_tag,
            remote_uri=record.remote_uri,
            remote_tag=record.remote_tag,
            local_cseq=record.cseq,
            remote_cseq=None,
            remote_target=record.remote_target,
            route_set=tuple(record.route_set),
        )
        self._sip.send_request(dialog.request("BYE"), flow, _no_matter)
        log.event(
            ev.SESSION_LEFTOVER_CLOSED,
            session_id=record.session_id,
            device_id=record.device_id,
            call_id=record.call_id,
        )


def _flow(record: DialogRecord) -> Flow:
    transport: Transport = "tcp" if record.transport == "tcp" else "udp"
    return Flow(
        transport,
        (record.remote_host, record.remote_port),
        (record.local_host, record.local_port),
    )


def _dialog_of(response: Response) -> Dialog:
    """The dialog of an INVITE of ours we only know from its answer."""
    headers = Headers(
        [
            ("From", response.headers.get("From") or ""),
            ("To", response.headers.get("To") or ""),
            ("Call-ID", response.call_id),
            ("CSeq", f"{response.cseq.number} INVITE"),
        ]
    )
    return Dialog.of_client(Request("INVITE", str(response.to.uri), headers), response)


def _no_matter(result: Response | SipError) -> None:
    """Answered or not, the dialog is over for us."""
