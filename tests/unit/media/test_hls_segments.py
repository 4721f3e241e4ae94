"""Segments and parts: where they are cut, what is kept, and what FFmpeg makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest

from media.hls import playlist as hls_playlist
from media.hls.segments import LISTED, MOST_BYTES, PART, SPARE, Segment, Segmenter
from media.unit import AccessUnit, Codec, VideoFormat

from .boxes import boxes, fragments
from .samples import aac, judge, pictures

STEP = 3600


def group(count: int, begins: int, step: int = STEP, size: int = 40) -> list[AccessUnit]:
    """A key frame and what rests on it; not to be decoded."""
    return [
        AccessUnit(
            True,
            Codec.H264,
            begins + index * step,
            begins + index * step,
            index == 0,
            b"\x00\x00\x00\x01" + (b"\x65" if index == 0 else b"\x41") + b"\x9a" * size,
        )
        for index in range(count)
    ]


def groups(lengths: Iterable[int], step: int = STEP, size: int = 40) -> list[AccessUnit]:
    out: list[AccessUnit] = []
    for length in lengths:
        out += group(length, len(out) * step, step, size)
    return out


def made(units: Iterable[AccessUnit], video: VideoFormat | None = None) -> Segmenter:
    stream = Segmenter()
    stream.set_format(video or pictures()[0], None)
    for unit in units:
        stream.push(unit)
    return stream


def text_of(stream: Segmenter) -> str:
    return hls_playlist.playlist(stream, "", "", str)


def whole(stream: Segmenter) -> list[Segment]:
    return [segment for segment in stream.segments if segment.complete]


def test_segments_begin_at_key_frames_and_last_to_the_next() -> None:
    stream = made(groups([50] * 4))
    assert [s.duration for s in whole(stream)] == [180_000] * 3
    assert [s.begins for s in stream.segments] == [0, 180_000, 360_000, 540_000]
    assert stream.target_s == 2
    for segment in whole(stream):
        assert [p.independent for p in segment.parts] == [True, *[False] * 4]
        assert {p.duration for p in segment.parts} == {PART}


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_ffmpeg_reads_a_segment_behind_its_initialisation(codec: Codec) -> None:
    video, units = pictures(codec, count=60, gop=30)
    stream = made(units, video)
    (segment,) = whole(stream)
    judged = judge(stream.inits[segment.init] + segment.data, "mp4")
    assert judged.decoded == 30
    assert [d for _, d, _ in judged.packets["video"]] == [n * 40 for n in range(30)]


def test_parts_make_up_their_segment_and_every_byte_is_accounted_for() -> None:
    stream = made(groups([50, 50]))
    segment = stream.segments[0]
    assert b"".join(part.data for part in segment.parts) == segment.data
    assert segment.size == len(segment.data)
    for part in segment.parts:
        (run,) = fragments(part.data)
        assert sum(sample.duration for sample in run.samples) == part.duration
    assert [b.kind for b in boxes(segment.data)] == ["moof", "mdat"] * 5


def test_short_groups_share_a_segment() -> None:
    stream = made(groups([10] * 20))
    assert {s.duration for s in whole(stream)} == {30 * STEP}


def test_the_target_never_changes_and_no_segment_is_longer() -> None:
    stream = made(groups([50, 500, 50, 20, 75, 50]))
    assert stream.target_s == 2
    for segment in whole(stream):
        assert round(segment.duration / 90_000) <= 2


def test_a_first_group_that_does_not_end_is_cut() -> None:
    stream = made(groups([1000]))
    assert stream.target_s == 6
    assert all(round(s.duration / 90_000) <= 6 for s in whole(stream))


@pytest.mark.parametrize("fps", [1, 2, 5, 8, 12, 15, 20, 25, 30, 50, 60])
def test_parts_of_any_frame_rate_keep_to_their_target(fps: int) -> None:
    stream = made(groups([2 * fps] * 5, step=90_000 // fps))
    target = float(re.findall(r"PART-TARGET=([\d.]+)", text_of(stream))[0])
    for segment in whole(stream):
        assert all(part.duration / 90_000 <= target for part in segment.parts)
        assert all(part.duration / 90_000 >= 0.7 * target for part in segment.parts[:-1])


def test_only_so_much_is_kept() -> None:
    stream = made(groups([50] * 40))
    assert len(stream.segments) <= LISTED + SPARE + 1
    assert [s.number for s in stream.listed()] == list(range(33, 40))
    assert stream.find(0) is None


def test_bytes_are_bounded_before_segments() -> None:
    big = MOST_BYTES // 3 // 50
    stream = made(groups([50] * 12, size=big))
    kept = sum(segment.size for segment in stream.segments)
    assert kept <= MOST_BYTES + big * 50 + 50_000
    assert len(whole(stream)) >= 1
    assert text_of(stream)


def test_sound_goes_into_the_part_that_is_open_and_cannot_pile_up() -> None:
    video, _ = pictures()
    audio, sound = aac(rate=16_000)
    stream = Segmenter()
    stream.set_format(video, audio)
    units = [*groups([50, 50]), *sound]
    for unit in sorted(units, key=lambda u: (u.dts, not u.video)):
        stream.push(unit)
    first = stream.segments[0]
    frames = sum(len(r.samples) for p in first.parts for r in fragments(p.data) if r.track == 2)
    assert frames == 32
    still = group(1, 900_000)[0]
    stream.push(still)
    for number in range(5000):
        at = 900_000 + number * 5760
        stream.push(AccessUnit(False, Codec.AAC, at, at, True, b"x" * 100))
    stream.push(replace(still, dts=50_000_000, pts=50_000_000))
    assert len(stream.segments[-2].data) < 100_000


def test_a_hole_in_the_sound_is_a_run_of_its_own() -> None:
    video, _ = pictures()
    audio, sound = aac(rate=16_000)
    stream = Segmenter()
    stream.set_format(video, audio)
    for unit in sorted([*groups([25, 25]), *sound[:2], *sound[4:6]], key=lambda u: u.dts):
        stream.push(unit)
    runs = [run for run in fragments(stream.segments[0].parts[0].data) if run.track == 2]
    assert [run.begins for run in runs] == [0, 4096]


def test_sound_alone() -> None:
    audio, sound = aac(seconds=10, rate=16_000)
    stream = Segmenter()
    stream.set_format(None, audio)
    for unit in sound:
        stream.push(unit)
    segment = whole(stream)[0]
    judged = judge(stream.inits[0] + segment.data, "mp4")
    assert judged.codecs == {"audio": "aac"}
    assert abs(segment.duration - 180_000) < 6000


def test_a_new_format_is_a_break_with_its_own_initialisation() -> None:
    small, _ = pictures(width=160, height=120, count=20)
    stream = made(groups([50, 50, 20]))
    stream.set_format(small, None)
    assert stream.push(replace(group(1, 500_000)[0], key=False)) is False, "a key frame is needed"
    for unit in group(60, 600_000):
        stream.push(unit)
    text = text_of(stream)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert re.findall(r'MAP:URI="(.*)"', text) == ["init0.mp4", "init1.mp4"]
    assert stream.inits[0] != stream.inits[1]
    for unit in groups([50] * 30)[:]:
        stream.push(replace(unit, dts=unit.dts + 900_000, pts=unit.pts + 900_000))
    text = text_of(stream)
    assert "#EXT-X-DISCONTINUITY\n" not in text
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in text
    assert list(stream.inits) == [1]


def test_another_sender_is_a_break_and_the_format_stays() -> None:
    stream = made(groups([50, 50, 20]))
    stream.interrupt()
    stream.interrupt()
    for unit in group(50, 9_000_000):
        stream.push(unit)
    text = text_of(stream)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert text.count("#EXT-X-MAP") == 1
    assert max(s.duration for s in stream.segments) <= 180_000, "the pause is in no segment"


def test_the_hint_is_always_right() -> None:
    """Whatever the playlist hints at becomes the next part, or the stream was interrupted."""
    stream = Segmenter()
    stream.set_format(pictures()[0], None)
    hinted = stream.next_part
    for unit in groups([50, 37, 50, 10, 3, 50, 41, 50], step=3333):
        before = {(s.number, i) for s in stream.segments for i in range(len(s.parts))}
        if not stream.push(unit):
            assert stream.next_part == hinted
            continue
        after = {(s.number, i) for s in stream.segments for i in range(len(s.parts))}
        assert after - before == {hinted}
        hinted = stream.next_part


def test_a_playlist_by_the_letter() -> None:
    stream = made(groups([50] * 9 + [30]))
    lines = hls_playlist.playlist(stream, "main/", "?ticket=t", lambda dts: f"<{dts}>").splitlines()
    assert lines[:7] == [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.350,HOLD-BACK=6",
        "#EXT-X-PART-INF:PART-TARGET=0.450",
        "#EXT-X-MEDIA-SEQUENCE:3",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
    ]
    assert lines[7:11] == [
        '#EXT-X-MAP:URI="main/init0.mp4?ticket=t"',
        "#EXT-X-PROGRAM-DATE-TIME:<540000>",
        "#EXTINF:2.00000,",
        "main/segment3.m4s?ticket=t",
    ]
    assert [line for line in lines if line.startswith("#EXTINF")] == ["#EXTINF:2.00000,"] * 6
    parts = [line for line in lines if line.startswith("#EXT-X-PART:")]
    assert parts[0] == (
        '#EXT-X-PART:DURATION=0.40000,URI="main/part7.0.m4s?ticket=t",INDEPENDENT=YES'
    )
    assert parts[-1] == '#EXT-X-PART:DURATION=0.40000,URI="main/part9.1.m4s?ticket=t"'
    assert lines[-1] == '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="main/part9.2.m4s?ticket=t"'


def test_what_a_reload_waits_for() -> None:
    stream = made(groups([50] * 3 + [30]))  # 0 to 2 are whole, of 3 there are two parts
    has, is_far = hls_playlist.has, hls_playlist.is_far
    assert has(stream, 2, None)
    assert has(stream, 2, 99), "a part behind the last one is the segment after it"
    assert not has(stream, 3, None)
    level = made([*groups([50] * 3), *group(1, 150 * STEP)])  # 2 is whole, of 3 there is nothing
    assert has(level, 2, 4)
    assert not has(level, 2, 5)
    assert has(stream, 3, 1)
    assert not has(stream, 3, 2)
    assert not has(stream, 4, 0)
    assert not is_far(stream, 5)
    assert is_far(stream, 6)
    assert is_far(stream, 10**11)
    assert not has(made(groups([30])), 0, 0), "not before there is a whole segment"


def test_nothing_before_a_format_and_a_key_frame() -> None:
    stream = Segmenter()
    assert stream.push(group(1, 0)[0]) is False
    stream.set_format(replace(pictures()[0], parameter_sets=()), None)
    stream.push(group(1, 0)[0])
    stream.interrupt()
    assert not stream.segments
