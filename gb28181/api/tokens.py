"""Access tokens and tickets: signed JSON (RFC 7519, HS256) that needs no table.

An access token says who; it goes into ``Authorization: Bearer``. A ticket opens a stream or the
event socket where no header can be set (``<video>``, WebSocket, ffprobe): short-lived, it stands
in an address and therefore in logs, so it cannot be used for anything else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt

ANY = "*"
"""Scope of a ticket that opens every stream and the event socket."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Signs and checks; ``key`` is at least 32 bytes and lasts in the store."""

    key: bytes
    access_s: float
    ticket_s: float

    def access(self, user: str, role: str) -> str:
        """A token for ``Authorization: Bearer``."""
        return self._sign({"use": "access", "sub": user, "role": role}, self.access_s)

    def ticket(self, user: str, scope: str = ANY) -> str:
        """A ticket for one stream id, ``events``, or everything (``*``)."""
        return self._sign({"use": "ticket", "sub": user, "scope": scope}, self.ticket_s)

    def user_of(self, token: str) -> str | None:
        """Whose access token this is; None when it is none, forged or expired."""
        claims = self._claims(token, "access")
        return None if claims is None else str(claims["sub"])

    def ticket_opens(self, ticket: str, scope: str) -> bool:
        """Whether this ticket opens ``scope`` now."""
        claims = self._claims(ticket, "ticket")
        return claims is not None and claims.get("scope") in (scope, ANY)

    def ticket_is_for(self, ticket: str, scope: str) -> bool:
        """Whether this ticket was made for ``scope`` and nothing else: one for everything, which
        any viewer may have, does not open what only operators may do."""
        claims = self._claims(ticket, "ticket")
        return claims is not None and claims.get("scope") == scope

    def _sign(self, claims: dict[str, Any], lifetime_s: float) -> str:
        now = int(time.time())
        payload = {**claims, "iat": now, "exp": now + int(lifetime_s)}
        return jwt.encode(payload, self.key, algorithm="HS256")

    def _claims(self, token: str, use: str) -> dict[str, Any] | None:
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=["HS256"],
                options={"require": ["exp", "sub", "use"]},
            )
        except jwt.PyJWTError:
            return None
        return claims if claims["use"] == use else None
