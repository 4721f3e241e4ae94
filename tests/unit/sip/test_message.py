"""Requests, responses, and the messages made from them."""

from __future__ import annotations

import pytest

from sip.errors import LocalError, ParseError
from sip.headers import Headers
from sip.message import Request, Response, ack_for, build_response, cancel_for
from sip.parser import parse_datagram
from tests.unit.sip.vectors import gb


def invite() -> Request:
    message = parse_datagram(gb("invite-play-udp"))
    assert isinstance(message, Request)
    return message


def minimal(**headers: str) -> Request:
    found = Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.64:5060;rport;branch=z9hG4bKa"),
            ("From", "<sip:a@b>;tag=1"),
            ("To", "<sip:c@d>"),
            ("Call-ID", "x"),
            ("CSeq", "1 INVITE"),
        ]
    )
    for name, value in headers.items():
        found.set(name.replace("_", "-"), value)
    return Request("INVITE", "sip:c@d", found)


class TestTyped:
    def test_missing_or_broken_headers_raise(self) -> None:
        message = Request("X", "sip:a@b")
        for name in ("via", "vias", "from_", "to", "call_id", "cseq"):
            with pytest.raises(ParseError):
                getattr(message, name)
        assert message.contact is None
        assert message.expires is None
        assert message.content_type == ""
        with pytest.raises(ParseError):
            _ = minimal(Expires="soon").expires

    def test_expires_is_clamped_to_32_bits(self) -> None:
        assert minimal(Expires="1" + "0" * 40).expires == 2**32 - 1

    def test_content_type_is_lower_case_without_parameters(self) -> None:
        assert minimal(Content_Type="Application/MANSCDP+XML ; charset=gb2312").content_type == (
            "application/manscdp+xml"
        )

    def test_contacts(self) -> None:
        message = minimal(Contact='"a,b" <sip:x@y>;expires=5, <sip:z@y>')
        assert [contact.uri.user for contact in message.contacts] == ["x", "z"]
        assert message.contact is not None
        assert message.contact.params == {"expires": "5"}
        assert not message.has_wildcard_contact

    def test_wildcard_contact(self) -> None:
        message = minimal(Contact=" * ")
        assert message.contact is None
        assert message.has_wildcard_contact

    def test_repr_shows_what_it_is(self) -> None:
        assert repr(minimal()) == "<Request INVITE sip:c@d x body=0>"
        assert repr(Response(200, "OK")) == "<Response 200 OK ? ? body=0>"


class TestWriting:
    def test_content_length_is_written_from_the_body(self) -> None:
        message = minimal(Content_Length="77")
        message.body = "学校".encode("gb18030")
        data = message.to_bytes()
        assert data.count(b"Content-Length: 4\r\n\r\n") == 1
        assert b"77" not in data
        assert parse_datagram(data).body == message.body

    def test_text_outside_latin1_goes_out_as_utf8(self) -> None:
        data = minimal(Subject="学校").to_bytes()
        assert "Subject: 学校\r\n".encode() in data

    @pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb"])
    def test_line_ends_cannot_be_smuggled_in(self, value: str) -> None:
        with pytest.raises(LocalError):
            minimal(Subject=value).to_bytes()
        with pytest.raises(LocalError):
            Response(200, value).to_bytes()
        with pytest.raises(LocalError):
            Request("X", value).to_bytes()


class TestStamp:
    def test_received_and_rport(self) -> None:
        message = minimal()
        message.stamp_source("203.0.113.9", 40000)
        assert message.via.params["received"] == "203.0.113.9"
        assert message.via.rport == "40000"
        assert message.via.branch == "z9hG4bKa"

    def test_only_the_top_of_a_list(self) -> None:
        message = minimal(Via="SIP/2.0/UDP a;rport, SIP/2.0/UDP b;rport")
        message.stamp_source("203.0.113.9", 1)
        assert [via.rport for via in message.vias] == ["1", ""]

    def test_nothing_to_say(self) -> None:
        message = minimal(Via="SIP/2.0/UDP 192.0.2.64:5060;branch=z9hG4bKa")
        before = message.headers.get("Via")
        message.stamp_source("192.0.2.64", 9)
        assert message.headers.get("Via") == before

    def test_another_address_without_rport(self) -> None:
        message = minimal(Via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa")
        message.stamp_source("192.0.2.64", 9)
        assert (
            message.headers.get("Via") == "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=192.0.2.64"
        )

    def test_a_forged_received_is_overwritten(self) -> None:
        message = minimal(Via="SIP/2.0/UDP 192.0.2.64;received=198.51.100.1")
        message.stamp_source("192.0.2.64", 9)
        assert message.via.params["received"] == "192.0.2.64"

    def test_ipv6(self) -> None:
        message = minimal(Via="SIP/2.0/UDP [2001:db8::1];rport")
        message.stamp_source("2001:db8::1", 7)
        assert parse_datagram(message.to_bytes()).via.params["received"] == "2001:db8::1"


class TestResponse:
    def test_copies_what_it_must(self) -> None:
        request = invite()
        request.headers.prepend("Via", "SIP/2.0/UDP p.example;branch=z9hG4bKp")
        answer = build_response(
            request,
            200,
            to_tag="t9",
            headers=[("Contact", "<sip:x@y>")],
            body=b"v=0\r\n",
            content_type="application/sdp",
        )
        assert (answer.status, answer.reason) == (200, "OK")
        assert answer.headers.get_all("Via") == request.headers.get_all("Via")
        assert answer.to.tag == "t9"
        assert answer.to.uri == request.to.uri
        for name in ("From", "Call-ID", "CSeq"):
            assert answer.headers.get(name) == request.headers.get(name)
        assert [name for name, _ in answer.headers] == [
            *("Via", "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type")
        ]
        assert parse_datagram(answer.to_bytes()).body == b"v=0\r\n"

    def test_the_tag_of_a_dialog_is_kept(self) -> None:
        request = minimal(To="<sip:c@d>;tag=old")
        assert build_response(request, 200, to_tag="new").to.tag == "old"

    def test_100_has_no_tag_but_the_time_stamp(self) -> None:
        answer = build_response(minimal(Timestamp="54"), 100, to_tag="t")
        assert answer.to.tag is None
        assert answer.headers.get("Timestamp") == "54"

    def test_record_route_where_a_dialog_may_begin(self) -> None:
        request = minimal(Record_Route="<sip:p;lr>")
        assert build_response(request, 180).headers.get("Record-Route") == "<sip:p;lr>"
        assert build_response(request, 486).headers.get("Record-Route") is None

    def test_unknown_status_and_own_reason(self) -> None:
        assert build_response(minimal(), 499).reason == ""
        assert build_response(minimal(), 403, "Locked").reason == "Locked"

    def test_a_broken_to_still_gets_an_answer(self) -> None:
        request = minimal(To='"x <sip:c@d>')
        assert build_response(request, 400, to_tag="t").headers.get("To") == '"x <sip:c@d>;tag=t'
        request = minimal(To='"x <sip:c@d>;tag=1')
        assert build_response(request, 400, to_tag="t").headers.get("To") == '"x <sip:c@d>;tag=1'


class TestDerived:
    def test_ack_of_a_refusal(self) -> None:
        request = invite()
        request.headers.add("Route", "<sip:r1;lr>")
        request.headers.add("Route", "<sip:r2;lr>")
        ack = ack_for(request, build_response(request, 486, to_tag="d9"))
        assert (ack.method, ack.uri) == ("ACK", request.uri)
        assert ack.headers.get_all("Via") == [request.headers.get("Via")]
        assert str(ack.cseq) == "1 ACK"
        assert ack.to.tag == "d9"
        assert ack.from_ == request.from_
        assert ack.call_id == request.call_id
        assert ack.headers.get_all("Route") == ["<sip:r1;lr>", "<sip:r2;lr>"]
        assert ack.headers.get("Max-Forwards") == "70"
        assert ack.body == b""

    def test_cancel(self) -> None:
        request = minimal(Via="SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2")
        cancel = cancel_for(request)
        assert (cancel.method, cancel.uri) == ("CANCEL", "sip:c@d")
        assert cancel.headers.get_all("Via") == ["SIP/2.0/UDP a;branch=z9hG4bK1"]
        assert str(cancel.cseq) == "1 CANCEL"
        assert cancel.headers.get("To") == "<sip:c@d>"

    def test_an_invite_without_to_is_our_bug(self) -> None:
        request = minimal()
        request.headers.remove("To")
        with pytest.raises(LocalError):
            cancel_for(request)
