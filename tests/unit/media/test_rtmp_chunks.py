"""RTMP below its commands: AMF0, chunks, handshake, against bytes written by hand."""

from __future__ import annotations

import pytest

from media.errors import StreamFormatError
from media.rtmp.amf import MAX_DEPTH, MAX_VALUES, Amf, decode, encode
from media.rtmp.chunks import (
    MAX_CHUNK_STREAMS,
    MAX_COMMAND,
    Broken,
    ChunkReader,
    ChunkWriter,
    Message,
)
from media.rtmp.commands import Command, read_command, status
from media.rtmp.handshake import PACKET, RANDOM, ClientHandshake, ServerHandshake
from media.rtmp.wire import Wire

VALUES: list[tuple[str, Amf]] = [
    ("00 40 08 00 00 00 00 00 00", 3.0),
    ("01 01", True),
    ("02 00 04 6c 69 76 65", "live"),
    ("03 00 03 61 70 70 02 00 01 78 00 00 09", {"app": "x"}),
    ("05", None),
    ("06", None),
    ("08 00 00 00 63 00 01 61 01 00 00 00 09", {"a": False}),
    ("0a 00 00 00 02 05 01 01", [None, True]),
    ("0b 40 08 00 00 00 00 00 00 00 00", 3.0),
    ("0c 00 00 00 01 7a", "z"),
    ("10 00 01 43 00 01 61 05 00 00 09", {"a": None}),
    ("03 00 03 61 70 70 02 00 01 78", {"app": "x"}),  # without its end marker
]


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_values(written: str, value: Amf) -> None:
    assert decode(bytes.fromhex(written)) == [value]


@pytest.mark.parametrize(
    "written",
    [
        "00 40",
        "02 00 05 61",
        "07 00 01",  # a reference
        "11 05",  # AMF3
        "0a ff ff ff ff",
        "03 00 01 61" * (MAX_DEPTH + 2),
        "05" * (MAX_VALUES + 1),
    ],
)
def test_what_is_no_value(written: str) -> None:
    with pytest.raises(StreamFormatError):
        decode(bytes.fromhex(written))


def test_long_texts_have_a_marker_of_their_own() -> None:
    assert encode("x" * 70_000)[:5] == b"\x0c\x00\x01\x11\x70"
    assert decode(encode("x" * 70_000, {"a": [1.0]})) == ["x" * 70_000, {"a": [1.0]}]


def read(data: bytes, most: int = MAX_COMMAND) -> list[Message | Broken]:
    reader = ChunkReader()
    reader.most = most
    return list(reader.feed(data))


FULL = "04 00 03 e8 00 00 02 08 01 00 00 00 aa bb"
"""A message of two bytes on chunk stream 4, at 1000 ms."""

HEADERS = [
    ("44 00 00 14 00 00 01 09 cc", Message(9, 1, 1020, b"\xcc")),
    ("84 00 00 14 dd ee", Message(8, 1, 1020, b"\xdd\xee")),
    ("c4 ff fe", Message(8, 1, 1000, b"\xff\xfe")),
    # Chunk streams 64 and 320 have two and three bytes of a number.
    ("00 00 00 00 00 00 00 01 08 00 00 00 00 11", Message(8, 0, 0, b"\x11")),
    ("01 00 01 00 00 00 00 00 01 08 00 00 00 00 11", Message(8, 0, 0, b"\x11")),
    # A time of more than three bytes.
    ("04 ff ff ff 00 00 01 08 01 00 00 00 01 00 00 00 22", Message(8, 1, 1 << 24, b"\x22")),
]


@pytest.mark.parametrize(("written", "message"), HEADERS)
def test_headers(written: str, message: Message) -> None:
    assert read(bytes.fromhex(FULL + written)) == [Message(8, 1, 1000, b"\xaa\xbb"), message]


def test_a_repeated_header_repeats_the_step() -> None:
    steps = FULL + "84 00 00 14 01 02" + "c4 03 04" + "c4 05 06"
    found = read(bytes.fromhex(steps))
    assert [m.time for m in found if isinstance(m, Message)] == [1000, 1020, 1040, 1060]


@pytest.mark.parametrize("repeated", [True, False])
def test_an_extended_time_may_be_repeated_in_what_continues(repeated: bool) -> None:
    time = b"\x01\x02\x03\x04"
    head = b"\x06\xff\xff\xff\x00\x00\xc8\x09\x01\x00\x00\x00" + time
    body = bytes(range(200))
    data = head + body[:128] + b"\xc6" + (time if repeated else b"") + body[128:]
    assert read(data) == [Message(9, 1, 0x01020304, body)]


def test_chunks_of_several_streams_take_turns() -> None:
    writer = ChunkWriter()
    picture, sound = writer.write(Message(9, 1, 5, b"p" * 300), 6), FULL
    turns = picture[: 12 + 128] + bytes.fromhex(sound) + picture[12 + 128 :]
    found = read(turns)
    assert [m.kind for m in found if isinstance(m, Message)] == [8, 9]


def test_a_message_that_is_abandoned_leaves_nothing() -> None:
    picture = ChunkWriter().write(Message(9, 1, 5, b"p" * 300), 6)
    abort = bytes.fromhex("02 00 00 00 00 00 04 02 00 00 00 00 00 00 00 06")
    reader = ChunkReader()
    assert list(reader.feed(picture[: 12 + 128] + abort)) == []
    assert reader.held == 0
    assert list(reader.feed(picture)) == [Message(9, 1, 5, b"p" * 300)]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("c4 00", "continues nothing"),
        (FULL + "02 00 00 00 00 00 04 01 00 00 00 00 00 00 00 00", "chunks of 0"),
        (FULL + "02 00 00 00 00 00 04 01 00 00 00 00 ff ff ff ff", "chunks of"),
        (FULL + "02 00 00 00 00 00 02 01 00 00 00 00 10 00", "chunks of"),
        ("04 00 00 00 ff ff ff 09 01 00 00 00", "a message of 16777215 bytes"),
        ("06 00 00 00 00 01 00 09 01 00 00 00" + "00" * 128 + "46 00 00 00 00 02 00 09", "length"),
    ],
)
def test_what_breaks_a_connection(written: str, reason: str) -> None:
    broken = read(bytes.fromhex(written) + bytes(16))[-1]
    assert isinstance(broken, Broken)
    assert reason in broken.reason


def test_many_chunk_streams() -> None:
    one = "{:02x} 00 00 00 00 00 00 08 00 00 00 00"
    some = "".join(one.format(number) for number in range(3, 3 + MAX_CHUNK_STREAMS))
    assert len(read(bytes.fromhex(some))) == MAX_CHUNK_STREAMS
    broken = read(bytes.fromhex(some + one.format(60)))[-1]
    assert broken == Broken("too many chunk streams")


def test_messages_that_begin_and_do_not_end_are_bounded_together() -> None:
    one = "{:02x} 00 00 00 00 80 00 09 01 00 00 00" + "00" * 128
    two = bytes.fromhex(one.format(5) + one.format(6))
    assert read(two) == []
    assert read(two + bytes.fromhex(one.format(7))) == [Broken("a message of 32768 bytes")]


def test_the_two_handshakes_agree() -> None:
    server, client = ServerHandshake(b"s" * RANDOM), ClientHandshake(b"c" * RANDOM)
    hello = client.start()
    assert server.feed(hello[:9]) == b""
    answer = server.feed(hello[9:])
    assert answer[1 + PACKET :] == hello[1:]
    echo = client.feed(answer + b"more")
    assert client.done
    assert client.rest() == b"more"
    assert echo == answer[1 : PACKET + 1]
    server.feed(echo + b"and")
    assert server.done
    assert server.rest() == b"and"


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\x06", b"\x16\x03\x01"])
def test_what_is_no_handshake(first: bytes) -> None:
    with pytest.raises(StreamFormatError):
        ServerHandshake(bytes(RANDOM)).feed(first)
    with pytest.raises(StreamFormatError):
        ClientHandshake(bytes(RANDOM)).feed(first)


def test_a_connection_acknowledges_and_answers_pings() -> None:
    wire = Wire(ServerHandshake(bytes(RANDOM)))
    list(wire.feed(b"\x03" + bytes(2 * PACKET)))
    wire.take()
    writer = ChunkWriter()
    window = writer.write(Message(5, 0, 0, (4096).to_bytes(4, "big")), 2)
    ping = writer.write(Message(4, 0, 0, b"\x00\x06\x00\x00\x00\x07"), 2)
    assert list(wire.feed(window + ping + bytes.fromhex(FULL))) == [
        Message(8, 1, 1000, b"\xaa\xbb")
    ]
    found = read(wire.take())
    assert found == [Message(4, 0, 0, b"\x00\x07\x00\x00\x00\x07")]
    big = ChunkWriter().write(Message(9, 1, 0, bytes(5000)), 6)
    list(wire.feed(big))
    (told,) = read(wire.take())
    assert isinstance(told, Message)
    assert told.kind == 3
    assert int.from_bytes(told.data, "big") > 5000


def test_commands() -> None:
    said = status(1, "error", "NetStream.Publish.BadName", "taken")
    assert read_command(said.message()) == said
    amf3 = Message(17, 0, 0, b"\x00" + encode("connect", 1.0, {"app": "x"}))
    found = read_command(amf3)
    assert found == Command("connect", 1.0, ({"app": "x"},))
    assert (found.text(0), found.text(9), found.fields(3), found.numeral(0)) == ("", "", {}, None)
    assert read_command(Message(20, 0, 0, encode("onFCPublish"))) == Command("onFCPublish", 0.0)
    assert read_command(Message(9, 0, 0, b"")) is None
    with pytest.raises(StreamFormatError):
        read_command(Message(20, 0, 0, encode(1.0)))
