"""MediaStatus 121: which of our recordings a device has sent to its end.

The standard puts it inside the dialog. Devices also send it as a message of its own, from their own
id, from the channel's, or from one that is neither. So it is matched by Call-ID, then by channel,
then by the sender's only recording (GB/T 28181-2022 9.8.2; reference 3.14, quirk 37).
"""

from __future__ import annotations

from collections.abc import Iterable

from gb28181.device.model import Device
from gb28181.manscdp import BadXml, MediaStatus, Message, read
from gb28181.session.caller import Directory
from gb28181.session.ledger import Session
from gb28181.session.model import SessionKind
from gb28181.session.service import SessionService
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.errors import ParseError
from sip.options import ServerTransaction

_RECORDED = (SessionKind.PLAYBACK, SessionKind.DOWNLOAD)

log = get_logger("playback")


class Endings:
    """Hears what devices say, in and outside of dialogs."""

    def __init__(self, sessions: SessionService, directory: Directory) -> None:
        self._sessions = sessions
        self._directory = directory

    def in_call(self, tx: ServerTransaction) -> bool:
        """A request that may belong to a call of ours; True when it was taken and answered."""
        session = self._sessions.of_call(tx.request.call_id)
        if session is None or session.kind not in _RECORDED:
            return False
        status = _status(tx)
        if status is None:
            return False
        tx.respond(200)
        self._ended(session, status)
        return True

    def on_message(self, device: Device, message: Message) -> None:
        """A message of a registered device, answered already."""
        if isinstance(message, MediaStatus):
            sessions = self._sessions.recordings(device.device_id)
            self._choose(sessions, message, {message.device_id}, device.device_id)

    def from_stranger(self, tx: ServerTransaction) -> bool:
        """A MESSAGE whose sender is no device: it may name the channel instead."""
        if b"MediaStatus" not in tx.request.body:
            return False
        host = tx.flow.remote[0]
        sessions = [s for s in self._sessions.recordings() if self._host_of(s) == host]
        status = _status(tx) if sessions else None
        if status is None:
            return False
        tx.respond(200)
        try:
            sender = tx.request.from_.uri.user
        except ParseError:
            sender = ""
        self._choose(sessions, status, {status.device_id, sender}, sender)
        return True

    def _choose(
        self, sessions: Iterable[Session], status: MediaStatus, names: set[str], sender: str
    ) -> None:
        candidates = list(sessions)
        named = [session for session in candidates if session.reported_id in names]
        chosen = named or candidates
        if len(chosen) == 1:
            self._ended(chosen[0], status)
        else:
            log.event(ev.PLAYBACK_ENDING_UNCLEAR, device_id=sender, count=len(chosen))

    def _ended(self, session: Session, status: MediaStatus) -> None:
        if status.ended:
            self._sessions.finished(session)

    def _host_of(self, session: Session) -> str | None:
        route = self._directory.route(session.key.channel_id)
        return None if route is None or route.flow is None else route.flow.remote[0]


def _status(tx: ServerTransaction) -> MediaStatus | None:
    try:
        message = read(tx.request.body)
    except BadXml:
        return None
    return message if isinstance(message, MediaStatus) else None
