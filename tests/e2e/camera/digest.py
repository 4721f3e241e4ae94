"""Digest credentials as a camera makes them (RFC 2617 with qop=auth, or the form without)."""

from __future__ import annotations

import hashlib
import re


def challenge_values(header: str) -> dict[str, str]:
    """`Digest realm="x", nonce="y", qop="auth"` -> dict with lower-case names."""
    pairs = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', header)
    return {name.lower(): quoted or bare for name, quoted, bare in pairs}


def authorization(
    challenge: str,
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str = "0a4f113b",
    nc: int = 1,
    use_qop: bool = True,
) -> str:
    """The value of an Authorization header for `challenge`."""
    given = challenge_values(challenge)
    algorithm = given.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256", "SM3": "sm3"}[algorithm.upper()]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    secret = digest(f"{username}:{realm}:{password}")
    action = digest(f"{method}:{uri}")
    fields = f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
    if use_qop and "auth" in given.get("qop", ""):
        count = f"{nc:08x}"
        answer = digest(f"{secret}:{nonce}:{count}:{cnonce}:auth:{action}")
        tail = f', cnonce="{cnonce}", qop=auth, nc={count}'
    else:
        answer = digest(f"{secret}:{nonce}:{action}")
        tail = ""
    return f'{fields}response="{answer}", algorithm={algorithm}{tail}'
