"""What a client answers to a 401: Digest by MD5 or SHA-256, with and without qop, or Basic.

RFC 7616 3.4 and RFC 2617 (Digest), RFC 2069 (Digest without qop), RFC 7617 (Basic). Among several
challenges the strongest that is understood is answered.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Final

MAX_CHALLENGE: Final = 4096

_PARAM: Final = re.compile(r'([A-Za-z0-9_-]{1,32})\s{0,4}=\s{0,4}(?:"([^"]*)"|([^\s,"]*))')


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_HASHES: Final[dict[str, Callable[[bytes], str]]] = {"sha-256": _sha256, "md5": _md5, "": _md5}
"""The strongest first; none named is MD5."""


class Credentials:
    """A user and what it is asked for."""

    def __init__(self, user: str, password: str, dice: Callable[[], str]) -> None:
        """`dice` gives a client nonce nobody can guess."""
        self._user = user
        self._password = password
        self._dice = dice
        self._asked: dict[str, str] | None = None
        self._basic = False
        self._count = 0

    @property
    def given(self) -> bool:
        """There is a user to answer with."""
        return bool(self._user)

    def challenged(self, challenges: Iterable[str]) -> bool:
        """Take over what a 401 asks; False when nothing of it is understood."""
        self._asked, self._basic, self._count = None, False, 0
        found: list[dict[str, str]] = []
        for text in challenges:
            scheme, _, rest = text.strip()[:MAX_CHALLENGE].partition(" ")
            if scheme.lower() == "basic":
                self._basic = True
            elif scheme.lower() == "digest":
                asked = {n.lower(): quoted or plain for n, quoted, plain in _PARAM.findall(rest)}
                qops = [q.strip() for q in asked.get("qop", "").lower().split(",") if q.strip()]
                known = asked.get("algorithm", "").lower() in _HASHES
                if known and "nonce" in asked and "realm" in asked and (not qops or "auth" in qops):
                    found.append(asked)
        for name in _HASHES:
            for asked in found:
                if self._asked is None and asked.get("algorithm", "").lower() == name:
                    self._asked = asked
        return self._asked is not None or self._basic

    def answer(self, method: str, uri: str) -> str | None:
        """The Authorization of a request; None when nothing was asked."""
        asked = self._asked
        if asked is None:
            if not self._basic:
                return None
            pair = f"{self._user}:{self._password}".encode()
            return "Basic " + b64encode(pair).decode()
        named = asked.get("algorithm", "")
        hashed = _HASHES[named.lower()]
        realm, nonce = asked["realm"], asked["nonce"]
        ha1 = hashed(f"{self._user}:{realm}:{self._password}".encode())
        ha2 = hashed(f"{method}:{uri}".encode())
        parts = [f'username="{self._user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
        if asked.get("qop"):
            self._count += 1
            count, cnonce = f"{self._count:08x}", self._dice()
            middle = f"{nonce}:{count}:{cnonce}:auth"
            parts += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
        else:
            middle = nonce
        parts.append(f'response="{hashed(f"{ha1}:{middle}:{ha2}".encode())}"')
        if named:
            parts.append(f"algorithm={named}")
        if "opaque" in asked:
            parts.append(f'opaque="{asked["opaque"]}"')
        return "Digest " + ", ".join(parts)
