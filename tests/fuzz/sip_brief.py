"""The brief way of usual requests: what it says is what the complete way says."""

from __future__ import annotations

from sip.brief import BriefReader
from sip.errors import ParseError
from sip.message import Request
from sip.parser import parse_datagram
from sip.quick import is_plain, texts_of
from sip.validate import check_request

from .vectors import sip_messages as seeds

__all__ = ["check", "seeds"]


def check(data: bytes) -> None:
    reader = BriefReader()
    request = _complete(data)
    if reader.read(data) is None and request is not None:
        reader.learn(request)
    brief = reader.read(data)
    if brief is None:
        return
    assert request is not None, "brief, but no message"
    texts = texts_of(request)
    assert texts == (brief.via, brief.from_, brief.to, brief.call_id, brief.cseq)
    assert is_plain(request, texts)
    assert check_request(request) is None
    assert (request.method, request.uri, request.body) == (brief.method, brief.uri, brief.body)
    assert (request.from_user, request.to_user) == (brief.user, brief.to_user)


def _complete(data: bytes) -> Request | None:
    try:
        message = parse_datagram(data)
    except ParseError:
        return None
    return message if isinstance(message, Request) else None
