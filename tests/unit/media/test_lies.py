"""Senders that lie about sizes: a PES without an end, a picture of a billion pixels, odd frames."""

from __future__ import annotations

import pytest

from media.errors import StreamFormatError
from media.ps.mux import PsMuxer
from media.receive.pipeline import Pipeline
from media.rtp.packet import HEADER, RtpPacketizer, TcpSplitter, frame_for_tcp
from media.unit import AccessUnit, Codec, FormatChanged
from media.video.nal import START4
from media.video.sps import MAX_SIDE, parse_h264_sps

from .sending import feed_all, ps_packets, units_of
from .test_sps import Bits

MAX_FRAME = 256 * 1024
ENDLESS_MB = 64
SETS = bytes.fromhex("000000016742000ada11e40000000168ce3c80")
KEY = SETS + START4 + b"\x65" + b"k" * 3000


def held(pipeline: Pipeline) -> int:
    return pipeline._frame.size + sum(len(item) for item in pipeline._order._ring if item)


def key_at(dts: int, data: bytes = KEY) -> AccessUnit:
    return AccessUnit(True, Codec.H264, dts, dts, True, data)


@pytest.mark.parametrize("length", [0, 0xFFFF], ids=["unbounded", "wrapped again and again"])
def test_a_pes_without_an_end_is_bounded_and_the_stream_goes_on(length: int) -> None:
    """Gigabytes would be no different from these megabytes: the same packets, again and again."""
    pipeline = Pipeline(max_frame=MAX_FRAME)
    payload = b"\xaa" * 1400
    first = b"\0\0\1\xba" + bytes.fromhex("440004000401000003f8") + b"\0\0\1\xe0"
    packet = first + length.to_bytes(2, "big") + bytes.fromhex("800000") + payload
    count = ENDLESS_MB * 2**20 // len(payload)
    for number in range(count):
        head = HEADER.pack(0x80, 96, number & 0xFFFF, 3600, 7)
        assert pipeline.feed(head + (packet if number == 0 else payload), number / 1000) == []
        assert held(pipeline) <= MAX_FRAME + len(packet)
    assert pipeline.stats.oversized >= 1
    rtp = RtpPacketizer(7, sequence=count & 0xFFFF)
    packets = ps_packets([key_at(n * 3600) for n in range(2, 5)], PsMuxer(Codec.H264, None), rtp)
    shown = units_of(feed_all(pipeline, packets, start=count / 1000 + 1))
    assert [unit.data for unit in shown][-1] == KEY


def giant(side_in_macroblocks: int) -> bytes:
    """A Baseline SPS of H.264 that claims this width and height."""
    bits = Bits().u(8, 66).u(8, 0).u(8, 10).ue(0).ue(0).ue(2).ue(1).flags(0)
    bits.ue(side_in_macroblocks - 1).ue(side_in_macroblocks - 1).flags(1, 0, 0, 0)
    return bits.nal(b"\x67")


@pytest.mark.parametrize("side", [1025, 4096, 65_536, 2**31])
def test_a_picture_of_a_billion_pixels_is_none(side: int) -> None:
    with pytest.raises(StreamFormatError, match="picture size"):
        parse_h264_sps(giant(side))
    assert parse_h264_sps(giant(MAX_SIDE // 16)).width == MAX_SIDE


def test_a_stream_with_such_a_picture_waits_for_an_honest_one() -> None:
    lie = START4 + giant(65_536) + START4 + b"\x68\xce\x3c\x80" + START4 + b"\x65" + b"l" * 500
    units = [key_at(0, lie), key_at(3600, lie), *(key_at(n * 3600) for n in range(2, 5))]
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(units, PsMuxer(Codec.H264, None)))
    formats = [item.video for item in out if isinstance(item, FormatChanged)]
    assert [(video.width, video.height) for video in formats if video] == [(64, 48)]
    assert [unit.data for unit in units_of(out)] == [KEY] * 3


@pytest.mark.parametrize("chunk", [1, 7, 1000, 10**6])
def test_tcp_frames_of_no_length_and_of_the_greatest(chunk: int) -> None:
    """Empty frames mean nothing; one of 65,535 bytes is a packet like any other."""
    small = RtpPacketizer(7).packetize(b"\0\0\1\xba" + bytes(20), 3600)[0]
    large = HEADER.pack(0x80, 96, 2, 3600, 7) + bytes(65_535 - HEADER.size)
    stream = b"\0\0" + frame_for_tcp(small) + b"\0\0\0\0" + frame_for_tcp(large) + b"\0\0"
    stream += frame_for_tcp(small)
    splitter, found = TcpSplitter(), []
    for at in range(0, len(stream), chunk):
        found += splitter.feed(stream[at : at + chunk])
        assert splitter._held <= 65_537 + chunk
    assert found == [small, large, small]
    assert splitter.resyncs == 0
