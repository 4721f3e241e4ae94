"""A session description: read or refused, and written it reads the same."""

from __future__ import annotations

from sip.errors import ParseError
from sip.sdp import SessionDescription

from .vectors import descriptions as seeds

__all__ = ["check", "seeds"]


def check(data: bytes) -> None:
    try:
        found = SessionDescription.parse(data)
    except ParseError:
        return
    _ = found.name, found.times, found.connection, found.origin_user, found.get("y")
    for media in found.media:
        _ = media.payloads, media.rtpmaps, media.setup, media.direction, media.is_tcp
        _ = found.address_of(media), found.direction_of(media)
        assert 0 <= media.port <= 65535
    once = found.to_bytes()
    assert SessionDescription.parse(once).to_bytes() == once
