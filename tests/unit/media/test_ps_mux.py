"""Our program stream, judged by FFmpeg's demuxer and decoders through PyAV."""

from __future__ import annotations

import io

import av
import pytest

from media.ps.mux import PsMuxer, pack_header, pes_times
from media.ps.psm import build_psm, crc32_mpeg2, parse_psm
from media.sound.aac import adts_header
from media.unit import AccessUnit, Codec

from .encoded import aac, interleaved, pictures, sound

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex C")


def judge(data: bytes) -> dict[str, tuple[str, list[tuple[int | None, bytes]]]]:
    """Codec name and (pts, data) of every packet of each kind, as FFmpeg reads them."""
    found: dict[str, tuple[str, list[tuple[int | None, bytes]]]] = {}
    with av.open(io.BytesIO(data), format="mpeg") as container:
        for packet in container.demux():
            if packet.size:
                kind = packet.stream.type
                name = packet.stream.codec_context.name
                found.setdefault(kind, (name, []))[1].append((packet.pts, bytes(packet)))
    return found


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_video_and_g711a_come_back_byte_for_byte(codec: Codec) -> None:
    video, audio = pictures(codec), sound(Codec.G711A)
    muxer = PsMuxer(codec, Codec.G711A)
    found = judge(b"".join(muxer.frame(unit) for unit in interleaved(video, audio)))
    name, packets = found["video"]
    assert name == ("h264" if codec is Codec.H264 else "hevc")
    assert [data for _, data in packets] == [unit.data for unit in video]
    assert [pts for pts, _ in packets] == [unit.pts for unit in video]
    name, packets = found["audio"]
    assert name == "pcm_alaw"
    assert b"".join(data for _, data in packets) == b"".join(unit.data for unit in audio)


def test_large_frames_span_several_pes_and_decode() -> None:
    video = pictures(Codec.H264, 6, width=1280, height=720, noise=3)
    assert max(len(unit.data) for unit in video) > 70_000
    muxer = PsMuxer(Codec.H264)
    stream = b"".join(muxer.frame(unit) for unit in video)
    assert [data for _, data in judge(stream)["video"][1]] == [unit.data for unit in video]
    with av.open(io.BytesIO(stream), format="mpeg") as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(1280, 720)] * 6


def test_b_frames_carry_both_times() -> None:
    video = pictures(Codec.H264, b_frames=2)
    assert any(unit.pts != unit.dts for unit in video)
    muxer = PsMuxer(Codec.H264)
    stream = b"".join(muxer.frame(unit) for unit in video)
    with av.open(io.BytesIO(stream), format="mpeg") as container:
        times = [(p.pts, p.dts) for p in container.demux() if p.size]
    assert times == [(unit.pts, unit.dts) for unit in video]


def test_aac_travels_as_adts() -> None:
    config, frames = aac()
    video = pictures(Codec.H264)
    muxer = PsMuxer(Codec.H264, Codec.AAC, audio_config=config.config)
    found = judge(b"".join(muxer.frame(unit) for unit in interleaved(video, frames)))
    name, packets = found["audio"]
    assert name == "aac"
    wanted = b"".join(adts_header(config.config, len(u.data)) + u.data for u in frames)
    assert b"".join(data for _, data in packets) == wanted


def test_sound_alone_carries_the_map() -> None:
    muxer = PsMuxer(None, Codec.G711A)
    unit = AccessUnit(False, Codec.G711A, 0, 0, True, b"\xd5" * 320)
    assert b"\x00\x00\x01\xbc" in muxer.frame(unit)


def test_literal_bytes() -> None:
    # From the bit tables, as in tests/vectors/ps.
    assert pack_header(90_000)[:10].hex() == "000001ba440016fc8401"
    assert pes_times(90_000, 90_000).hex() == "210005bf21"
    assert pes_times(0x123456789, 0x123455979).hex() == "398d15cf13198d15b2f3"
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7
    section = build_psm({0xE0: Codec.H264, 0xC0: Codec.G711A})
    assert section[:-4].hex() == "000001bc0012e0ff000000081be0000090c00000"
    # A checksum that is right makes the checksum of all of it zero.
    assert crc32_mpeg2(section) == 0


def test_aac_without_config_is_refused() -> None:
    with pytest.raises(ValueError, match="AudioSpecificConfig"):
        PsMuxer(Codec.H264, Codec.AAC)


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ("000001bc0012e1ff000000081be0000090c0000000000000", {0xE0: 0x1B, 0xC0: 0x90}),
        # descriptors of the programme and of a stream
        ("000001bc0018e1ff0002aabb000c1be00004010203040fc0000000000000", {0xE0: 0x1B, 0xC0: 0x0F}),
        # map length of zero
        ("000001bc0012e1ff0000000024e0000090c0000000000000", {0xE0: 0x24, 0xC0: 0x90}),
        # programme info length that points outside
        ("000001bc0012e1ffffff00081be0000090c0000000000000", {0xE0: 0x1B, 0xC0: 0x90}),
        ("000001bc0000", {}),
        ("000001bc", {}),
    ],
)
def test_stream_maps(section: str, wanted: dict[int, int]) -> None:
    assert parse_psm(bytes.fromhex(section)) == wanted
