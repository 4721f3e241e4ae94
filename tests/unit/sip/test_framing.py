"""TCP streams to messages."""

from __future__ import annotations

import pytest

from sip.errors import MessageTooLarge, ParseError
from sip.framing import StreamFramer
from sip.message import Request, Response
from tests.unit.sip.vectors import GB, gb

STREAM = b"".join(gb(name) for name in GB)


def shape(items: list[Request | Response | ParseError]) -> list[object]:
    """What came out, comparable."""
    return [
        (type(item).__name__, item.status_hint) if isinstance(item, ParseError) else item.to_bytes()
        for item in items
    ]


def feed_in_pieces(data: bytes, size: int, framer: StreamFramer | None = None) -> list[object]:
    framer = framer or StreamFramer()
    out: list[Request | Response | ParseError] = []
    for at in range(0, len(data), size):
        out += framer.feed(data[at : at + size])
    return shape(out)


def message(call_id: str = "c1", body: bytes = b"", length: str | None = None) -> bytes:
    length = str(len(body)) if length is None else length
    return (
        "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@d>\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode() + body


def call_ids(items: list[Request | Response | ParseError]) -> list[str]:
    return [item.call_id for item in items if not isinstance(item, ParseError)]


def errors(items: list[Request | Response | ParseError]) -> list[ParseError]:
    return [item for item in items if isinstance(item, ParseError)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 1460, 10**6])
def test_all_vectors_in_one_stream(size: int) -> None:
    whole = shape(StreamFramer().feed(STREAM))
    assert len(whole) == len(GB)
    assert feed_in_pieces(STREAM, size) == whole


def test_keepalives_between_messages_are_swallowed() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n") == []
    assert framer.pending == 0
    assert len(framer.feed(b"\r\n" + message() + b"\r\n\r\n" + message() + b"\n")) == 2
    assert framer.pending == 0


def test_a_missing_length_means_no_body() -> None:
    data = message().replace(b"Content-Length: 0\r\n", b"")
    out = StreamFramer().feed(data + data)
    assert [item.body for item in out if isinstance(item, Request)] == [b"", b""]


def test_compact_and_odd_lengths() -> None:
    data = message(body=b"abc").replace(b"Content-Length: 3", b"L :\t3")
    (found,) = StreamFramer().feed(data)
    assert isinstance(found, Request)
    assert found.body == b"abc"


def test_a_body_that_looks_like_messages() -> None:
    inner = message("inner", b"\r\n\r\n")
    out = StreamFramer().feed(message("outer", inner) + message("next"))
    assert call_ids(out) == ["outer", "next"]


class TestResync:
    @pytest.mark.parametrize("size", [1, 5, 10**6])
    @pytest.mark.parametrize(
        "garbage",
        [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\r\n",
            b"<Notify>\r\n<SN>1</SN>\r\n</Notify>\r\n",
            b"<Notify>\r\n\r\n<SN>1</SN>\r\n</Notify>\r\n",
            b"trailing half of a body\r\n" * 50,
        ],
    )
    def test_goes_on_at_the_next_start_line(self, garbage: bytes, size: int) -> None:
        framer = StreamFramer()
        data = message("one") + garbage + message("two") + message("three")
        whole = framer.feed(data)
        assert call_ids(whole) == ["one", "two", "three"]
        assert len(errors(whole)) == 1
        assert not framer.broken
        assert feed_in_pieces(data, size) == shape(whole)

    def test_a_body_longer_than_announced(self) -> None:
        xml = b"<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n</Notify>\r\n"
        out = StreamFramer().feed(message("one", xml, "20") + message("two"))
        assert call_ids(out) == ["one", "two"]

    def test_a_bad_head_with_a_length_skips_its_body(self) -> None:
        bad = message("bad", b"x\r\n\r\ny" * 9).replace(b"CSeq", b"C Seq")
        out = StreamFramer().feed(bad + message("two"))
        assert call_ids(out) == ["two"]
        assert len(errors(out)) == 1

    def test_a_request_without_cseq_can_be_answered(self) -> None:
        out = StreamFramer().feed(message("one").replace(b"CSeq", b"X") + message("two"))
        assert [error.message.call_id for error in errors(out) if error.message] == ["one"]
        assert call_ids(out) == ["two"]


class TestBroken:
    def check(self, framer: StreamFramer, data: bytes, status: int = 400) -> None:
        out = framer.feed(data)
        assert [error.status_hint for error in errors(out)] == [status]
        assert framer.broken
        assert framer.feed(message()) == []
        assert framer.pending == 0

    @pytest.mark.parametrize("length", ["-1", "x", "1\r\nContent-Length: 2", ""])
    def test_a_length_that_is_none(self, length: str) -> None:
        self.check(StreamFramer(), message(length=length))

    def test_a_body_above_the_limit(self) -> None:
        framer = StreamFramer(max_body=100)
        assert call_ids(framer.feed(message(body=b"x" * 100))) == ["c1"]
        self.check(framer, message(length="101"), 513)

    def test_a_head_without_an_end(self) -> None:
        framer = StreamFramer(max_header=1000)
        out = framer.feed(b"x" * 2000)
        assert isinstance(out[0], MessageTooLarge)
        assert framer.broken

    @pytest.mark.parametrize("size", [1, 3, 10**6])
    @pytest.mark.parametrize("filler", [989, 990, 991, 992, 993, 994])
    def test_the_limit_does_not_depend_on_the_cuts(self, filler: int, size: int) -> None:
        data = b"OPTIONS sip:a SIP/2.0\r\nX: " + b"a" * filler + b"\r\n\r\n" + message()
        whole = shape(StreamFramer(max_header=1016).feed(data))
        assert feed_in_pieces(data, size, StreamFramer(max_header=1016)) == whole

    def test_endless_nonsense(self) -> None:
        framer = StreamFramer(max_garbage=1000)
        out = framer.feed(b"nonsense\r\n\r\n" * 200)
        assert framer.broken
        assert len(out) == 2


def test_memory_stays_small_while_a_body_is_skipped() -> None:
    framer = StreamFramer()
    framer.feed(message("bad", length="4000000").replace(b"CSeq", b"C Seq"))
    for _ in range(100):
        framer.feed(b"x" * 1000)
        assert framer.pending == 0


def test_byte_by_byte_is_linear() -> None:
    """Counted, not timed: the head is searched from where the last search ended."""
    data = message().replace(b"CSeq", (b"X-Long: " + b"a" * 9_000 + b"\r\n") * 3 + b"CSeq")
    framer = StreamFramer()
    seen = 0
    for at in range(len(data) - 1):
        assert framer.feed(data[at : at + 1]) == []
        seen = max(seen, framer.pending - framer._scanned)
    assert seen <= 2
    assert call_ids(framer.feed(data[-1:])) == ["c1"]
