"""Who asks, and may it: Bearer token, API key or ticket; roles admin, operator, viewer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from gb28181.errors import Forbidden, Unauthorised
from gb28181.store.store import Store

from .platform import Here, Platform, platform_of

ROLES = ("viewer", "operator", "admin")
"""Each may do what those before it may: look; control and pull; change what exists."""

CACHE_S = 5.0
"""How long a user's row is believed: a disabled user is out within this time."""

CACHE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this principal has at least ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role) if self.role in ROLES else False


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in, and by which ticket, if it was one."""

    user: str
    ticket_id: str = ""


class PrincipalCache:
    """Users and API keys as the store has them, believed for a few seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[tuple[str, str], tuple[float, Principal | None]] = {}

    def forget(self) -> None:
        """Users or keys changed."""
        self._rows.clear()

    async def user(self, name: str) -> Principal | None:
        """The user of an access token, unless it is gone or disabled."""
        return await self._find("user", name)

    async def api_key(self, key: str) -> Principal | None:
        """The holder of an API key."""
        return await self._find("key", key)

    async def _find(self, kind: str, secret: str) -> Principal | None:
        now = asyncio.get_running_loop().time()
        cached = self._rows.get((kind, secret))
        if cached is not None and cached[0] > now:
            return cached[1]
        if len(self._rows) >= CACHE_ROWS:
            self._rows.clear()
        principal = await (self._read_user(secret) if kind == "user" else self._read_key(secret))
        self._rows[kind, secret] = (now + CACHE_S, principal)
        return principal

    async def _read_user(self, name: str) -> Principal | None:
        record = await self._store.accounts.user(name)
        return None if record is None or record.disabled else Principal(record.name, record.role)

    async def _read_key(self, key: str) -> Principal | None:
        record = await self._store.accounts.api_key(key)
        return None if record is None else Principal(record.name or record.key_id, record.role)


async def identify(connection: HTTPConnection) -> Principal | None:
    """Whoever the headers name, or None."""
    platform = platform_of(connection)
    cache: PrincipalCache = connection.app.state.principals
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        name = platform.tokens.user_of(value.strip())
        return None if name is None else await cache.user(name)
    key = connection.headers.get("x-api-key")
    return await cache.api_key(key) if key else None


async def opens(
    connection: HTTPConnection, platform: Platform, scope: str, output: str | None = None
) -> Admitted | None:
    """Whom headers or ``?ticket=`` open this stream for, by this way out; or ``events``."""
    text = connection.query_params.get("ticket")
    if text is not None:
        ticket = platform.tickets.opens(text, scope, output)
        return None if ticket is None else Admitted(ticket.user, ticket.ticket_id)
    principal = await identify(connection)
    return None if principal is None else Admitted(principal.name)


async def viewer(connection: HTTPConnection, platform: Here) -> Principal:
    """Dependency: any known principal."""
    return await _at_least("viewer", connection)


async def operator(connection: HTTPConnection, platform: Here) -> Principal:
    """Dependency: one that may pull and control."""
    return await _at_least("operator", connection)


async def admin(connection: HTTPConnection, platform: Here) -> Principal:
    """Dependency: one that may change what exists."""
    return await _at_least("admin", connection)


async def _at_least(role: str, connection: HTTPConnection) -> Principal:
    principal = await identify(connection)
    if principal is None:
        raise Unauthorised
    if not principal.may(role):
        raise Forbidden(f"this needs the role {role}")
    return principal


Viewer = Annotated[Principal, Depends(viewer)]
Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]
