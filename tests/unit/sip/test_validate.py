"""Which readable requests are refused, and with what."""

from __future__ import annotations

import pytest

from sip.message import Request, Response
from sip.parser import parse_datagram
from sip.validate import check_request, check_response, unsupported_options
from tests.unit.sip.vectors import GB, gb


def request(
    *extra: str,
    method: str = "REGISTER",
    uri: str = "sip:a@b",
    body: bytes = b"",
    values: dict[str, str] | None = None,
    **headers: str,
) -> Request:
    lines = {
        "Via": "SIP/2.0/UDP h;branch=z9hG4bKx",
        "From": "<sip:a@b>;tag=1",
        "To": "<sip:a@b>",
        "Call-ID": "c",
        "CSeq": f"1 {method}",
    }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines |= values or {}
    head = [f"{method} {uri} SIP/2.0", *(f"{k}: {v}" for k, v in lines.items()), *extra]
    message = parse_datagram("\r\n".join([*head, "", ""]).encode() + body)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("name", list(GB))
def test_vectors_are_good(name: str) -> None:
    message = parse_datagram(gb(name))
    if isinstance(message, Request):
        assert check_request(message) is None
    else:
        assert check_response(message)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"CSeq": "1 INVITE"}, 400),
        ({"CSeq": "x REGISTER"}, 400),
        ({"From": "nobody"}, 400),
        ({"To": '"a <sip:a@b>'}, 400),
        ({"Via": "SIP/2.0/UDP"}, 400),
        ({"Via": "SIP/2.0/UDP h;branch=z9hG4bKx, junk"}, 400),
        ({"Call-ID": "a b"}, 400),
        ({"Contact": "<sip:a@b"}, 400),
        ({"Contact": "*"}, None),
        ({"Contact": "<sip:a@0.0.0.0:0>"}, None),
        ({"Max-Forwards": "0"}, None),
        ({"Max-Forwards": "many"}, None),
        ({"Date": "yesterday"}, None),
        ({"Require": "path"}, 420),
        ({"Require": ""}, None),
        ({"Proxy-Require": "x"}, None),
        ({"From": "<sip:a@>;tag=1"}, None),
    ],
)
def test_headers(headers: dict[str, str], status: int | None) -> None:
    assert check_request(request(values=headers)) == status


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:64010000002000000001@6401000000", None),
        ("sip:", None),
        ("SIP:a@b", None),
        ("sips:a@b", None),
        ("sip:a?b@c", None),
        ("sip:a@b?x=y", 400),
        ("<sip:a@b>", 400),
        ("a@b", 400),
        ("tel:123", 416),
        ("http://x/", 416),
        ("sips:@", 400),
    ],
)
def test_request_uri(uri: str, status: int | None) -> None:
    assert check_request(request(uri=uri)) == status


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_second_values(name: str) -> None:
    first = {"From": "<sip:a@b>;tag=1", "To": "<sip:a@b>", "Call-ID": "c", "CSeq": "1 REGISTER"}
    value = first.get(name, "70")
    again = request(f"{name}: {value}", values={} if name in first else {name: value})
    assert check_request(again) is None
    other = request(f"{name}: {value}1", values={} if name in first else {name: value})
    assert check_request(other) == 400


def test_options_that_are_supported() -> None:
    message = request("Require: path, 100rel", "Require: timer")
    assert unsupported_options(message, frozenset({"path"})) == ("100rel", "timer")
    assert check_request(message, supported=frozenset({"path", "100rel", "timer"})) is None
    for method in ("ACK", "CANCEL"):
        assert check_request(request("Require: x", method=method)) is None


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("APPLICATION/SDP", b"v=0\r\n", None),
        ("application/sdp; charset=x", b"v=0\r\n", None),
        ("multipart/mixed", b"x", None),
        ("text/plain", b"x", 415),
        ("text/plain", b"", None),
        ("", b"v=0\r\n", None),
    ],
)
def test_bodies_of_invite(kind: str, body: bytes, status: int | None) -> None:
    message = request(method="INVITE", Content_Type=kind, body=body)
    assert check_request(message) == status
    assert check_request(request(Content_Type=kind, body=body)) is None


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/sdp", None),
        ("text/plain, Application/SDP;q=0.3", None),
        ("*/*", None),
        ("application/*", None),
        ("", None),
        ("text/plain", 406),
    ],
)
def test_accept_of_invite(accept: str, status: int | None) -> None:
    assert check_request(request(method="INVITE", Accept=accept)) == status


def test_methods() -> None:
    message = request(method="PUBLISH")
    assert check_request(message) is None
    assert check_request(message, methods=frozenset({"REGISTER"})) == 501


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bKx", True),
        ("Via", "SIP/2.0/UDP h, SIP/2.0/UDP g", False),
        ("Via", "x", False),
        ("CSeq", "99999999999 REGISTER", False),
        ("To", "x", False),
    ],
)
def test_responses(name: str, value: str, good: bool) -> None:
    found = request()
    response = Response(200, "OK", found.headers)
    response.headers.set(name, value)
    assert check_response(response) is good
