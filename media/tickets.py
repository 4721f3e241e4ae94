"""Signed play tickets: who may open what, by which way out and until when.

A ticket is checked with the key alone, so a media process needs no table and asks nobody. It stands
in an address and therefore in logs: it opens streams (or the event socket) and nothing else.

As text it is URL-safe Base64 without padding of: version (1 byte), issued in milliseconds (6),
lifetime in seconds (4), id (8), ways out (2, one bit each, 0 for all), length of the scope (1),
scope, viewer; then the first 16 bytes of HMAC-SHA-256 (RFC 2104) over all of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

ANY: Final = "*"
"""Scope of a ticket that opens every stream and the event socket."""
OUTPUTS: Final = ("flv", "ws_flv", "fmp4", "ws_fmp4", "hls", "whep", "rtsp", "rtmp")
"""Ways out a ticket may be limited to; their order is that of the bits and never changes."""
ID_BYTES: Final = 8
MAC_BYTES: Final = 16
MOST_SCOPE: Final = 255
MOST_USER: Final = 1024
"""Bytes of a name."""
MOST_TEXT: Final = 1800
"""Characters; a longer one is not looked at."""

_VERSION = 1
_HEAD = struct.Struct(">B6sI8sHB")
_SALT = b"gb28181 play ticket\0"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says that was signed with our key and is not over."""

    ticket_id: str
    """16 hexadecimal digits."""
    user: str
    scope: str
    """A stream id, `events`, or everything (`*`)."""
    outputs: frozenset[str]
    """Ways out it is limited to; empty for all."""
    issued_at: float
    expires_at: float
    """UNIX seconds."""

    def opens(self, scope: str, output: str | None = None) -> bool:
        """Whether it is for this, by this way out (None: by one that has no name)."""
        if self.scope not in (scope, ANY):
            return False
        return not self.outputs or output in self.outputs


class Tickets:
    """Makes and reads tickets under one key."""

    def __init__(self, key: bytes, new_id: Callable[[], bytes]) -> None:
        """`key` has at least 32 bytes; `new_id` gives 8 that nobody can guess."""
        if len(key) < 32:
            raise ValueError("a key for tickets has at least 32 bytes")
        self._key = key
        self._new_id = new_id

    def make(
        self,
        user: str,
        scope: str,
        now: float,
        lifetime_s: float,
        outputs: Iterable[str] = (),
        ticket_id: str | None = None,
    ) -> str:
        """A ticket from now on; with an id it stands for one given before, and is revoked with it.

        Raises ValueError for a name that is too long or an output that is none.
        """
        bits = sum(1 << OUTPUTS.index(output) for output in set(outputs))
        number = self._new_id() if ticket_id is None else bytes.fromhex(ticket_id)
        name, who = scope.encode(), user.encode()
        if len(name) > MOST_SCOPE or len(who) > MOST_USER:
            raise ValueError("too long for a ticket")
        issued = int(now * 1000).to_bytes(6, "big")
        head = _HEAD.pack(_VERSION, issued, int(lifetime_s), number, bits, len(name))
        body = head + name + who
        return base64.urlsafe_b64encode(body + self._mac(body)).rstrip(b"=").decode("ascii")

    def read(self, text: str, now: float) -> Ticket | None:
        """What it says; None when it is forged, changed, over, or no ticket at all."""
        raw = _decoded(text)
        if raw is None or len(raw) < _HEAD.size + MAC_BYTES:
            return None
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not hmac.compare_digest(self._mac(body), mac):
            return None
        version, issued, lifetime_s, number, bits, size = _HEAD.unpack_from(body)
        if version != _VERSION:
            return None
        issued_at = int.from_bytes(issued, "big") / 1000
        if now >= issued_at + lifetime_s:
            return None
        names = body[_HEAD.size :]
        return Ticket(
            ticket_id=number.hex(),
            user=names[size:].decode(),
            scope=names[:size].decode(),
            outputs=frozenset(name for bit, name in enumerate(OUTPUTS) if bits >> bit & 1),
            issued_at=issued_at,
            expires_at=issued_at + lifetime_s,
        )

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _SALT + body, hashlib.sha256)[:MAC_BYTES]


def _decoded(text: str) -> bytes | None:
    """The bytes of a text that is written as we write them: each ticket has one form."""
    if len(text) > MOST_TEXT or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    same = base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") == text
    return raw if same else None
