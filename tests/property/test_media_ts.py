"""Transport streams of any bytes: no exception, bounded memory, and cuts make no difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer
from media.ts.demux import PACKET, TsDemuxer
from tests.unit.media.samples import pictures
from tests.unit.media.sending import feed_all, video_of
from tests.unit.media.test_ts import packets, transport

LIMIT = 20_000
DATA = transport(pictures()[1])

ts_packets = st.builds(
    lambda head, body: b"\x47" + head + (body * PACKET)[: PACKET - 4],
    st.binary(min_size=3, max_size=3)
    | st.sampled_from([b"\x40\x00\x10", b"\x50\x00\x10", b"\x41\x00\x11", b"\x01\x00\x31"]),
    st.binary(min_size=1, max_size=40)
    | st.sampled_from([b"\x00\x00\x01\xe0\x00\x00\x80\x80\x05", b"\x00\x02\xb0\x12\x00\x01\xc1"]),
)


@given(st.lists(ts_packets, max_size=60), st.integers(1, 9))
def test_any_packets_are_borne(sent: list[bytes], each: int) -> None:
    demuxer, other = TsDemuxer(LIMIT), TsDemuxer(LIMIT)
    together = demuxer.feed(b"".join(sent))
    apart = [unit for packet in sent for unit in other.feed(packet)]
    assert together == apart, "whole = packet by packet"
    assert sum(one.size for one in demuxer._open.values()) <= len(demuxer._open) * LIMIT


@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), max_size=60))
def test_broken_bytes_break_no_more_than_pictures(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DATA)
    for at, value in changes:
        data[at] = value
    pipeline = Pipeline(max_frame=LIMIT)
    feed_all(pipeline, packets(bytes(data)))
    assert pipeline.stats.packets == len(packets(bytes(data)))


@given(st.binary(max_size=800), st.integers(0, 30))
def test_any_payload_behind_a_transport_stream(payload: bytes, at: int) -> None:
    sent = packets(DATA)
    rtp = RtpPacketizer(9, payload_type=33, sequence=at)
    foreign = rtp.packetize(payload or b"\x00", 5)[0]
    found = video_of(feed_all(Pipeline(), [*sent[:at], foreign, *sent[at + 1 :]]))
    assert set(found) <= set(video_of(feed_all(Pipeline(), sent)))
