"""Headers, Via, NameAddr, CSeq."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.headers import CSeq, Headers, NameAddr, Via, key_of, parse_list


def test_names_are_found_in_any_case_and_in_compact_form() -> None:
    headers = Headers([("Via", "a"), ("f", "b"), ("CALL-ID", "c"), ("X-Gb-Ver", "3.0")])
    assert headers.get("via") == "a"
    assert headers.get("From") == "b"
    assert headers.get("i") == "c"
    assert headers.get("X-GB-VER") == "3.0"
    assert "v" in headers
    assert "To" not in headers
    assert headers.get("To") is None
    assert headers.get("To", "-") == "-"


def test_compact_names_are_written_long() -> None:
    assert list(Headers([("v", "x"), ("l", "0")])) == [("Via", "x"), ("Content-Length", "0")]


def test_unknown_single_letters_stay() -> None:
    assert list(Headers([("q", "x")])) == [("q", "x")]


def test_order_and_repetition_are_kept() -> None:
    headers = Headers([("Via", "1"), ("To", "t"), ("via", "2")])
    headers.add("Via", "3")
    headers.prepend("Via", "0")
    assert headers.get_all("Via") == ["0", "1", "2", "3"]
    assert [name for name, _ in headers] == ["Via", "Via", "To", "via", "Via"]
    assert len(headers) == 5


def test_set_replaces_all_in_the_place_of_the_first() -> None:
    headers = Headers([("Xa", "1"), ("Xb", "2"), ("xA", "3")])
    headers.set("XA", "9")
    assert list(headers) == [("XA", "9"), ("Xb", "2")]
    headers.set("Xc", "4")
    assert list(headers)[-1] == ("Xc", "4")


def test_remove_and_replace_first() -> None:
    headers = Headers([("Via", "1"), ("Via", "2"), ("To", "t")])
    headers.replace_first("v", "0")
    assert headers.get_all("Via") == ["0", "2"]
    headers.remove("Via")
    headers.remove("Via")
    assert list(headers) == [("To", "t")]
    with pytest.raises(KeyError):
        headers.replace_first("Via", "x")


def test_copies_are_apart() -> None:
    headers = Headers([("To", "t")])
    other = headers.copy()
    other.add("To", "u")
    other.set("From", "f")
    assert headers.get_all("To") == ["t"]
    assert "From" not in headers
    assert headers != other
    assert headers == Headers([("TO", "t")])
    assert headers != "x"


def test_get_all_is_a_copy() -> None:
    headers = Headers([("To", "t")])
    headers.get_all("To").append("x")
    assert headers.get_all("To") == ["t"]


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.set("CSeq", "2 ACK"),
        lambda headers: (headers.remove("CSeq"), headers.add("CSeq", "2 ACK")),
        lambda headers: headers.replace_first("CSeq", "2 ACK"),
        lambda headers: headers.prepend("CSeq", "2 ACK"),
    ],
)
def test_typed_values_follow_a_change(change: object) -> None:
    headers = Headers([("CSeq", "1 INVITE")])
    calls = []

    def read(found: Headers) -> CSeq:
        calls.append(1)
        return CSeq.parse(found.get("CSeq") or "")

    assert headers.typed("cseq", read).number == 1
    assert headers.typed("cseq", read).number == 1
    assert len(calls) == 1
    change(headers)  # type: ignore[operator]
    assert headers.typed("cseq", read) == CSeq(2, "ACK")


def test_repr_names_the_headers() -> None:
    assert repr(Headers([("To", "secret")])) == "<Headers 1: To>"


def test_text_of_the_network_does_not_grow_the_table_of_names() -> None:
    from sip.headers import KEYS

    before = len(KEYS)
    key_of("X-Something-New")
    assert len(KEYS) == before


class TestVia:
    def test_plain(self) -> None:
        via = Via.parse("SIP/2.0/UDP 192.0.2.64:5060;rport;branch=z9hG4bKa")
        assert (via.transport, via.host, via.port) == ("UDP", "192.0.2.64", 5060)
        assert via.params == {"rport": None, "branch": "z9hG4bKa"}
        assert via.branch == "z9hG4bKa"
        assert via.rport == ""
        assert via.is_rfc3261
        assert str(via) == "SIP/2.0/UDP 192.0.2.64:5060;rport;branch=z9hG4bKa"

    def test_no_parameters(self) -> None:
        via = Via.parse("SIP/2.0/TCP host.example.com")
        assert via == Via("TCP", "host.example.com", None, {})
        assert via.rport is None
        assert via.branch is None
        assert not via.is_rfc3261

    @pytest.mark.parametrize(
        "text",
        [
            "SIP/2.0/udp 192.0.2.1 ; branch=z9hG4bKx",
            "sip / 2.0 / UDP   192.0.2.1;branch = z9hG4bKx",
            "SIP/2.0/UDP\t192.0.2.1;BRANCH=z9hG4bKx",
            'SIP/2.0/UDP 192.0.2.1;branch="z9hG4bKx"',
            "SIP/2.0/UDP 192.0.2.1;;branch=z9hG4bKx;",
        ],
    )
    def test_sloppy_forms(self, text: str) -> None:
        via = Via.parse(text)
        assert (via.transport, via.host, via.branch) == ("UDP", "192.0.2.1", "z9hG4bKx")

    def test_ipv6_and_received(self) -> None:
        via = Via.parse("SIP/2.0/UDP [2001:db8::9]:5061;received=2001:db8::1;rport=9000")
        assert (via.host, via.port, via.rport) == ("[2001:db8::9]", 5061, "9000")
        assert Via.parse(str(via)) == via

    def test_port_with_blanks_around_the_colon(self) -> None:
        assert Via.parse("SIP/2.0/UDP a.example : 5070 ;branch=x").port == 5070

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=x",
            "SIP/7.0/UDP host",
            "HTTP/2.0/UDP host",
            "SIP/2.0 host",
            "SIP/2.0/U P host;x",
            "SIP/2.0/UDP host:99999",
            "SIP/2.0/UDP host:5x",
            "SIP/2.0/UDP host_;=x",
            "SIP/2.0/UDP ho st",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP [::1]x",
            'SIP/2.0/UDP host;branch="x',
            ";",
        ],
    )
    def test_broken(self, text: str) -> None:
        with pytest.raises(ParseError):
            Via.parse(text)

    def test_a_comma_list(self) -> None:
        vias = parse_list(['SIP/2.0/UDP a;x="1,2", SIP/2.0/TCP b', "SIP/2.0/TLS c"], Via.parse)
        assert [via.host for via in vias] == ["a", "b", "c"]


class TestNameAddr:
    def test_plain(self) -> None:
        found = NameAddr.parse("<sip:64010400001320000011@6401000000>;tag=r1")
        assert found.uri.user == "64010400001320000011"
        assert found.uri.host == "6401000000"
        assert found.tag == "r1"
        assert str(found) == "<sip:64010400001320000011@6401000000>;tag=r1"

    @pytest.mark.parametrize(
        ("text", "display", "user", "tag"),
        [
            ('"a \\"b\\"" <sip:u@h>;tag=1', 'a "b"', "u", "1"),
            ('"a;b,c <x>"<sip:u@h> ; tag = 1', "a;b,c <x>", "u", "1"),
            ("Camera One <sip:u@h>", "Camera One", "u", None),
            ("sip:u@h;tag=1", "", "u", "1"),
            ("sip:u@h", "", "u", None),
            ("< sip:u@h >;TAG=1", "", "u", "1"),
            ("<sip:u@h:5060>;expires=60;tag=1", "", "u", "1"),
            ("<sip:u@h>;tag=1;", "", "u", "1"),
            ("<sip:u@h>;", "", "u", None),
        ],
    )
    def test_forms(self, text: str, display: str, user: str, tag: str | None) -> None:
        found = NameAddr.parse(text)
        assert (found.display, found.uri.user, found.tag) == (display, user, tag)
        assert NameAddr.parse(str(found)) == found

    def test_uri_parameters_are_inside_the_brackets(self) -> None:
        inside = NameAddr.parse("<sip:u@h;transport=tcp>;q=1")
        outside = NameAddr.parse("sip:u@h;transport=tcp")
        assert (inside.uri.params, inside.params) == ({"transport": "tcp"}, {"q": "1"})
        assert (outside.uri.params, outside.params) == ({}, {"transport": "tcp"})

    def test_with_tag(self) -> None:
        found = NameAddr.parse("<sip:u@h>;x=1").with_tag("t")
        assert str(found) == "<sip:u@h>;x=1;tag=t"

    def test_the_fast_path_and_the_long_way_agree(self) -> None:
        fast = NameAddr.parse("<sip:u@h:5060>;tag=1")
        slow = NameAddr.parse("<sip:u@h:5060> ;tag=1")
        assert fast == slow
        assert hash(fast) == hash(slow)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "<>",
            "u@h",
            "<sip:u@h",
            '"abc <sip:u@h>',
            '"abc" sip:u@h',
            "a, b <sip:u@h>",
            "<sip:u@h> junk",
            "sip:u@h?x=y",
            "tel:1>2",
            "<sip:u h>",
            "<sip:u@h>;=1",
            "<sip:u@h>;t g=1",
            "<sip:@h>",
            "<sip:u@h:70000>",
            "<sip:>",
        ],
    )
    def test_broken(self, text: str) -> None:
        with pytest.raises(ParseError):
            NameAddr.parse(text)


class TestCSeq:
    def test_reads(self) -> None:
        assert CSeq.parse("0009 INVITE") == CSeq(9, "INVITE")
        assert CSeq.parse("1\t ACK ") == CSeq(1, "ACK")
        assert CSeq.parse("4294967295 X").number == 2**32 - 1
        assert str(CSeq(3, "BYE")) == "3 BYE"

    @pytest.mark.parametrize(
        "text", ["", "1", "INVITE", "-1 X", "4294967296 X", "1_0 X", "१ X", "1 A B"]
    )
    def test_broken(self, text: str) -> None:
        with pytest.raises(ParseError):
            CSeq.parse(text)
