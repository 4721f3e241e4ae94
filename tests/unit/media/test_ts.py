"""Transport streams in RTP, muxed by FFmpeg: what it puts in comes out."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer
from media.ts.demux import PACKET, TsDemuxer, starts_ts
from media.ts.tables import program_map_pid, streams_of
from media.unit import AccessUnit, Codec
from tests.unit.media.samples import aac, pictures

from .sending import feed_all, formats_of, units_of, video_of

NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}
VIDEO_PID, AUDIO_PID = 0x100, 0x101


def transport(units: Iterable[AccessUnit], *, sound: bool = False) -> bytes:
    """The units as FFmpeg muxes them."""
    units = list(units)
    audio, frames = aac(1.0)
    sink = io.BytesIO()
    with av.open(sink, "w", format="mpegts") as container:
        video = container.add_stream(NAMES[units[0].codec], rate=25)
        video.width, video.height = 320, 240
        tracks = {True: video}
        if sound:
            tracks[False] = container.add_stream("aac", rate=audio.sample_rate, layout="mono")
            tracks[False].codec_context.extradata = audio.config
        for unit in sorted([*units, *(frames if sound else ())], key=lambda u: u.dts):
            packet = av.Packet(unit.data)
            packet.time_base = Fraction(1, 90_000)
            packet.pts, packet.dts, packet.is_keyframe = unit.pts, unit.dts, unit.key
            packet.stream = tracks[unit.video]
            container.mux(packet)
    return sink.getvalue()


def packets(data: bytes, *, each: int = 7) -> list[bytes]:
    """As `-f rtp_mpegts` sends it: a time of its own for every packet."""
    rtp, size = RtpPacketizer(9, payload_type=33), each * PACKET
    return [
        rtp.packetize(data[at : at + size], at // size * 90)[0] for at in range(0, len(data), size)
    ]


@pytest.mark.parametrize("each", [1, 7])
@pytest.mark.parametrize(("codec", "b_frames"), [(Codec.H264, 0), (Codec.H264, 2), (Codec.H265, 0)])
def test_pictures_come_out_as_they_went_in(codec: Codec, b_frames: int, each: int) -> None:
    _, units = pictures(codec, b_frames=b_frames)
    pipeline = Pipeline()
    out = feed_all(pipeline, packets(transport(units), each=each))
    found = units_of(out)
    assert pipeline.stats.container == "ts"
    assert pipeline.stats.bad_ps == 0
    # The last one has no end: nothing follows it.
    assert len(found) == len(units) - 1
    assert [u.pts - u.dts for u in found] == [u.pts - u.dts for u in units[:-1]]
    steps = [b.dts - a.dts for a, b in pairwise(found)]
    assert set(steps) == {3600}
    # FFmpeg puts a delimiter in front of each picture, which stays with it.
    for mine, theirs in zip(found, units, strict=False):
        assert mine.key == theirs.key
        assert mine.data.endswith(theirs.data)
    (formats,) = formats_of(out)
    assert formats.video is not None
    assert (formats.video.codec, formats.video.width) == (codec, 320)


def test_sound_comes_beside_it() -> None:
    audio, frames = aac(1.0)
    _, units = pictures()
    out = feed_all(Pipeline(), packets(transport(units, sound=True)))
    heard = [u.data for u in units_of(out) if not u.video]
    assert heard
    assert [u.data for u in frames[: len(heard)]] == heard
    told = formats_of(out)[-1].audio
    assert told is not None
    assert (told.codec, told.sample_rate, told.channels) == (Codec.AAC, audio.sample_rate, 1)


def test_a_lost_packet_costs_its_picture_and_no_other() -> None:
    _, units = pictures()
    sent = packets(transport(units))
    whole = video_of(feed_all(Pipeline(), sent))
    for gone in (len(sent) // 2, len(sent) // 2 + 3):
        pipeline = Pipeline()
        found = video_of(feed_all(pipeline, sent[:gone] + sent[gone + 1 :]))
        assert pipeline.stats.lost == 1
        assert set(found) <= set(whole)
        lost = len(whole) - len(found)
        assert 0 < lost <= 20, "the pictures in it, or what rests on the key frame in it"


def test_continuity_alone_tells_a_loss() -> None:
    """Over TCP no sequence number is missing when the sender itself dropped."""
    _, units = pictures()
    data = transport(units)
    at = next(
        at
        for at in range(len(data) // 2 // PACKET * PACKET, len(data), PACKET)
        if data[at + 1] & 0x5F == VIDEO_PID >> 8 and data[at + 2] == VIDEO_PID & 0xFF
    )
    pipeline = Pipeline(ordered=True)
    found = video_of(feed_all(pipeline, packets(data[:at] + data[at + PACKET :], each=1)))
    assert pipeline.stats.damaged == 1
    assert len(found) < len(units) - 1


def test_a_codec_that_is_not_carried_is_named() -> None:
    """The map says SVAC, and MPEG-2, in place of H.264."""
    _, units = pictures()
    data = transport(units)
    for kind, name in ((0x80, "svac"), (0x02, "mpeg2")):
        pipeline = Pipeline()
        feed_all(pipeline, packets(with_kind(data, kind)))
        assert pipeline.stats.unsupported_codec == name
        assert pipeline.stats.frames == 0


def with_kind(data: bytes, kind: int) -> bytes:
    """Another stream type for the pictures; nobody here checks the CRC."""
    return data.replace(b"\x1b\xe1\x00\xf0", bytes((kind,)) + b"\xe1\x00\xf0")


def test_a_sender_that_turns_to_another_container_is_followed() -> None:
    from media.ps.mux import PsMuxer

    _, units = pictures()
    rtp = RtpPacketizer(9, sequence=len(packets(transport(units))))
    muxer = PsMuxer(Codec.H264)
    later = [p for unit in units for p in rtp.packetize(muxer.frame(unit), unit.dts)]
    pipeline = Pipeline()
    out = feed_all(pipeline, [*packets(transport(units)), *later])
    assert pipeline.stats.container == "ps"
    assert len(video_of(out)) > len(units)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x47", b"\x47" * 187, bytes(376), b"\x67" + bytes(187), b"\x47" + bytes(375)],
)
def test_what_is_no_transport_stream(payload: bytes) -> None:
    assert not starts_ts(payload)


def test_tables_that_lie_are_no_tables() -> None:
    assert program_map_pid(b"\x00" * 12) is None
    assert program_map_pid(b"\x02" + bytes(20)) is None
    assert streams_of(b"\x02" + bytes(15)) == {}
    good = bytes.fromhex("02b012 0001 c10000 e100 f000 1be100f000 00000000".replace(" ", ""))
    assert streams_of(good) == {0x100: 0x1B}
    assert streams_of(good[:-6] + b"\xff\xff" + good[-4:]) == {}


def test_a_unit_without_end_is_bounded() -> None:
    _, units = pictures()
    demuxer = TsDemuxer(2000)
    data = transport(units)
    demuxer.feed(data[: 4 * PACKET])
    head = bytes((0x47, 0x41, 0x00, 0x10)) + b"\x00\x00\x01\xe0\x00\x00\x80\x00\x00"
    demuxer.feed(head + bytes(PACKET - len(head)))
    for count in range(1, 5000):
        demuxer.feed(bytes((0x47, 0x01, 0x00, 0x10 | count & 15)) + bytes(184))
        assert sum(one.size for one in demuxer._open.values()) <= 2000 + PACKET
