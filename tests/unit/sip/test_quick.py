"""The short cuts agree with the complete functions they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import LocalError, ParseError
from sip.message import Request
from sip.parser import parse_datagram
from sip.quick import (
    build_answer,
    has_tag,
    is_plain,
    render_answer,
    stamp,
    stamped,
    texts_of,
)
from sip.validate import check_request
from tests.unit.sip.engine import request

SOURCE = ("203.0.113.9", 40001)
VIAS = [
    "SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bK1",
    "SIP/2.0/UDP 192.168.1.64:5060;branch=z9hG4bK1;rport",
    "SIP/2.0/TCP cam-1:65535;branch=z9hG4bK1",
    "SIP/2.0/UDP 192.168.1.64:5060;rport=5060;branch=z9hG4bK1",
    "SIP/2.0/UDP 192.168.1.64;rport;received=10.0.0.1;branch=z9hG4bK1",
    "SIP/2.0/UDP 192.168.1.64;rportx;branch=z9hG4bK1",
    "SIP/2.0/UDP a;rport;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2",
]


def test_the_requests_of_cameras_are_plain() -> None:
    for method in ("MESSAGE", "REGISTER", "BYE", "NOTIFY"):
        message = request(method, extra="Contact: <sip:34020000001320000001@192.168.1.64:5060>\r\n")
        texts = texts_of(message)
        assert texts is not None
        assert is_plain(message, texts)


@pytest.mark.parametrize(
    "odd",
    [
        {"method": "INVITE"},
        {"cseq_method": "BYE"},
        {"via": "SIP/2.0/UDP 1.2.3.4:99999;branch=z9hG4bK1"},
        {"via": "SIP/1.0/UDP 1.2.3.4;branch=z9hG4bK1"},
        {"uri": "tel:112"},
        {"uri": "sip:a@b?x=y"},
        {"call_id": "with blank"},
        {"extra": "Require: 100rel\r\n"},
        {"extra": "Contact: *\r\n"},
        {"extra": "Max-Forwards: 71\r\n"},
        {"from_tag": 'a"b'},
    ],
)
def test_whatever_is_odd_gets_the_closer_look(odd: dict[str, str]) -> None:
    message = request(**odd)  # type: ignore[arg-type]
    texts = texts_of(message)
    assert texts is None or not is_plain(message, texts)


@given(
    method=st.sampled_from(["MESSAGE", "REGISTER", "BYE"]),
    via=st.from_regex(r"SIP/2\.0/UDP [a-z0-9.:\-_;=\[\]]{1,40}", fullmatch=True),
    address=st.from_regex(
        r'("[a-z \\]{0,4}" ?)?<?sip:[a-z0-9@.:;=_\-]{1,20}>?(;[a-z=;.]{0,8})?', fullmatch=True
    ),
    number=st.text("0123456789 +_٣", min_size=1, max_size=12),
    hops=st.text("0123456789", min_size=1, max_size=4),
)
def test_plain_means_that_the_full_check_has_nothing_to_say(
    method: str, via: str, address: str, number: str, hops: str
) -> None:
    text = (
        f"{method} sip:x@y SIP/2.0\r\nVia: {via}\r\nFrom: {address}\r\nTo: {address}\r\n"
        f"Call-ID: c\r\nCSeq: {number} {method}\r\nMax-Forwards: {hops}\r\n"
        f"Contact: {address}\r\nContent-Length: 0\r\n\r\n"
    )
    try:
        message = parse_datagram(text.encode())
    except ParseError:
        return
    assert isinstance(message, Request)
    texts = texts_of(message)
    if texts is not None and is_plain(message, texts):
        assert check_request(message) is None
        assert message.via.branch is None or message.via.branch in via


@pytest.mark.parametrize("via", VIAS)
def test_the_stamp_on_text_reads_like_the_parsed_one(via: str) -> None:
    quick, full = request(via=via), request(via=via)
    stamp(quick, SOURCE)
    full.stamp_source(*SOURCE)
    assert quick.vias == full.vias


def test_only_a_via_that_asks_for_rport_is_stamped_as_text() -> None:
    assert [stamped(via, SOURCE) is not None for via in VIAS] == [True, True] + [False] * 5


@pytest.mark.parametrize("status", [200, 401, 403, 500])
@pytest.mark.parametrize("to_tag", ["", "theirs"])
@pytest.mark.parametrize(
    ("headers", "body", "content_type", "reason"),
    [
        ((), b"", None, None),
        ((("Expires", "3600"), ("X-GB-Ver", "3.0")), b"", None, None),
        ((("content-length", "7"),), b"\xd1\xa7", "Application/MANSCDP+xml", None),
        ((), b"", None, "Not Today"),
    ],
)
def test_the_short_answer_is_the_same_message(
    status: int,
    to_tag: str,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    content_type: str | None,
    reason: str | None,
) -> None:
    message = request(to_tag=to_tag)
    texts = texts_of(message)
    assert texts is not None
    assert has_tag(texts[2]) is bool(to_tag)
    short = render_answer(
        texts, status, reason, None if to_tag else "ours", headers, body, content_type
    )
    long = build_answer(message, status, reason, "ours", headers, body, content_type)
    assert short == long


@pytest.mark.parametrize(
    ("reason", "headers"),
    [("OK\r\nX: y", ()), (None, (("X", "y\r\nZ: z"),)), (None, (("X", "y\nZ"),))],
)
def test_a_line_end_in_what_we_write_is_a_bug(
    reason: str | None, headers: tuple[tuple[str, str], ...]
) -> None:
    texts = texts_of(request())
    assert texts is not None
    with pytest.raises(LocalError):
        render_answer(texts, 200, reason, "t", headers, b"", None)
