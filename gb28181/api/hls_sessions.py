"""The players of HLS by their session tickets.

HLS opens its stream anew with every request, so a ticket of ten minutes cannot carry it. The first
request is checked like any other and begins a session; the playlist gives every address a ticket of
that session, which is good for this stream as long as its player goes on asking. Whoever opened the
session may also reload the address it was opened with, even when its ticket has meanwhile ended.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from media.node import HlsViewer

TICKET_BYTES = 16


@dataclass(frozen=True, slots=True)
class HlsSession:
    """One player: what it may fetch, and where that comes from."""

    ticket: str
    place: str
    """The path of its playlist without the file: it opens nothing below another one."""
    viewer: HlsViewer
    opener: bytes

    @property
    def is_alive(self) -> bool:
        return self.viewer.end_reason is None


class HlsSessions:
    """All players that ask; as many as the media node allows."""

    def __init__(self) -> None:
        self._by_ticket: dict[str, HlsSession] = {}
        self._by_opener: dict[bytes, HlsSession] = {}

    def __len__(self) -> int:
        return len(self._by_ticket)

    def find(self, ticket: str | None, place: str) -> HlsSession | None:
        """The session whose ticket this is, if it is one of this place and goes on."""
        return self._checked(self._by_ticket.get(ticket or ""), place)

    def opened_by(self, connection: HTTPConnection, place: str) -> HlsSession | None:
        """The session these credentials opened before."""
        return self._checked(self._by_opener.get(opener_of(connection, place)), place)

    def add(self, connection: HTTPConnection, place: str, viewer: HlsViewer) -> HlsSession:
        """A new session; those that are over are forgotten."""
        for session in [s for s in self._by_ticket.values() if not s.is_alive]:
            self._forget(session)
        ticket = secrets.token_hex(TICKET_BYTES)
        session = HlsSession(ticket, place, viewer, opener_of(connection, place))
        self._by_ticket[ticket] = self._by_opener[session.opener] = session
        return session

    def _checked(self, session: HlsSession | None, place: str) -> HlsSession | None:
        if session is None or session.place != place:
            return None
        if not session.is_alive:
            self._forget(session)
            return None
        return session

    def _forget(self, session: HlsSession) -> None:
        self._by_ticket.pop(session.ticket, None)
        if self._by_opener.get(session.opener) is session:
            del self._by_opener[session.opener]


def opener_of(connection: HTTPConnection, place: str) -> bytes:
    """What a player shows each time: its ticket, or its headers and where it stands."""
    query, headers = connection.query_params, connection.headers
    shown = [place, query.get("ticket"), query.get("audio")]
    if shown[1] is None:
        host = connection.client.host if connection.client else ""
        shown += [headers.get("authorization"), headers.get("x-api-key"), host]
    return hashlib.sha256("\0".join(part or "" for part in shown).encode()).digest()
