"""Fragmented MP4: every byte accounted for, and judged by FFmpeg as a whole."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction

import av
import pytest

from media.node import InitSegment
from media.output import fmp4
from media.output.fmp4_output import Fmp4Output, SoundClock
from media.output.gop import GopCache
from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat

from .boxes import Box, boxes, fragments
from .samples import aac, g711, judge, nal_units, pictures


def output(video: VideoFormat | None, audio: AudioFormat | None = None) -> Fmp4Output:
    made = Fmp4Output(GopCache(1 << 24, 60))
    made.set_format(video, audio, audio)
    return made


def whole(
    video: VideoFormat | None, units: tuple[AccessUnit, ...], audio: AudioFormat | None = None
) -> bytes:
    out = output(video, audio)
    return out.head(audio) + b"".join(map(out.mux, units))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_pictures_are_read_by_ffmpeg(codec: Codec, b_frames: int) -> None:
    video, units = pictures(codec, count=20, b_frames=b_frames)
    judged = judge(whole(video, units), "mp4")
    assert judged.codecs == {"video": "h264" if codec is Codec.H264 else "hevc"}
    assert (judged.width, judged.height) == (320, 240)
    assert judged.decoded == len(units)
    assert [(p, d) for p, d, _ in judged.packets["video"]] == [
        (u.pts // 90, u.dts // 90) for u in units
    ]
    assert [key for _, _, key in judged.packets["video"]] == [u.key for u in units]


def test_sound_beside_the_picture_and_alone() -> None:
    video, shown = pictures()
    audio, sound = aac()
    units = tuple(sorted((*shown, *sound), key=lambda u: u.dts))
    judged = judge(whole(video, units, audio), "mp4")
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert [d for _, d, _ in judged.packets["audio"]] == [u.dts // 90 for u in sound]
    alone = judge(whole(None, sound, audio), "mp4")
    assert alone.codecs == {"audio": "aac"}
    assert len(alone.packets["audio"]) == len(sound)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_ffprobe_reads_it_from_a_pipe_without_a_word(codec: Codec) -> None:
    video, units = pictures(codec, count=20)
    entries = "stream=codec_name,codec_tag_string,width,height,r_frame_rate,nb_read_packets"
    shown = ["-show_entries", entries]
    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-count_packets", "-of", "csv=p=0", *shown, "-"],
        input=whole(video, units),
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    name = "h264,avc1" if codec is Codec.H264 else "hevc,hvc1"
    assert done.stdout.decode().strip() == f"{name},320,240,25/1,20"


def test_the_box_tree_of_an_initialisation_segment() -> None:
    video, _ = pictures()
    audio, _ = aac()
    ftyp, moov = boxes(fmp4.init_segment(video, audio))
    assert (ftyp.kind, moov.kind) == ("ftyp", "moov")
    assert [b.kind for b in moov.inside()] == ["mvhd", "trak", "trak", "mvex"]
    entries = [b.find("mdia", "minf", "stbl", "stsd") for b in moov.inside()[1:3]]
    assert [boxes(e.body[8:])[0].kind for e in entries] == ["avc1", "mp4a"]
    assert audio.config in entries[1].body
    for parameter_set in video.parameter_sets:
        assert parameter_set in entries[0].body


def test_nothing_can_be_begun_without_parameter_sets() -> None:
    video, _ = pictures()
    assert fmp4.init_segment(replace(video, parameter_sets=()), None) == b""
    assert fmp4.init_segment(None, None) == b""
    assert output(replace(video, parameter_sets=())).head(None) == b""


def test_g711_is_no_track() -> None:
    assert not fmp4.carries_audio(g711()[0])
    out = output(None, g711()[0])
    assert out.track("raw") is None
    assert out.track("aac") is None


@pytest.mark.parametrize(
    ("profile", "expected"), [("baseline", "avc1.42c0"), ("main", "avc1.4d"), ("high", "avc1.64")]
)
def test_codec_string_of_h264(profile: str, expected: str) -> None:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"profile": profile, "x264-params": "repeat-headers=1"}
    packets = context.encode(av.VideoFrame(320, 240, "yuv420p")) + context.encode(None)
    sets = tuple(n for n in nal_units(bytes(packets[0])) if n[0] & 31 in (7, 8))
    name = fmp4.codecs(VideoFormat(Codec.H264, 320, 240, None, sets), None)
    assert name.startswith(expected)
    assert name == "avc1." + sets[0][1:4].hex()


def test_codec_string_of_h265_and_sound() -> None:
    video, _ = pictures(Codec.H265, count=20)
    audio, _ = aac()
    assert fmp4.codecs(video, audio) == "hvc1.1.6.L60.90,mp4a.40.2"
    assert fmp4.mime(video, None) == 'video/mp4; codecs="hvc1.1.6.L60.90"'
    assert fmp4.mime(None, audio) == 'audio/mp4; codecs="mp4a.40.2"'


def test_the_head_says_its_media_type() -> None:
    video, _ = pictures()
    head = output(video).head(None)
    assert isinstance(head, InitSegment)
    assert head.mime == fmp4.mime(video, None)


def test_durations_are_those_of_the_pictures_before() -> None:
    video, units = pictures(count=20)
    stretched = tuple(replace(u, dts=u.dts * 2, pts=u.pts * 2) for u in units)
    out = output(video)
    found = [fragments(out.mux(unit))[0] for unit in stretched]
    assert [f.begins for f in found] == [u.dts for u in stretched]
    assert {f.samples[0].duration for f in found[1:]} == {7200}


def test_parameter_sets_and_delimiters_stay_out_of_the_pictures() -> None:
    video, units = pictures()
    key = replace(units[0], data=b"\x00\x00\x00\x01\x09\x10" + units[0].data)
    (found,) = fragments(output(video).mux(key))
    wanted = [n for n in nal_units(units[0].data) if n[0] & 31 not in (7, 8, 9)]
    assert found.samples[0].data == b"".join(len(n).to_bytes(4, "big") + n for n in wanted)
    only_sets = replace(units[0], data=b"".join(b"\0\0\0\1" + s for s in video.parameter_sets))
    assert output(video).mux(only_sets) == b""


def test_sound_that_trembles_is_laid_end_to_end_and_real_gaps_stay() -> None:
    clock = SoundClock()
    at = [clock.place(n * 5760 + shift, 16_000) for n, shift in enumerate([0, 900, -900, 1000])]
    assert at == [0, 1024, 2048, 3072]
    assert clock.place(4 * 5760 + 45_000, 16_000) == 4 * 1024 + 8000


def test_a_box_says_its_size() -> None:
    video, units = pictures()
    data = whole(video, units[:3])
    kinds = [box.kind for box in boxes(data)]
    assert kinds == ["ftyp", "moov", *["moof", "mdat"] * 3]
    assert sum(len(box.body) + 8 for box in boxes(data)) == len(data)
    assert isinstance(boxes(data)[0], Box)
