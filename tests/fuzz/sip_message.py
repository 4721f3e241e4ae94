"""A SIP datagram: a message or a ParseError; what was read can be written and read again."""

from __future__ import annotations

from sip.errors import ParseError
from sip.parser import parse_datagram
from tests.support.sip_reading import touch

from .vectors import sip_messages as seeds

__all__ = ["check", "seeds"]


def check(data: bytes) -> None:
    try:
        message = parse_datagram(data)
    except ParseError as error:
        if error.message is not None:
            touch(error.message)
        return
    touch(message)
    assert len(message.body) <= len(data)
    if message.headers.get("Content-Length") == "0":
        message.body = b""
    once = message.to_bytes()
    again = parse_datagram(once)
    assert again.to_bytes() == once
    assert again.body == message.body
