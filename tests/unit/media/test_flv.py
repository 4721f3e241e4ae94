"""FLV tags, byte by byte where a rule is at stake, and judged by FFmpeg as a whole."""

from __future__ import annotations

import io
import struct
import subprocess
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from media.output import flv
from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat
from media.video.decoder_config import decoder_config

from .samples import aac, g711, judge_flv, nal_units, pictures


def tags_of(data: bytes) -> list[tuple[int, int, bytes]]:
    """(kind, milliseconds, body) of every tag; checks sizes on the way."""
    found = []
    position = 0
    while position < len(data):
        kind = data[position]
        size = int.from_bytes(data[position + 1 : position + 4], "big")
        ms = int.from_bytes(data[position + 4 : position + 7], "big") | data[position + 7] << 24
        end = position + 11 + size
        assert data[position + 8 : position + 11] == b"\0\0\0"
        assert struct.unpack_from(">I", data, end)[0] == 11 + size
        found.append((kind, ms, data[position + 11 : end]))
        position = end + 4
    return found


def whole_file(
    video: VideoFormat, units: tuple[AccessUnit, ...], audio: AudioFormat | None = None
) -> bytes:
    parts = [
        flv.file_header(video=True, audio=audio is not None),
        flv.metadata_tag(video, audio),
        flv.video_sequence_header(video, 0),
    ]
    if audio is not None:
        parts.append(flv.audio_sequence_header(audio, 0))
    parts += [flv.video_tag(u) if u.video else flv.audio_tag(u) for u in units]
    return b"".join(parts)


@pytest.mark.parametrize(
    ("video", "audio", "flags"), [(True, False, 1), (True, True, 5), (False, True, 4)]
)
def test_file_header_flags_name_what_is_sent(video: bool, audio: bool, flags: int) -> None:
    header = flv.file_header(video=video, audio=audio)
    assert header == b"FLV\x01" + bytes((flags,)) + b"\0\0\0\x09" + b"\0\0\0\0"


def test_h264_without_sound_is_read_by_ffmpeg() -> None:
    video, units = pictures()
    judged = judge_flv(whole_file(video, units))
    assert judged.codecs == {"video": "h264"}
    assert (judged.width, judged.height) == (320, 240)
    assert judged.decoded == len(units)
    assert [key for _, _, key in judged.packets["video"]] == [u.key for u in units]
    assert [dts for _, dts, _ in judged.packets["video"]] == [u.dts // 90 for u in units]


def test_b_frames_are_composition_times() -> None:
    video, units = pictures(b_frames=2)
    assert any(u.pts != u.dts for u in units)
    judged = judge_flv(whole_file(video, units))
    assert [(p, d) for p, d, _ in judged.packets["video"]] == [
        (u.pts // 90, u.dts // 90) for u in units
    ]
    assert judged.decoded == len(units)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_h265_is_enhanced_flv_under_its_fourcc(b_frames: int) -> None:
    video, units = pictures(Codec.H265, count=20, b_frames=b_frames)
    data = whole_file(video, units)
    judged = judge_flv(data)
    assert judged.codecs == {"video": "hevc"}
    assert judged.decoded == len(units)
    assert [(p, d) for p, d, _ in judged.packets["video"]] == [
        (u.pts // 90, u.dts // 90) for u in units
    ]
    bodies = [body for kind, _, body in tags_of(data[13:]) if kind == flv.TAG_VIDEO]
    assert bodies[0][:5] == b"\x90hvc1"
    assert {body[:5] for body in bodies[1:]} == {b"\x91hvc1", b"\xa1hvc1"}


def test_aac_beside_the_picture() -> None:
    video, pictures_ = pictures()
    audio, sound = aac()
    units = tuple(sorted((*pictures_, *sound), key=lambda u: u.dts))
    judged = judge_flv(whole_file(video, units, audio))
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert len(judged.packets["audio"]) == len(sound)


def test_ffprobe_agrees() -> None:
    video, units = pictures()
    entries = "stream=codec_name,width,height,nb_read_packets,r_frame_rate"
    done = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-count_packets",
            "-of",
            "csv=p=0",
            "-show_entries",
            entries,
            "-",
        ],
        input=whole_file(video, units),
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    assert done.stdout.decode().strip() == f"h264,320,240,25/1,{len(units)}"


def test_only_aac_is_carried() -> None:
    assert flv.carries_audio(aac()[0])
    assert flv.carries_audio(g711()[0]), "for who asks for it by name"
    assert not flv.carries_audio(AudioFormat(Codec.AAC, 8000, 1, b""))


def test_metadata_names_only_what_is_sent_and_no_duration() -> None:
    video, _ = pictures()
    audio, _ = aac()
    silent = flv.metadata_tag(video, None)
    assert b"audio" not in silent
    assert b"stereo" not in silent
    assert b"duration" not in silent
    assert struct.pack(">d", 320.0) in silent
    assert b"audiocodecid" in flv.metadata_tag(video, audio)
    assert b"video" not in flv.metadata_tag(None, audio)
    unknown = VideoFormat(Codec.H264, 0, 0, None, video.parameter_sets)
    bare = flv.metadata_tag(unknown, None)
    assert b"width" not in bare
    assert b"framerate" not in bare


def test_parameter_sets_and_delimiters_travel_in_the_sequence_header_only() -> None:
    _, units = pictures()
    body = tags_of(flv.video_tag(units[0]))[0][2]
    assert body[:2] == b"\x17\x01"
    kinds = []
    position = 5
    while position < len(body):
        size = int.from_bytes(body[position : position + 4], "big")
        kinds.append(body[position + 4] & 0x1F)
        position += 4 + size
    assert position == len(body)
    assert 5 in kinds
    assert not {7, 8, 9} & set(kinds)


def test_several_slices_and_both_start_codes() -> None:
    data = b"\0\0\0\1\x41\xaa\xbb\0\0\1\x41\xcc\0\0\0\1\x41\xdd\xee\xff"
    body = tags_of(flv.video_tag(AccessUnit(True, Codec.H264, 0, 0, False, data)))[0][2]
    assert body == (
        b"\x27\x01\0\0\0"
        + b"\0\0\0\3\x41\xaa\xbb"
        + b"\0\0\0\2\x41\xcc"
        + b"\0\0\0\4\x41\xdd\xee\xff"
    )


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\1", b"no start code", b"\0\0\1\x67\x42\0\x1e\0\0\1\x68\xce"]
)
def test_nothing_to_show_gives_no_tag(data: bytes) -> None:
    assert flv.video_tag(AccessUnit(True, Codec.H264, 0, 0, True, data)) == b""


@pytest.mark.parametrize("dts", [0, 90 * 0xFFFFFF, 90 * 0x1000000, 90 * 0xFFFFFFFF])
def test_extended_timestamp(dts: int) -> None:
    unit = AccessUnit(True, Codec.H264, dts + 3600, dts, True, b"\0\0\1\x65\x88")
    ((_, ms, body),) = tags_of(flv.video_tag(unit))
    assert ms == dts // 90
    assert body[2:5] == (40).to_bytes(3, "big")


def test_rounding_never_makes_the_presentation_jump() -> None:
    """Milliseconds of pts and dts are rounded alone, so equal pts stay equal."""
    for dts in range(0, 1000, 7):
        unit = AccessUnit(True, Codec.H264, dts + 3003, dts, True, b"\0\0\1\x65\x88")
        ((_, ms, body),) = tags_of(flv.video_tag(unit))
        assert ms + int.from_bytes(body[2:5], "big") == (dts + 3003) // 90


def test_missing_parameter_sets_give_no_sequence_header() -> None:
    video, _ = pictures()
    sps_only = VideoFormat(Codec.H264, 0, 0, None, video.parameter_sets[:1])
    assert flv.video_sequence_header(sps_only, 0) == b""
    assert decoder_config(VideoFormat(Codec.H265, 0, 0, None, ())) == b""
    assert decoder_config(VideoFormat(Codec.SVAC, 0, 0, None, video.parameter_sets)) == b""
    cut = (b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1")
    assert decoder_config(VideoFormat(Codec.H265, 0, 0, None, cut)) == b""


def ffmpeg_flv(codec: Codec, units: tuple[AccessUnit, ...]) -> bytes:
    """The same pictures through FFmpeg's own FLV muxer."""
    out = io.BytesIO()
    annex_b = io.BytesIO(b"".join(u.data for u in units))
    name = {Codec.H264: "h264", Codec.H265: "hevc"}[codec]
    with av.open(annex_b, format=name) as source, av.open(out, "w", format="flv") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for unit, packet in zip(units, source.demux(), strict=False):
            packet.stream = stream
            packet.time_base = Fraction(1, 90_000)
            packet.pts, packet.dts = unit.pts, unit.dts
            target.mux(packet)
    return out.getvalue()


@pytest.mark.parametrize("b_frames", [0, 2])
def test_avcc_equals_the_one_ffmpeg_writes(b_frames: int) -> None:
    video, units = pictures(count=20, b_frames=b_frames)
    assert (video.parameter_sets[0][1] >= 100) == bool(b_frames), "one of them has extensions"
    bodies = [b for kind, _, b in tags_of(ffmpeg_flv(Codec.H264, units)[13:]) if kind == 9]
    assert bodies[0][:5] == b"\x17\0\0\0\0"
    assert decoder_config(video) == bodies[0][5:]


def test_hvcc_equals_the_one_ffmpeg_writes() -> None:
    video, units = pictures(Codec.H265, count=20)
    bodies = [b for kind, _, b in tags_of(ffmpeg_flv(Codec.H265, units)[13:]) if kind == 9]
    theirs = next(b[5:] for b in bodies if b[:5] == b"\x90hvc1")
    ours = decoder_config(video)
    assert ours[:13] == theirs[:13]  # profile, tier, level
    assert ours[16:19] == theirs[16:19]  # chroma format and depths
    assert ours[21] == theirs[21]  # layers, nesting, length size
    assert all(n in theirs for n in video.parameter_sets)


def test_samples_are_monotonic() -> None:
    _, units = pictures(b_frames=2)
    assert all(a.dts < b.dts for a, b in pairwise(units))
    assert all(u.pts >= u.dts for u in units)
    assert nal_units(units[0].data)
