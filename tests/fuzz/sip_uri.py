"""A SIP URI: an address or a ParseError, and written it reads the same."""

from __future__ import annotations

from sip.errors import ParseError
from sip.uri import SipUri

from .vectors import sip_messages


def seeds() -> list[bytes]:
    found = {line.split(b" ")[1] for line in _first_lines() if line.count(b" ") >= 2}
    return [*sorted(found), b"sips:a;b@[2001:db8::1]:5061;transport=tcp?x=y"]


def check(data: bytes) -> None:
    try:
        uri = SipUri.parse(data.decode("latin-1"))
    except ParseError:
        return
    assert SipUri.parse(str(uri)) == uri
    assert 0 <= uri.address[1] <= 65535
    assert isinstance(uri.plain_user, str)


def _first_lines() -> list[bytes]:
    return [message.partition(b"\r\n")[0] for message in sip_messages()]
