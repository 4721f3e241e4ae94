"""RTP of a voice: what leaves is read by an independent reading of RFC 3550 and by FFmpeg."""

from __future__ import annotations

import io
import struct

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.send.outbox import Outbox
from media.voice.audio import AudioPacketizer, AudioReader
from tests.unit.media.speaking import ffmpeg_decode

FRAME = bytes(range(160))


def fields(packet: bytes) -> tuple[int, int, int, int, int, int]:
    first, second, sequence, timestamp, ssrc = struct.unpack(">BBHII", packet[:12])
    return first, second >> 7, second & 0x7F, sequence, timestamp, ssrc


def test_pcma_packets_count_in_8_khz() -> None:
    packets = AudioPacketizer(100_000_009, sequence=65_535, timestamp=2**32 - 160)
    first, second, third = (packets.packet(FRAME) for _ in range(3))
    assert fields(first) == (0x80, 1, 8, 65_535, 2**32 - 160, 100_000_009)
    assert fields(second) == (0x80, 0, 8, 0, 0, 100_000_009)
    assert fields(third) == (0x80, 0, 8, 1, 160, 100_000_009)
    assert first[12:] == FRAME


def test_the_same_in_a_program_stream_counts_in_90_khz() -> None:
    packets = AudioPacketizer(7, 96)
    wire = [packets.packet(bytes((n,)) * 160) for n in range(1, 51)]
    assert [fields(p)[2] for p in wire] == [96] * 50
    assert [fields(p)[4] for p in wire] == [1800 * n for n in range(50)]
    with av.open(io.BytesIO(b"".join(p[12:] for p in wire)), format="mpeg") as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "pcm_alaw"
        found = b"".join(bytes(p) for p in container.demux(stream))
    assert found == b"".join(bytes((n,)) * 160 for n in range(1, 51))
    assert len(ffmpeg_decode(found)) == 8000


def packet(sequence: int, payload: bytes = FRAME, kind: int = 8) -> bytes:
    return struct.pack(">BBHII", 0x80, kind, sequence, sequence * 160, 5) + payload


def test_a_microphone_is_heard_in_order() -> None:
    reader = AudioReader()
    heard = [reader.feed(packet(n)) for n in (65_534, 65_535, 0, 65_535, 0, 2, 1)]
    assert [bool(h) for h in heard] == [True, True, True, False, False, True, False]
    assert (reader.packets, reader.left_out) == (4, 3)


def test_a_sender_that_began_anew_is_heard_again() -> None:
    reader = AudioReader()
    reader.feed(packet(40_000))
    assert reader.feed(packet(100)) == FRAME


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x80",
        packet(1, kind=0),
        packet(1, b""),
        packet(1, bytes(1601)),
        packet(1, kind=72 | 0x80),
        b"\x40" + packet(1)[1:],
    ],
)
def test_what_is_no_speech_is_counted_and_dropped(wire: bytes) -> None:
    reader = AudioReader()
    assert reader.feed(wire) == b""
    assert reader.left_out == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_no_error(wire: bytes) -> None:
    AudioReader().feed(wire)


def framed(*packets: bytes) -> bytes:
    return b"".join(len(p).to_bytes(2, "big") + p for p in packets)


def test_an_outbox_gives_whole_frames_in_order() -> None:
    outbox = Outbox()
    outbox.put(b"one")
    outbox.put(b"two!")
    assert outbox.waiting() == framed(b"one", b"two!")
    outbox.sent(7)
    assert outbox.waiting() == framed(b"two!")[2:]
    outbox.sent(4)
    assert outbox.waiting() == b""
    assert len(outbox) == 0


def test_an_outbox_that_is_full_drops_the_oldest_whole_frame() -> None:
    outbox = Outbox(most=2)
    for word in (b"a", b"b", b"c"):
        outbox.put(word)
    assert outbox.waiting() == framed(b"b", b"c")
    assert outbox.dropped == 1


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 40)), max_size=50))
def test_framing_survives_any_pace_of_the_connection(steps: list[tuple[bytes, int]]) -> None:
    outbox = Outbox(most=3)
    wire, put = b"", []
    for word, room in steps:
        outbox.put(word)
        put.append(word)
        taken = outbox.waiting()[:room]
        outbox.sent(len(taken))
        wire += taken
    wire += outbox.waiting()
    received = []
    while wire:
        size = int.from_bytes(wire[:2], "big")
        received.append(wire[2 : 2 + size])
        wire = wire[2 + size :]
    rest = iter(put)
    assert all(word in rest for word in received)
    assert len(received) + outbox.dropped == len(put)
