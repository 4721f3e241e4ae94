"""Mux -> RTP -> a bad network -> pipeline: what comes out is what went in, or is missing.

Invariants: a unit is given out byte for byte or not at all; order and rising times hold; the
pipeline never raises and holds a bounded amount of memory, whatever bytes are fed to it.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.ps.mux import PsMuxer
from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer, TcpSplitter, frame_for_tcp
from media.unit import AccessUnit, Codec
from media.video.nal import START4
from tests.unit.media.sending import feed_all, ps_packets, units_of

SETS = bytes.fromhex("000000016742000ada11e40000000168ce3c80")
MAX_FRAME = 40_000

unit_shapes = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(1, 9000), st.integers(1, 255)),
    min_size=1,
    max_size=25,
)
fates = st.lists(
    st.tuples(st.sampled_from(["keep", "keep", "keep", "keep", "drop", "dup"]), st.integers(0, 5)),
    min_size=1,
    max_size=80,
)


def built(shapes: list[tuple[bool, bool, int, int]]) -> list[AccessUnit]:
    """Units with every payload distinct; the first picture is a key frame."""
    units: list[AccessUnit] = []
    for index, (video, key, size, fill) in enumerate(shapes):
        time = index * 1800
        key = key or not any(unit.video for unit in units)
        body = index.to_bytes(2, "big").replace(b"\x00", b"\x7f") + bytes([fill]) * size
        if video:
            data = SETS + START4 + b"\x65" + body if key else START4 + b"\x41" + body
            units.append(AccessUnit(True, Codec.H264, time, time, key, data))
        else:
            units.append(AccessUnit(False, Codec.G711A, time, time, True, body[:320]))
    return units


def network(packets: list[bytes], pattern: list[tuple[str, int]]) -> list[bytes]:
    """Delays packets by places, drops or doubles them, by a repeated pattern."""
    arriving: list[tuple[int, int, bytes]] = []
    for index, packet in enumerate(packets):
        fate, delay = pattern[index % len(pattern)]
        if fate != "drop":
            arriving.append((index + delay, index, packet))
        if fate == "dup":
            arriving.append((index + delay + 2, index, packet))
    return [packet for _, _, packet in sorted(arriving)]


def held_bytes(pipeline: Pipeline) -> int:
    ring = sum(len(item) for item in pipeline._order._ring if item is not None)
    strays = sum(len(item) for item in pipeline._order._strays)
    foreign = sum(len(item) for item in pipeline._foreign)
    return pipeline._frame.size + ring + strays + foreign


@given(unit_shapes, st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.integers(200, 1400))
def test_nothing_is_changed_on_a_good_network(
    shapes: list[tuple[bool, bool, int, int]], sequence: int, base: int, size: int
) -> None:
    units = built(shapes)
    rtp = RtpPacketizer(1, sequence=sequence, max_payload=size)
    packets = ps_packets(units, PsMuxer(Codec.H264, Codec.G711A), rtp, base=base)
    got = units_of(feed_all(Pipeline(), packets))
    assert [(u.video, u.key, u.data) for u in got] == [(u.video, u.key, u.data) for u in units]


@given(unit_shapes, fates, st.integers(0, 65_535), st.booleans())
def test_units_are_whole_or_missing_on_a_bad_network(
    shapes: list[tuple[bool, bool, int, int]],
    pattern: list[tuple[str, int]],
    sequence: int,
    markers: bool,
) -> None:
    units = built(shapes)
    rtp = RtpPacketizer(1, sequence=sequence)
    packets = ps_packets(units, PsMuxer(Codec.H264, Codec.G711A), rtp)
    if not markers:
        packets = [p[:1] + bytes((p[1] & 0x7F,)) + p[2:] for p in packets]
    # The pattern delays by places, not by time: a packet may be late by any time here.
    pipeline = Pipeline(max_wait=10.0)
    out = feed_all(pipeline, network(packets, pattern), finish=False) + pipeline.restart()
    got = units_of(out)
    wanted = [(unit.video, unit.data) for unit in units]
    places = [wanted.index((unit.video, unit.data)) for unit in got]
    assert places == sorted(set(places))
    for video in (True, False):
        times = [unit.dts for unit in got if unit.video is video]
        assert all(b > a for a, b in pairwise(times))
    pictures = [unit for unit in got if unit.video]
    assert not pictures or pictures[0].key
    if all(fate != "drop" for fate, _ in pattern[: len(packets)]):
        assert pipeline.stats.lost == 0


mutations = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 3000), st.integers(0, 255)), max_size=60
)


@given(unit_shapes, mutations, st.integers(1, 40))
def test_mutated_packets_never_raise(
    shapes: list[tuple[bool, bool, int, int]], changes: list[tuple[int, int, int]], cut: int
) -> None:
    units = built(shapes)
    packets = [bytearray(p) for p in ps_packets(units, PsMuxer(Codec.H264, Codec.G711A))]
    for which, place, value in changes:
        packet = packets[which % len(packets)]
        # Mostly headers: the first bytes of packets are where structure is.
        packet[(place % 60 if place % 3 else place) % len(packet)] = value
    packets[cut % len(packets)] = packets[cut % len(packets)][:cut]
    pipeline = Pipeline(max_frame=MAX_FRAME)
    last = {True: -1, False: -1}
    for index, packet in enumerate(packets):
        out = pipeline.feed(bytes(packet), index * 0.01)
        if index % 7 == 0:
            out += pipeline.flush(index * 0.01)
        for unit in units_of(out):
            assert unit.dts > last[unit.video]
            assert unit.pts >= unit.dts
            last[unit.video] = unit.dts
        assert held_bytes(pipeline) <= MAX_FRAME + 140 * 1500
    pipeline.flush(1e6)
    pipeline.restart()


@given(st.lists(st.binary(max_size=200), max_size=60), st.binary(max_size=8))
def test_garbage_never_raises(blobs: list[bytes], lead: bytes) -> None:
    pipeline = Pipeline(max_frame=MAX_FRAME)
    starts = (
        b"",
        b"\x00\x00\x01\xba",
        b"\x00\x00\x01\xbc",
        b"\x00\x00\x01\xe0",
        b"\x00\x00\x01\xc0",
    )
    for index, blob in enumerate(blobs):
        head = b"\x80\x60" + index.to_bytes(2, "big") + (index // 3).to_bytes(4, "big") + b"ssrc"
        pipeline.feed(blob, index * 0.02)
        pipeline.feed(head + starts[index % 5] + lead + blob, index * 0.02)
    pipeline.flush(1e6)
    pipeline.restart()
    assert pipeline.stats.packets == 2 * len(blobs)


@given(st.integers(1, 300), st.integers(0, 0xFFFF))
def test_endless_frames_stay_within_the_limit(count: int, step: int) -> None:
    pipeline = Pipeline(max_frame=MAX_FRAME)
    for index in range(count):
        number = (index * (1 + step % 3)) & 0xFFFF
        head = b"\x80\x60" + number.to_bytes(2, "big") + b"\x00\x00\x00\x07" + b"ssrc"
        start = b"\x00\x00\x01\xba" if index == 0 else b""
        pipeline.feed(head + start + b"\xaa" * 1400, index * 0.001)
        assert held_bytes(pipeline) <= MAX_FRAME + 140 * 1500


@given(unit_shapes, st.lists(st.integers(1, 3000), min_size=1, max_size=20), mutations)
def test_tcp_whole_or_mutated(
    shapes: list[tuple[bool, bool, int, int]],
    cuts: list[int],
    changes: list[tuple[int, int, int]],
) -> None:
    units = built(shapes)
    packets = ps_packets(units, PsMuxer(Codec.H264, Codec.G711A))
    stream = b"".join(frame_for_tcp(packet) for packet in packets)
    splitter = TcpSplitter()
    got: list[bytes] = []
    at, index = 0, 0
    while at < len(stream):
        size = cuts[index % len(cuts)]
        got += splitter.feed(stream[at : at + size])
        at, index = at + size, index + 1
    assert got == packets
    broken = bytearray(stream)
    for which, place, value in changes:
        broken[(which * 997 + place) % len(broken)] = value
    splitter, pipeline = TcpSplitter(), Pipeline(ordered=True, max_frame=MAX_FRAME)
    for at in range(0, len(broken), cuts[0] + 100):
        for packet in splitter.feed(bytes(broken[at : at + cuts[0] + 100])):
            pipeline.feed(packet, at / 100_000)
        assert splitter._held <= 65_540 + 3100


@given(
    unit_shapes,
    st.lists(st.tuples(st.integers(40, 1400), st.sampled_from([0, 300, 900])), min_size=1),
)
def test_packets_cut_anywhere_with_any_timestamps(
    shapes: list[tuple[bool, bool, int, int]], cuts: list[tuple[int, int]]
) -> None:
    units = built(shapes)
    muxer = PsMuxer(Codec.H264, Codec.G711A)
    stream = b"".join(muxer.frame(unit) for unit in units)
    rtp = RtpPacketizer(1)
    packets: list[bytes] = []
    at = index = time = 0
    while at < len(stream):
        size, step = cuts[index % len(cuts)]
        packets += rtp.packetize(stream[at : at + size], time)
        at, index, time = at + size, index + 1, time + step
    pipeline = Pipeline()
    out = feed_all(pipeline, packets, finish=False) + pipeline.restart()
    got = units_of(out)
    for video in (True, False):
        assert [u.data for u in got if u.video is video] == [
            u.data for u in units if u.video is video
        ]
