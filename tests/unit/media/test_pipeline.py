"""The receiving side with good senders: units, times, formats, delay."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.ps.mux import PsMuxer
from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer, TcpSplitter, frame_for_tcp
from media.unit import AccessUnit, AudioFormat, Codec, FormatChanged

from .encoded import FRAME, aac, interleaved, pictures, sound
from .sending import (
    es_packets,
    feed_all,
    formats_of,
    ps_packets,
    timestamp_of,
    units_of,
    video_of,
    without_marker,
)


@pytest.mark.parametrize("audio", [Codec.G711A, Codec.G711U])
@pytest.mark.parametrize("video", [Codec.H264, Codec.H265])
def test_units_come_out_as_they_went_in(video: Codec, audio: Codec) -> None:
    units = interleaved(pictures(video), sound(audio))
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(units, PsMuxer(video, audio), base=777_000))
    assert units_of(out) == units
    stats = pipeline.stats
    assert (stats.frames, stats.key_frames, stats.audio_frames) == (30, 3, 30)
    assert (stats.lost, stats.damaged, stats.skipped, stats.bad_ps) == (0, 0, 0, 0)
    assert (stats.container, stats.waiting_key) == ("ps", False)
    first, second = formats_of(out)
    assert isinstance(out[0], FormatChanged)
    assert first.video is not None
    assert (first.video.codec, first.video.width, first.video.height) == (video, 320, 240)
    assert first.video.fps == 25.0
    assert first.audio is None
    assert second.video == first.video
    assert second.audio == AudioFormat(audio, 8000, 1, b"")


def test_aac_comes_out_raw_with_its_config() -> None:
    audio, frames = aac()
    units = interleaved(pictures(Codec.H264), frames)
    muxer = PsMuxer(Codec.H264, Codec.AAC, audio_config=audio.config)
    out = feed_all(Pipeline(), ps_packets(units, muxer))
    assert units_of(out) == units
    assert formats_of(out)[-1].audio == audio


def test_several_aac_frames_in_one_pes_get_their_own_times() -> None:
    from media.ps.mux import pack_header, pes_header, pes_times
    from media.ps.psm import AUDIO_ID, build_psm
    from media.sound.aac import adts_header

    audio, frames = aac()
    packed = [adts_header(audio.config, len(u.data)) + u.data for u in frames[:6]]
    rtp = RtpPacketizer(1)
    packets: list[bytes] = []
    for index in (0, 3):
        body = b"".join(packed[index : index + 3])
        time = frames[index].pts
        pack = pack_header(time) + build_psm({AUDIO_ID: Codec.AAC})
        pack += pes_header(AUDIO_ID, pes_times(time, time), len(body)) + body
        packets += rtp.packetize(pack, time)
    assert units_of(feed_all(Pipeline(), packets)) == list(frames[:6])


def test_b_frames_keep_both_times() -> None:
    units = list(pictures(Codec.H264, b_frames=2))
    out = feed_all(Pipeline(), ps_packets(units, PsMuxer(Codec.H264)))
    assert units_of(out) == units


def test_frames_beyond_64_kib() -> None:
    units = list(pictures(Codec.H264, 6, width=1280, height=720, noise=3))
    out = feed_all(Pipeline(), ps_packets(units, PsMuxer(Codec.H264)))
    assert units_of(out) == units


def test_markers_are_a_hint_only() -> None:
    units = interleaved(pictures(Codec.H264), sound(Codec.G711A))
    packets = ps_packets(units, PsMuxer(Codec.H264, Codec.G711A))
    out = feed_all(Pipeline(), [without_marker(packet) for packet in packets])
    assert units_of(out) == units
    every = [packet[:1] + bytes((packet[1] | 0x80,)) + packet[2:] for packet in packets]
    assert units_of(feed_all(Pipeline(), every)) == units


def test_first_picture_comes_with_the_next_frames_first_packet() -> None:
    units = pictures(Codec.H264)
    packets = ps_packets(units, PsMuxer(Codec.H264))
    pipeline = Pipeline()
    for packet in packets:
        out = pipeline.feed(packet, timestamp_of(packet) / 90_000)
        if out:
            assert timestamp_of(packet) == units[1].dts
            assert video_of(out) == [units[0].data]
            return
    pytest.fail("no picture at all")


def test_well_set_markers_save_the_delay_of_a_frame() -> None:
    units = list(pictures(Codec.H264))
    pipeline = Pipeline()
    late = 0
    rtp = RtpPacketizer(5)
    muxer = PsMuxer(Codec.H264)
    for index, unit in enumerate(units):
        out = []
        for packet in ps_packets([unit], muxer, rtp):
            out += pipeline.feed(packet, index * 0.04)
        if video_of(out)[-1:] != [unit.data]:
            late = index
    assert 0 < late < 12


def test_last_frame_is_given_out_by_flush() -> None:
    units = list(pictures(Codec.H264, 5))
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(units, PsMuxer(Codec.H264)), finish=False)
    assert len(units_of(out)) == 4
    assert pipeline.flush(4 * 0.04 + 0.1) == []
    assert video_of(pipeline.flush(4 * 0.04 + 0.3)) == [units[4].data]
    assert pipeline.flush(10.0) == []


def test_restart_gives_the_rest_and_keeps_the_times_rising() -> None:
    units = interleaved(pictures(Codec.H264), sound(Codec.G711A))
    pipeline = Pipeline()
    muxer = PsMuxer(Codec.H264, Codec.G711A)
    before = feed_all(pipeline, ps_packets(units, muxer, base=5_000_000), finish=False)
    before += pipeline.restart()
    assert [unit.data for unit in units_of(before)] == [unit.data for unit in units]
    late = [AccessUnit(u.video, u.codec, u.pts + 90, u.dts + 90, u.key, u.data) for u in units]
    after = feed_all(pipeline, ps_packets(late, muxer, RtpPacketizer(9), base=44), start=10.0)
    assert [unit.data for unit in units_of(after)] == [unit.data for unit in units]
    assert not formats_of(after)
    for track in (True, False):
        times = [unit.dts for unit in units_of(before + after) if unit.video is track]
        assert all(b > a for a, b in pairwise(times))
    gap = units_of(after)[0].dts - units_of(before)[-1].dts
    assert gap == pytest.approx((10.0 - 29 * 0.04) * 90_000, abs=FRAME)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_bare_elementary_stream(codec: Codec) -> None:
    units = list(pictures(codec, noise=3))
    pipeline = Pipeline()
    out = feed_all(pipeline, es_packets(units, RtpPacketizer(1, payload_type=98)))
    got = units_of(out)
    assert [unit.key for unit in got] == [unit.key for unit in units]
    assert [unit.dts for unit in got] == [unit.dts for unit in units]
    from media.video.nal import split

    assert [split(unit.data) for unit in got] == [split(unit.data) for unit in units]
    assert pipeline.stats.container == ("h264" if codec is Codec.H264 else "h265")


def test_byte_stream_cut_into_packets() -> None:
    units = list(pictures(Codec.H265))
    rtp = RtpPacketizer(1)
    packets = [packet for unit in units for packet in rtp.packetize(unit.data, unit.dts)]
    pipeline = Pipeline()
    assert video_of(feed_all(pipeline, packets)) == [unit.data for unit in units]
    assert pipeline.stats.container == "annexb"


def test_over_tcp_in_odd_chunks() -> None:
    units = interleaved(pictures(Codec.H264), sound(Codec.G711A))
    packets = ps_packets(units, PsMuxer(Codec.H264, Codec.G711A))
    stream = b"".join(frame_for_tcp(packet) for packet in packets)
    splitter, pipeline = TcpSplitter(), Pipeline(ordered=True)
    out = []
    for start in range(0, len(stream), 997):
        out += feed_all(pipeline, splitter.feed(stream[start : start + 997]), finish=False)
    out += pipeline.flush(99.0)
    assert units_of(out) == units


def test_headers_with_extension_csrc_and_padding() -> None:
    units = list(pictures(Codec.H264))
    packets: list[bytes] = []
    for packet in ps_packets(units, PsMuxer(Codec.H264)):
        head = bytes((0xB1,)) + packet[1:12] + b"CSRC" + bytes.fromhex("bede000112345678")
        packets.append(head + packet[12:] + b"\x00\x00\x03")
    assert units_of(feed_all(Pipeline(), packets)) == units


def test_rtcp_and_rubbish_are_counted_and_left_out() -> None:
    units = list(pictures(Codec.H264))
    packets: list[bytes] = []
    for packet in ps_packets(units, PsMuxer(Codec.H264)):
        packets += [packet, bytes.fromhex("80c8000600000001") + bytes(20), b"\x00" * 40, b"x"]
    pipeline = Pipeline()
    assert units_of(feed_all(pipeline, packets)) == units
    assert pipeline.stats.rtcp == len(packets) // 4
    assert pipeline.stats.bad_rtp == len(packets) // 2
