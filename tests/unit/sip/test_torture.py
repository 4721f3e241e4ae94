"""RFC 4475: every torture message has the outcome the RFC asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sip.digest import find_digest
from sip.errors import ParseError
from sip.framing import StreamFramer
from sip.message import Request, Response, build_response
from sip.parser import parse_datagram
from sip.validate import check_request, check_response
from tests.unit.sip.vectors import ROOT, TORTURE, torture

METHODS = frozenset(
    ("REGISTER", "MESSAGE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "NOTIFY")
)

FACTS: dict[str, Callable[[Any], Any]] = {
    "method": lambda m: m.method,
    "uri": lambda m: m.uri,
    "status": lambda m: m.status,
    "reason_utf8": lambda m: m.reason.encode("latin-1").decode(),
    "target_user": lambda m: m.target.plain_user,
    "target_host": lambda m: m.target.host,
    "cseq": lambda m: [m.cseq.number, m.cseq.method],
    "call_id": lambda m: m.call_id,
    "branch": lambda m: m.via.branch,
    "rfc3261": lambda m: m.via.is_rfc3261,
    "rport": lambda m: m.via.rport,
    "vias": lambda m: len(m.vias),
    "transports": lambda m: [via.transport for via in m.vias],
    "from_user": lambda m: m.from_.uri.user,
    "from_plain_user": lambda m: m.from_.uri.plain_user,
    "from_uri": lambda m: str(m.from_.uri),
    "from_display": lambda m: m.from_.display,
    "from_tag": lambda m: m.from_.tag,
    "to_user": lambda m: m.to.uri.user,
    "to_plain_user": lambda m: m.to.uri.plain_user,
    "to_uri": lambda m: str(m.to.uri),
    "to_port": lambda m: m.to.uri.port,
    "to_display": lambda m: m.to.display,
    "to_tag": lambda m: m.to.tag,
    "contacts": lambda m: len(m.contacts),
    "contact_user": lambda m: m.contact.uri.user,
    "contact_plain_user": lambda m: m.contact.uri.plain_user,
    "contact_params": lambda m: m.contact.params,
    "contact_uri_params": lambda m: m.contact.uri.params,
    "contact_uri_headers": lambda m: m.contact.uri.headers,
    "content_type": lambda m: m.content_type,
    "body_bytes": lambda m: len(m.body),
    "digest": lambda m: find_digest(m.headers.get_all("Authorization")),
}


def test_all_of_the_rfc_is_here() -> None:
    assert len(TORTURE) == 49
    files = {path.stem for path in (ROOT / "torture").rglob("*.sip")}
    assert files == set(TORTURE)


ACCEPTED = [name for name, case in TORTURE.items() if case["outcome"] == "accept"]
REFUSED = [name for name, case in TORTURE.items() if isinstance(case["outcome"], int)]
DROPPED = [name for name, case in TORTURE.items() if case["outcome"] == "drop"]


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    message = parse_datagram(torture(name))
    if isinstance(message, Request):
        assert check_request(message) is None
    else:
        assert check_response(message)
    facts = TORTURE[name]["facts"]
    for fact, expected in facts.items():
        if fact == "headers":
            assert {key: message.headers.get(key) for key in expected} == expected
        elif fact == "headers_utf8":
            for key, value in expected.items():
                found = message.headers.get(key)
                assert found is not None
                assert found.encode("latin-1").decode() == value
        else:
            assert FACTS[fact](message) == expected, fact


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_survives_writing(name: str) -> None:
    message = parse_datagram(torture(name))
    again = parse_datagram(message.to_bytes())
    assert again.to_bytes() == message.to_bytes()
    assert again.body == message.body
    assert again.via == message.via
    assert again.from_ == message.from_
    assert again.cseq == message.cseq


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_right_status(name: str) -> None:
    """Whoever finds it, parser or check: the peer gets this status, in an answer that is SIP."""
    expected = TORTURE[name]["outcome"]
    request: Request | Response | None
    status: int | None
    try:
        request = parse_datagram(torture(name))
        assert isinstance(request, Request)
        status = check_request(request, methods=METHODS)
    except ParseError as error:
        request, status = error.message, error.status_hint
    assert status == expected
    assert isinstance(request, Request)
    answer = build_response(request, expected, to_tag="t1")
    assert answer.to_bytes().startswith(b"SIP/2.0 %d " % expected)
    assert answer.headers.get_all("Via") == request.headers.get_all("Via")


@pytest.mark.parametrize("name", DROPPED)
def test_dropped(name: str) -> None:
    try:
        message = parse_datagram(torture(name))
    except ParseError:
        return
    assert isinstance(message, Response)
    assert not check_response(message)


def test_mismatch02_without_a_list_of_methods() -> None:
    message = parse_datagram(torture("mismatch02"))
    assert isinstance(message, Request)
    assert check_request(message) == 400


@pytest.mark.parametrize("name", ["clerr", "ncl", "mcl01"])
def test_a_stream_does_not_trust_a_wrong_length(name: str) -> None:
    """Over TCP these either wait for the rest or end the connection; never a cut message."""
    framer = StreamFramer()
    out = framer.feed(torture(name))
    if name == "clerr":
        assert out == []
        assert framer.pending > 0
        return
    assert framer.broken
    assert [type(item) for item in out] == [ParseError]


def test_two_requests_in_a_stream() -> None:
    """dblreq over TCP are two requests; over UDP the second is padding."""
    first, second = StreamFramer().feed(torture("dblreq"))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.method, second.method) == ("REGISTER", "INVITE")
    assert len(second.body) == 150
