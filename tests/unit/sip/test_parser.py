"""Datagrams to messages: what is read, what is let pass, what is refused."""

from __future__ import annotations

import pytest

from sip.errors import MessageTooLarge, ParseError
from sip.message import Request, Response
from sip.parser import Limits, is_keepalive, parse_datagram
from tests.unit.sip.vectors import GB, gb

XML = b'<?xml version="1.0"?>\r\n<Notify><CmdType>Keepalive</CmdType></Notify>\r\n'


def request(
    headers: str = "", body: bytes = b"", method: str = "MESSAGE", start: str | None = None
) -> bytes:
    head = (
        (start or f"{method} sip:64010000002000000001@6401000000 SIP/2.0")
        + "\r\nVia: SIP/2.0/UDP 192.0.2.64:5060;rport;branch=z9hG4bKa"
        + "\r\nFrom: <sip:64010400001320000011@6401000000>;tag=f1"
        + "\r\nTo: <sip:64010000002000000001@6401000000>"
        + f"\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n{headers}\r\n"
    )
    return head.encode("latin-1") + body


def read(data: bytes) -> Request:
    message = parse_datagram(data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("name", list(GB))
def test_vectors(name: str) -> None:
    message = parse_datagram(gb(name))
    expected = GB[name]
    if isinstance(message, Request):
        assert (message.method, message.uri) == (expected["method"], expected["uri"])
    else:
        assert message.status == expected["status"]
    assert message.call_id == expected["call_id"]
    assert [message.cseq.number, message.cseq.method] == expected["cseq"]
    assert message.via.branch == expected["branch"]
    assert (message.from_.uri.user, message.from_.tag) == (
        expected["from_user"],
        expected["from_tag"],
    )
    assert (message.to.uri.user, message.to.tag) == (expected["to_user"], expected["to_tag"])
    assert message.expires == expected["expires"]
    contact = message.contact
    assert (str(contact.uri) if contact else None) == expected["contact"]
    assert message.content_type == expected["content_type"]
    assert len(message.body) == expected["body_bytes"]
    assert len(message.headers) == expected["headers"]


@pytest.mark.parametrize("name", list(GB))
def test_vectors_with_line_feeds_only(name: str) -> None:
    head, _, body = gb(name).partition(b"\r\n\r\n")
    message = parse_datagram(head.replace(b"\r\n", b"\n") + b"\n\n" + body)
    assert message.to_bytes() == parse_datagram(gb(name)).to_bytes()


class TestLeniency:
    @pytest.mark.parametrize("line", ["Subject:x", "subject : x", "SUBJECT:\tx \t", "s:x", "S : x"])
    def test_blanks_case_and_compact_names(self, line: str) -> None:
        assert read(request(line + "\r\n")).headers.get("Subject") == "x"

    def test_folds(self) -> None:
        message = read(request("Subject: a\r\n b\r\n\t  c\r\nExpires: 1\r\n"))
        assert message.headers.get("Subject") == "a b c"
        assert message.expires == 1

    def test_a_colon_in_a_value(self) -> None:
        assert read(request("X-A:b: c\r\n")).headers.get("X-A") == "b: c"

    def test_an_empty_value(self) -> None:
        assert read(request("Subject:\r\nOrganization: \r\n")).headers.get("Organization") == ""

    def test_line_ends_in_front(self) -> None:
        assert read(b"\r\n\r\n" + request()).method == "MESSAGE"

    def test_no_blank_line_at_the_end(self) -> None:
        message = read(request()[:-2])
        assert (message.call_id, message.body) == ("c1", b"")

    def test_header_bytes_survive(self) -> None:
        raw = "From-Name: 摄像机".encode("gb18030")
        data = request().replace(b"Call-ID", raw + b"\r\nCall-ID")
        message = read(data)
        assert (message.headers.get("From-Name") or "").encode("latin-1").decode(
            "gb18030"
        ) == "摄像机"
        assert raw in message.to_bytes()

    def test_an_edge_byte_that_is_no_blank_in_sip_stays(self) -> None:
        """0xA0 ends half of the GB characters; Python would take it for a blank."""
        data = request().replace(b"Call-ID", b"X-N: \xb0\xa0\r\nCall-ID")
        assert read(data).headers.get("X-N") == "\xb0\xa0"

    def test_null_bytes_in_a_header_are_no_end(self) -> None:
        assert read(request("X-N: a\0b\r\nExpires: 5\r\n")).expires == 5

    def test_version_in_lower_case(self) -> None:
        data = request(start="MESSAGE sip:a@b sip/2.0")
        assert read(data).uri == "sip:a@b"

    def test_status_line_without_reason(self) -> None:
        data = request(start="SIP/2.0 200")
        message = parse_datagram(data)
        assert isinstance(message, Response)
        assert (message.status, message.reason) == (200, "")


class TestBody:
    @pytest.mark.parametrize(
        ("length", "body"),
        [
            (f"Content-Length: {len(XML)}\r\n", XML),
            ("Content-Length: 0\r\nContent-Type: Application/MANSCDP+xml\r\n", XML),
            ("Content-Length: 0\r\n", XML),
            ("", XML),
            ("Content-Length: 9999\r\n", XML),
            (f"l:{len(XML)}\r\n", XML),
            (f"Content-Length: {len(XML)}\r\nContent-Length: {len(XML)}\r\n", XML),
        ],
    )
    def test_whatever_content_length_says(self, length: str, body: bytes) -> None:
        assert read(request(length, body)).body == body

    def test_too_small_a_length_cuts(self) -> None:
        assert read(request("Content-Length: 5\r\n", b"abcdefg")).body == b"abcde"

    def test_padding_behind_an_empty_body_is_dropped(self) -> None:
        head = "Content-Length: 0\r\nContent-Type: Application/MANSCDP+xml\r\n"
        assert read(request(head, b"\r\n\0\0")).body == b""
        assert read(request("Content-Length: 0\r\n", b"\r\n\r\nREGISTER sip:x")).body == b""

    def test_bytes_stay_bytes(self) -> None:
        body = bytes(range(256))
        assert read(request("Content-Length: 256\r\n", body)).body == body

    def test_a_body_with_blank_lines(self) -> None:
        body = b"a\r\n\r\nb\n\nc"
        assert read(request(f"Content-Length: {len(body)}\r\n", body)).body == body

    def test_an_invite_one_line_end_short_is_taken(self) -> None:
        """Some cameras count the last line end and do not send it."""
        data = request("Content-Length: 6\r\n", b"v=0", method="INVITE").replace(b": 6", b": 5")
        assert read(data).body == b"v=0"

    def test_a_cut_invite_is_refused(self) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(request("Content-Length: 99\r\n", b"v=0", method="INVITE"))
        assert isinstance(caught.value.message, Request)
        assert caught.value.message.call_id == "c1"

    @pytest.mark.parametrize("value", ["-1", "x", "1 1", "1.0", "4294967296", ""])
    def test_a_length_that_is_none(self, value: str) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request(f"Content-Length: {value}\r\n"))

    def test_contradicting_lengths(self) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request("Content-Length: 1\r\nl: 2\r\n", b"abc"))


class TestRefused:
    @pytest.mark.parametrize(
        "start",
        [
            "",
            "MESSAGE",
            "MESSAGE sip:a@b",
            "MESSAGE  SIP/2.0",
            " MESSAGE sip:a@b SIP/2.0",
            "MESSAGE sip:a@b SIP/2.0 x",
            "ME(SSAGE sip:a@b SIP/2.0",
            "MESSAGE sip:a@b\0 SIP/2.0",
            "MESSAGE sip:a@b HTTP/1.1",
            "SIP/2.0",
            "SIP/2.0 20 OK",
            "SIP/2.0 2000 OK",
            "SIP/2.0 099 X",
            "SIP/2.0 700 X",
            "SIP/2.0 ²00 OK",
            "$\0\1\2",
        ],
    )
    def test_start_lines(self, start: str) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(request(start=start or "\t"))
        assert caught.value.status_hint == 400

    def test_version(self) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(request(start="MESSAGE sip:a@b SIP/3.0"))
        assert caught.value.status_hint == 505
        assert isinstance(caught.value.message, Request)

    @pytest.mark.parametrize("line", ["no colon here", ": empty", "a b: c", "näme: x", "a\0: b"])
    def test_header_lines(self, line: str) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request(line + "\r\n"))

    @pytest.mark.parametrize("line", ["X: a\rb", "X: a\r\r\n b", "\rX: a"])
    def test_bare_carriage_returns(self, line: str) -> None:
        """They could become a second header when the value is copied into an answer."""
        with pytest.raises(ParseError):
            parse_datagram(request(line + "\r\n"))

    def test_a_folded_start_line(self) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request().replace(b" SIP/2.0\r\n", b" SIP/2.0\r\n x\r\n", 1))

    @pytest.mark.parametrize("lines", [b"X: a\n\r\nY: b\r\n", b"X: a\r\n b\n\r\nY: c\r\n"])
    def test_an_empty_line_that_is_no_end(self, lines: bytes) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request().replace(b"Call-ID", lines + b"Call-ID"))

    def test_a_response_of_another_version(self) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(request(start="SIP/3.0 200 OK"))
        assert caught.value.status_hint == 505
        assert caught.value.message is None

    def test_a_cut_header_block(self) -> None:
        with pytest.raises(ParseError):
            parse_datagram(request()[:-7])

    @pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
    def test_missing_headers_are_named_and_the_rest_is_kept(self, name: str) -> None:
        data = request().replace(f"\r\n{name}:".encode(), b"\r\nX-Gone:")
        with pytest.raises(ParseError, match=name.lower()) as caught:
            parse_datagram(data)
        message = caught.value.message
        assert isinstance(message, Request)
        assert name not in message.headers

    def test_a_broken_ack_gives_nothing_to_answer(self) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(request(method="ACK", start="ACK sip:a @b SIP/2.0"))
        assert caught.value.message is None

    @pytest.mark.parametrize("data", [b"", b"\r\n", b"\0", b"hello\r\n", b"\xff" * 100])
    def test_nonsense(self, data: bytes) -> None:
        with pytest.raises(ParseError):
            parse_datagram(data)

    def test_the_sample_is_short(self) -> None:
        with pytest.raises(ParseError) as caught:
            parse_datagram(b"x" * 5000 + b"\r\n\r\n")
        assert len(caught.value.sample) == 64


class TestLimits:
    def test_header_block(self) -> None:
        with pytest.raises(MessageTooLarge):
            parse_datagram(request("X: " + "a" * 65_536 + "\r\n"))

    def test_count(self) -> None:
        with pytest.raises(MessageTooLarge):
            parse_datagram(request("X: a\r\n" * 300))

    def test_line(self) -> None:
        with pytest.raises(MessageTooLarge):
            parse_datagram(request("X: " + "a" * 16_384 + "\r\n"))

    def test_line_by_folds(self) -> None:
        with pytest.raises(MessageTooLarge):
            parse_datagram(
                request("X: a" + "\r\n aaaaaaaa" * 200 + "\r\n"), Limits(line_bytes=1000)
            )

    def test_inside_the_limits(self) -> None:
        data = request("X: " + "a" * 990 + "\r\n")
        assert len(read(data).headers) == 6
        assert parse_datagram(data, Limits(line_bytes=1000)).to_bytes() == read(data).to_bytes()
        with pytest.raises(MessageTooLarge):
            parse_datagram(data, Limits(line_bytes=990))


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\r\n\r\n", True), (b"\r\n", True), (b"\0", True), (b"", True), (b" \r\n", True),
     (b"x\r\n", False), (b"\r\n" * 100, False)],
)  # fmt: skip
def test_keepalives(data: bytes, expected: bool) -> None:
    assert is_keepalive(data) is expected
