"""Digest credentials and challenges: read or BadDigest; a stranger's are never right."""

from __future__ import annotations

from contextlib import suppress

from sip.digest import Credentials, DigestServer, Verdict, build_authorization, find_digest
from sip.errors import BadDigest

from .vectors import header_values


def seeds() -> list[bytes]:
    return header_values("authorization", "www-authenticate", "proxy-authenticate")


def check(data: bytes) -> None:
    text = data.decode("latin-1")
    server = DigestServer("r", b"k", ids=lambda: "run")
    found = server.verify(text, "REGISTER", "pw", 1.0)
    assert found in (Verdict.MALFORMED, Verdict.STALE)
    assert server.remembered == 0
    find_digest([text])
    try:
        Credentials.parse(text)
    except BadDigest:
        assert found is Verdict.MALFORMED
    else:
        assert found is Verdict.STALE
    with suppress(BadDigest):
        build_authorization(text, "REGISTER", "sip:a", "u", "p", "c")
