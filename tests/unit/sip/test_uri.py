"""SIP URIs."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.uri import SipUri

pytestmark = pytest.mark.clause("GB/T 28181-2022", "6.1.2")


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:64010400001320000011@6401000000", "64010400001320000011", "6401000000", None),
        ("sip:64010400001320000011@192.0.2.64:5060", "64010400001320000011", "192.0.2.64", 5060),
        ("sip:3402000000", "", "3402000000", None),
        ("sip:192.0.2.1:5070", "", "192.0.2.1", 5070),
        ("sip:a@6401000000.spvmn.cn", "a", "6401000000.spvmn.cn", None),
        ("sip:a@[2001:db8::1]:5061", "a", "[2001:db8::1]", 5061),
        ("sips:a@h", "a", "h", None),
        ("SIP:a@h", "a", "h", None),
        ("sip:a@host_name", "a", "host_name", None),
        ("sip:a;b=c@h", "a;b=c", "h", None),
        ("sip:a?b@h", "a?b", "h", None),
        ("sip:a@h:", "a", "h", None),
        ("sip:a@192.0.2.1:0", "a", "192.0.2.1", 0),
        ("sip:a@", "a", "", None),
    ],
)
def test_reads(text: str, user: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)
    assert SipUri.parse(str(uri)) == uri


def test_parameters_password_and_headers() -> None:
    uri = SipUri.parse("sip:a:pw@h:1;Transport=TCP;lr?Subject=x")
    assert uri.password == "pw"
    assert uri.params == {"transport": "TCP", "lr": None}
    assert uri.headers == "Subject=x"
    assert str(uri) == "sip:a:pw@h:1;transport=TCP;lr?Subject=x"


def test_a_value_that_came_in_quotes_is_written_in_quotes() -> None:
    """Against the grammar of a URI, but the semicolon inside is no border."""
    uri = SipUri.parse('sip:a@h;x="b;c";y=z:1')
    assert uri.params == {"x": "b;c", "y": "z:1"}
    assert str(uri) == 'sip:a@h;x="b;c";y=z:1'


def test_other_schemes_are_carried() -> None:
    uri = SipUri.parse("tel:+358-555")
    assert (uri.scheme, uri.opaque, uri.user, uri.host) == ("tel", "+358-555", "", "")
    assert str(uri) == "tel:+358-555"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:a@h", ("h", 5060)),
        ("sips:a@h", ("h", 5061)),
        ("sip:[::1]:7", ("::1", 7)),
        ("sip:h:0", ("h", 5060)),
    ],
)
def test_address(text: str, address: tuple[str, int]) -> None:
    assert SipUri.parse(text).address == address


def test_escapes_stay_but_can_be_undone() -> None:
    uri = SipUri.parse("sip:%75se%72@h")
    assert uri.user == "%75se%72"
    assert uri.plain_user == "user"
    assert SipUri.parse("sip:50%@h").plain_user == "50%"
    assert SipUri.parse("sip:user@h").plain_user == "user"


def test_equal_uris_hash_alike() -> None:
    one, two = SipUri.parse("sip:a@h;x=1"), SipUri.parse("sip:a@h;x=1")
    assert one == two
    assert len({one, two}) == 1


@pytest.mark.parametrize(
    "text",
    ["", "sip", "sip:", ":a", "1a:b", "sip:a b@h", "sip:a@h\r\n", "sip:a@h\0", "sip:@h",
     "sip:a@h:x", "sip:a@h:65536", "sip:a@h:-1", "sip:a@h/", "sip:a@[::1", "sip:a@h;=1", "sip:;x"],
)  # fmt: skip
def test_broken(text: str) -> None:
    with pytest.raises(ParseError):
        SipUri.parse(text)
