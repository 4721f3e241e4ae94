"""A link to another host: who may speak on it, and frames nobody else can read or change.

Both ends hold one secret. The listening end sends a nonce, the calling end answers with one of its
own and a proof, then the listening end proves itself; each proof is HMAC-SHA-256 (RFC 2104) over
both nonces, so nothing of an earlier conversation helps. The keys of the two directions come from
the same nonces; frames are sealed with ChaCha20-Poly1305 (RFC 8439) and numbered, so one that was
changed, left out, repeated or put elsewhere does not open.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .wire import MAX_FRAME, WireError

LEAST_SECRET: Final = 32
"""Bytes of a secret."""
NONCE: Final = 32
PROOF: Final = 32
HELLO: Final = b"gb28181 relay 1\n"
"""The first bytes of the listening end."""

_TAG = 16
_HEAD = 4


class Stranger(Exception):
    """The other end does not know the secret, or speaks something else."""


class Agreement:
    """What both ends come to from the secret and the two nonces."""

    def __init__(self, secret: bytes, listener: bytes, caller: bytes) -> None:
        """`listener` and `caller`: the nonce each of them sent."""
        if len(secret) < LEAST_SECRET:
            raise ValueError(f"a secret has at least {LEAST_SECRET} bytes")
        self._secret = secret
        self._nonces = listener + caller

    def proof(self, side: str) -> bytes:
        """What `caller` or `listener` shows."""
        return self._derived(f"proof of the {side}")

    def check(self, side: str, proof: bytes) -> None:
        """Raises Stranger for a proof that is none."""
        if not hmac.compare_digest(self.proof(side), proof):
            raise Stranger(f"the {side} does not know the secret")

    def seal(self, side: str) -> Seal:
        """For the frames of the end that is `caller` or `listener`."""
        other = "listener" if side == "caller" else "caller"
        return Seal(self._derived(f"key of the {side}"), self._derived(f"key of the {other}"))

    def _derived(self, purpose: str) -> bytes:
        words = b"gb28181 relay " + purpose.encode() + b"\0" + self._nonces
        return hmac.digest(self._secret, words, hashlib.sha256)


class Seal:
    """Closes what goes out and opens what comes in, in order."""

    def __init__(self, out_key: bytes, in_key: bytes) -> None:
        self._out = ChaCha20Poly1305(out_key)
        self._in = ChaCha20Poly1305(in_key)
        self._sent = 0
        self._taken = 0
        self._buffer = bytearray()

    def close(self, data: bytes) -> bytes:
        """One frame."""
        nonce = self._sent.to_bytes(12, "big")
        self._sent += 1
        closed = self._out.encrypt(nonce, data, None)
        return len(closed).to_bytes(_HEAD, "big") + closed

    def open(self, data: bytes) -> Iterator[bytes]:
        """What the frames hold that are complete with these bytes; raises WireError."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD:
            size = int.from_bytes(buffer[:_HEAD], "big")
            if not _TAG <= size <= MAX_FRAME + _TAG + _HEAD:
                raise WireError(f"a sealed frame of {size} bytes")
            if len(buffer) < _HEAD + size:
                return
            closed = bytes(buffer[_HEAD : _HEAD + size])
            del buffer[: _HEAD + size]
            try:
                opened = self._in.decrypt(self._taken.to_bytes(12, "big"), closed, None)
            except InvalidTag:
                raise WireError("a frame that was not sealed by the other end") from None
            self._taken += 1
            yield opened
