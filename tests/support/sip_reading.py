"""Reads all there is in a SIP message: what any bytes may lead to is the documented error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sip.errors import ParseError
from sip.message import Request, Response, build_response
from sip.sdp import SessionDescription
from sip.validate import check_request, check_response


def refusal(read: Callable[[], Any]) -> ParseError | None:
    """The documented error, if it came; any other goes through and fails the test."""
    try:
        read()
    except ParseError as error:
        return error
    return None


def touch(message: Request | Response) -> None:
    """Read everything; only ParseError may come."""
    reads: list[Callable[[], Any]] = [
        lambda: message.via,
        lambda: message.vias,
        lambda: message.from_,
        lambda: message.to,
        lambda: message.cseq,
        lambda: message.call_id,
        lambda: message.contacts,
        lambda: message.has_wildcard_contact,
        lambda: message.expires,
        lambda: message.content_type,
        lambda: SessionDescription.parse(message.body),
    ]
    if isinstance(message, Request):
        request = message
        reads += [
            lambda: request.target,
            lambda: request.headers.copy(),
            lambda: check_request(request),
            lambda: build_response(request, 400, to_tag="t").to_bytes(),
        ]
    else:
        reads.append(lambda: check_response(message))
    for read in reads:
        error = refusal(read)
        assert error is None or (400 <= error.status_hint <= 606 and len(error.sample) <= 64)
