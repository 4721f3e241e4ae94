"""Access tokens: signed JSON (RFC 7519, HS256) that needs no table.

An access token says who; it goes into ``Authorization: Bearer``. What opens streams and sockets
where no header can be set is a ticket (`gb28181.session.tickets`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import jwt


@dataclass(frozen=True, slots=True)
class Tokens:
    """Signs and checks; ``key`` is at least 32 bytes and lasts in the store."""

    key: bytes
    access_s: float

    def access(self, user: str, role: str) -> str:
        """A token for ``Authorization: Bearer``."""
        now = int(time.time())
        claims = {"use": "access", "sub": user, "role": role}
        payload = {**claims, "iat": now, "exp": now + int(self.access_s)}
        return jwt.encode(payload, self.key, algorithm="HS256")

    def user_of(self, token: str) -> str | None:
        """Whose access token this is; None when it is none, forged or expired."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=["HS256"],
                options={"require": ["exp", "sub", "use"]},
            )
        except jwt.PyJWTError:
            return None
        return str(claims["sub"]) if claims["use"] == "access" else None
