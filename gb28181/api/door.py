"""The door of the media servers: credentials of a player, and the pull of what it may see.

The rules are those of the HTTP addresses: a ticket where one is given and then it alone, else who
the header names. Players that know no tokens say user name and password (Basic), checked like a
login and limited like one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import cast

from gb28181.errors import PlatformError
from gb28181.session.model import StreamKey, StreamName
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.door import Admission, Refused, Wish

from .auth import MAX_CREDENTIAL
from .guard import PrincipalCache
from .platform import Platform

log = get_logger("api")


class PlayerDoor:
    """`media.door.Door` for one node."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._principals = PrincipalCache(platform.store)

    async def open(self, wish: Wish) -> Admission:
        """The stream, once media runs. Raises Refused."""
        platform = self._platform
        stream = cast(StreamName, wish.stream)
        live = wish.kind == "live"
        stream_id = StreamKey(wish.name, stream).stream_id if live else wish.name
        admitted = await self._admitted(wish, stream_id)
        if admitted is None:
            raise Refused(401, "a ticket or a user's credentials are needed to open a stream")
        try:
            if live:
                await platform.sessions.live(wish.name, None, stream)
            else:
                await platform.playback.wanted(stream_id)
        except PlatformError as error:
            raise Refused(error.http_status, f"{error.code}: {error.message}") from error
        return admitted

    async def _admitted(self, wish: Wish, stream_id: str) -> Admission | None:
        if wish.ticket is not None:
            ticket = self._platform.tickets.opens(wish.ticket, stream_id, "rtsp")
            if ticket is None:
                return None
            return Admission(stream_id, ticket.user, ticket.ticket_id)
        scheme, _, value = wish.authorization.partition(" ")
        if scheme.lower() == "bearer":
            name = self._platform.tokens.user_of(value.strip())
            found = None if name is None else await self._principals.user(name)
            return None if found is None else Admission(stream_id, found.name)
        if scheme.lower() == "basic":
            name = await self._login(value.strip(), wish.address)
            return None if name is None else Admission(stream_id, name)
        return None

    async def _login(self, value: str, address: str) -> str | None:
        name, password = _basic(value)
        if not name or not password or max(len(name), len(password)) > MAX_CREDENTIAL:
            return None
        logins = self._platform.logins
        now = asyncio.get_running_loop().time()
        if not logins.allows(name, address, now):
            raise Refused(429, "too many failed logins; wait a few minutes")
        if await self._platform.store.accounts.verify(name, password) is None:
            logins.failed(name, address, now)
            log.event(ev.API_LOGIN_FAILED, user=name, remote=address, reason="credentials")
            return None
        logins.succeeded(name, address)
        return name


def _basic(value: str) -> tuple[str, str]:
    """User name and password of a Basic header; empty ones when it is none."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, password = text.partition(":")
    return name, password
