"""Segment files: where they begin and end, what a reader finds in them, crash and index."""

from __future__ import annotations

import io
from dataclasses import replace

import av
import pytest

from media.record.cutter import Closed, Cutter, Opened, Out, Written
from media.unit import CLOCK_HZ, AccessUnit, Codec

from .boxes import boxes, fragments
from .media_files import File, files_of, judged
from .samples import aac, pictures

VIDEO, PICTURES = pictures(count=100, gop=25)
NOW = 1_800_000_000.0


def run(
    cutter: Cutter, units: list[AccessUnit] | tuple[AccessUnit, ...], start: float = NOW
) -> list[Out]:
    """Units as they arrive, each at its time."""
    return [out for unit in units for out in cutter.push(unit, start + unit.dts / CLOCK_HZ)]


def shifted(units: tuple[AccessUnit, ...], ticks: int) -> list[AccessUnit]:
    return [replace(u, pts=u.pts + ticks, dts=u.dts + ticks) for u in units]


def recorded(length_s: float, *, b_frames: int = 0) -> list[File]:
    video, units = pictures(count=100, gop=25, b_frames=b_frames)
    cutter = Cutter(length_s)
    outs = cutter.set_format(video, None, NOW)
    outs += run(cutter, units)
    outs += cutter.close(NOW + 4)
    return files_of(outs)


def test_files_are_cut_at_the_first_key_frame_after_their_length() -> None:
    files = recorded(1.5)
    assert [file.reason for file in files] == ["length", "stopped"]
    assert [file.pictures for file in files] == [50, 50]
    assert [(round(f.start - NOW, 3), round(f.end - NOW, 3)) for f in files] == [(0, 2), (2, 4)]
    found = [judged(file.data) for file in files]
    assert [one.decoded for one in found] == [50, 50]
    for one in found:
        times = [dts for _, dts, _ in one.packets["video"]]
        assert times == sorted(set(times))
        assert times[0] == 0


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_index_gives_length_and_key_frames_and_changes_no_time(b_frames: int) -> None:
    (file,) = recorded(60, b_frames=b_frames)
    kinds = [box.kind for box in boxes(file.data)]
    assert kinds[:4] == ["ftyp", "moov", "sidx", "free"]
    plain = [judged(data) for data in (file.data, file.without_index)]
    assert plain[0].packets == plain[1].packets
    assert plain[0].decoded == 100
    with av.open(io.BytesIO(file.data)) as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 4) < 0.15
        container.seek(2_900_000)
        packet = next(iter(container.demux(video=0)))
        assert packet.is_keyframe
        assert packet.pts is not None
        assert abs(float(packet.pts * packet.time_base) - 2) < 0.15


def test_a_file_that_ends_anywhere_is_good_up_to_its_last_whole_fragment() -> None:
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES)]
    written = [out for out in outs if isinstance(out, Written)]
    data = b"".join(out.data for out in outs if not isinstance(out, Closed))
    assert len(written) == 3
    assert sum(out.pictures for out in written) == 75
    for cut in (1, len(written[-1].data) // 2, len(written[-1].data) - 20):
        assert judged(data[:-cut], strict=False).decoded >= 50
    assert judged(data).decoded == 75


def test_pictures_and_sound_lie_side_by_side() -> None:
    sound, frames = aac(4.0)
    cutter = Cutter(2)
    outs = cutter.set_format(VIDEO, sound, NOW)
    outs += run(cutter, sorted((*PICTURES, *frames), key=lambda u: u.dts))
    outs += cutter.close(NOW + 4)
    files = files_of(outs)
    found = [judged(file.data) for file in files]
    assert [one.codecs for one in found] == [{"video": "h264", "audio": "aac"}] * 2
    assert [one.decoded for one in found] == [50, 50]
    heard = [len(one.packets["audio"]) for one in found]
    assert sum(heard) == len(frames)
    for one in found:
        assert abs(one.packets["audio"][0][1]) < 130
        assert one.packets["audio"][-1][1] < 2100


def test_a_sound_that_appears_comes_with_the_next_file_and_no_picture_is_lost() -> None:
    sound, frames = aac(4.0)
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES[:60])]
    outs += cutter.set_format(VIDEO, sound, NOW + 2.4)
    late = [frame for frame in frames if frame.dts > PICTURES[59].dts]
    outs += run(cutter, sorted((*PICTURES[60:], *late), key=lambda u: u.dts))
    files = files_of([*outs, *cutter.close(NOW + 4)])
    assert [(f.pictures, f.reason, f.audio) for f in files] == [
        (75, "format", ""),
        (25, "stopped", "aac"),
    ]


def test_another_picture_is_another_file_at_once() -> None:
    other, units = pictures(count=25, width=640, height=480)
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES[:30])]
    outs += cutter.set_format(other, None, NOW + 1.2)
    outs += run(cutter, shifted(units, 30 * 3600))
    files = files_of([*outs, *cutter.close(NOW + 3)])
    assert [(f.pictures, f.video) for f in files] == [(30, "320x240"), (25, "640x480")]
    assert [judged(file.data).width for file in files] == [320, 640]
    assert files[1].start == pytest.approx(NOW + 1.2, abs=0.05)


@pytest.mark.parametrize("how", ["break", "gap", "silence"])
def test_what_does_not_go_on_is_another_file(how: str) -> None:
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES[:30])]
    jump = 20 * CLOCK_HZ
    if how == "break":
        outs += cutter.interrupt(NOW + 2)
    elif how == "silence":
        assert cutter.tick(NOW + 1.2 + 4.9) == []
        outs += cutter.tick(NOW + 1.2 + 5.1)
        assert not cutter.is_open
    outs += run(cutter, [replace(PICTURES[1], dts=jump, pts=jump)])
    outs += run(cutter, shifted(PICTURES[:25], jump + 3600))
    files = files_of([*outs, *cutter.close(NOW + 30)])
    assert [(f.pictures, f.reason) for f in files] == [(30, "interrupted"), (25, "stopped")]
    assert files[0].end == pytest.approx(NOW + 1.2, abs=0.05)
    assert files[1].start == pytest.approx(NOW + 20.04, abs=0.05)


def test_pictures_of_the_past_count_back_from_the_newest() -> None:
    cutter = Cutter(60)
    outs = cutter.set_format(VIDEO, None, NOW)
    outs += cutter.begin(list(PICTURES[:75]), NOW)
    (file,) = files_of([*outs, *cutter.close(NOW)])
    assert file.start == pytest.approx(NOW - 74 * 0.04, abs=0.01)
    assert file.end == pytest.approx(NOW + 0.04, abs=0.01)


def test_a_clock_that_is_set_does_not_stretch_a_file() -> None:
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES[:50])]
    outs += run(cutter, PICTURES[50:], start=NOW + 3600)
    (file,) = files_of([*outs, *cutter.close(NOW + 3700)])
    assert (file.start, file.end) == (NOW, pytest.approx(NOW + 4, abs=0.01))


def test_sound_alone_is_recorded_and_what_cannot_be_a_file_is_not() -> None:
    sound, frames = aac(4.0)
    cutter = Cutter(2)
    outs = [*cutter.set_format(None, sound, NOW), *run(cutter, frames)]
    files = files_of([*outs, *cutter.close(NOW + 4)])
    assert len(files) == 2
    assert [judged(file.data).codecs for file in files] == [{"audio": "aac"}] * 2
    bare = replace(VIDEO, parameter_sets=())
    cutter = Cutter(2)
    outs = [*cutter.set_format(bare, None, NOW), *run(cutter, PICTURES)]
    assert [*outs, *cutter.close(NOW + 4)] == []


def test_more_fragments_than_the_index_has_room_for() -> None:
    """A group of pictures in every half second for much longer than the file was to be."""
    _, units = pictures(count=50, gop=13)
    cutter = Cutter(0)
    cutter._length = 10**9
    outs = cutter.set_format(VIDEO, None, NOW)
    for turn in range(40):
        outs += run(cutter, shifted(units, turn * 50 * 3600))
    (file,) = files_of([*outs, *cutter.close(NOW + 80)])
    kinds = [box.kind for box in boxes(file.data)]
    assert kinds.count("moof") > 64
    index = next(box for box in boxes(file.data) if box.kind == "sidx").body
    count = int.from_bytes(index[30:32], "big")
    entries = [index[32 + 12 * n : 44 + 12 * n] for n in range(count)]
    assert count <= 64
    sizes = sum(int.from_bytes(entry[:4], "big") for entry in entries)
    assert sizes == sum(8 + len(box.body) for box in boxes(file.data) if box.kind in "moof mdat")
    assert sum(int.from_bytes(entry[4:8], "big") for entry in entries) == 40 * 50 * 3600
    assert judged(file.data).decoded == 2000


def test_fragments_are_numbered_and_lie_end_to_end() -> None:
    cutter = Cutter(60)
    outs = [*cutter.set_format(VIDEO, None, NOW), *run(cutter, PICTURES), *cutter.close(NOW)]
    runs = [run for out in outs if isinstance(out, Written) for run in fragments(out.data)]
    assert [run.number for run in runs] == [1, 2, 3, 4]
    at = 0
    for one in runs:
        assert one.begins == at
        at += sum(sample.duration for sample in one.samples)
    assert at == 100 * 3600
    assert isinstance(outs[0], Opened)
    assert Codec.H264 is outs[0].video.codec  # type: ignore[union-attr]
