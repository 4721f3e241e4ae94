"""Segment files read back: the units they were made of, from anywhere, whatever is wrong."""

from __future__ import annotations

import itertools
import struct

import pytest

from media.errors import StreamFormatError
from media.record.cutter import Cutter
from media.record.unpack import Head, Part, Tracks, Unpacker, read_head
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, VideoFormat

from .media_files import File, files_of
from .samples import TICKS, aac, nal_units, pictures

NOW = 1_800_000_000.0


def file_of(units: list[AccessUnit], video: VideoFormat | None, sound: AudioFormat | None) -> File:
    cutter = Cutter(60)
    outs = cutter.set_format(video, sound, NOW)
    for unit in units:
        outs += cutter.push(unit, NOW + unit.dts / CLOCK_HZ)
    (file,) = files_of([*outs, *cutter.close(NOW + 10)])
    return file


def parts_of(data: bytes, step: int = 0, tracks: Tracks | None = None) -> list[Part]:
    unpacker = Unpacker(tracks)
    pieces = [data[at : at + step] for at in range(0, len(data), step)] if step else [data]
    found = [out for piece in pieces for out in unpacker.feed(piece)]
    return [one for one in found if isinstance(one, Part)]


def units_of(parts: list[Part], *, video: bool) -> list[AccessUnit]:
    return [unit for part in parts for unit in part.units if unit.video is video]


def slices(unit: AccessUnit) -> list[bytes]:
    """Its NAL units without those a file keeps elsewhere or leaves out."""
    if unit.codec is Codec.H265:
        return [n for n in nal_units(unit.data) if n[0] >> 1 & 0x3F not in (32, 33, 34, 35, 38)]
    return [n for n in nal_units(unit.data) if n[0] & 0x1F not in (7, 8, 9, 12)]


@pytest.mark.parametrize(("codec", "b_frames"), [(Codec.H264, 0), (Codec.H264, 2), (Codec.H265, 2)])
def test_what_was_recorded_comes_back(codec: Codec, b_frames: int) -> None:
    video, units = pictures(codec, count=60, gop=20, b_frames=b_frames)
    sound, frames = aac(2.4)
    file = file_of(sorted((*units, *frames), key=lambda u: (u.dts, not u.video)), video, sound)
    head = read_head(file.data)
    assert head is not None
    # FFmpeg tells 25 frames a second, which stands in the parameter sets too.
    assert head.tracks.video == video
    assert head.tracks.audio == sound
    parts = parts_of(file.data)
    shown = units_of(parts, video=True)
    assert [(u.dts, u.pts, u.key) for u in shown] == [(u.dts, u.pts, u.key) for u in units]
    for unit, original in zip(shown, units, strict=True):
        assert slices(unit) == slices(original)
        sets = video.parameter_sets if unit.key else ()
        assert [n for n in nal_units(unit.data) if n not in slices(unit)] == list(sets)
    heard = units_of(parts, video=False)
    assert [u.data for u in heard] == [u.data for u in frames]
    assert all(abs(u.dts - o.dts) <= CLOCK_HZ // 50 for u, o in zip(heard, frames, strict=True))
    assert all(a.ends == b.begins for a, b in itertools.pairwise(parts))
    assert parts[-1].ends == units[-1].dts + TICKS


def test_it_does_not_matter_how_the_bytes_come() -> None:
    video, units = pictures(count=50)
    data = file_of(list(units), video, None).data
    whole = parts_of(data)
    assert whole
    for step in (1, 7, 4096):
        assert parts_of(data, step) == whole


def test_a_reader_begins_where_the_index_says() -> None:
    video, units = pictures(count=100, gop=25)
    file = file_of(list(units), video, None)
    head = read_head(file.data)
    assert head is not None
    assert [place.begins for place in head.places] == [0, 90_000, 180_000, 270_000]
    for number, place in enumerate(head.places):
        parts = parts_of(file.data[place.at :], tracks=head.tracks)
        assert parts[0].units[0].key
        assert len(units_of(parts, video=True)) == 100 - 25 * number
    assert parts_of(file.data[head.first :], tracks=head.tracks) == parts_of(file.data)
    for size in range(0, head.places[0].at, 40):
        early = read_head(file.data[:size])
        assert early is None or early == head
    growing = read_head(file.without_index)
    assert growing == Head(head.tracks, growing.first if growing else 0, ())


def test_sound_alone_and_a_file_that_ends_in_a_fragment() -> None:
    sound, frames = aac(3.0)
    file = file_of(list(frames), None, sound)
    head = read_head(file.data)
    assert head is not None
    assert (head.tracks.video, head.tracks.audio) == (None, sound)
    parts = parts_of(file.data)
    assert [u.data for u in units_of(parts, video=False)] == [u.data for u in frames]
    assert len(parts_of(file.data[:-10])) == len(parts) - 1


def broken(data: bytes) -> None:
    unpacker = Unpacker()
    unpacker.feed(data)
    assert isinstance(unpacker.failure, StreamFormatError)
    assert unpacker.feed(data) == []


def test_what_is_no_file_of_ours_is_refused_in_words() -> None:
    video, units = pictures(count=25)
    data = file_of(list(units), video, None).data
    moof = data.index(b"moof") - 4
    run = data.index(b"trun") - 4
    broken(b"\0\0\0\1mdat")
    broken(struct.pack(">I4s", 1 << 30, b"mdat"))
    broken(data[moof:])  # pictures of nobody knows what
    broken(data.replace(b"avc1", b"mjpg"))
    broken(data.replace(b"avcC", b"skip"))
    broken(data.replace(b"mdhd", b"skip"))
    broken(data[: run + 12] + b"\0\0\xff\xff" + data[run + 16 :])  # more samples than there are
    broken(data[: run + 20] + b"\xff" * 8 + data[run + 28 :])  # a sample of four gigabytes
    broken(data[: run + 16] + b"\0\0\0\0" + data[run + 20 :])  # samples in their own head
    broken(data.replace(b"tfdt", b"skip"))
    broken(data.replace(b"moof", b"skip", 1))
    for kind in (b"ftyp", b"moov"):
        with pytest.raises(StreamFormatError):
            read_head(data.replace(kind, b"skip"))
    with pytest.raises(StreamFormatError):
        read_head(b"\0\0\0\1ftyp")
    assert read_head(b"") is None
    index = data.index(b"sidx")
    other = read_head(data[: index + 12] + b"\0\0\0\1" + data[index + 16 :])
    assert other is not None
    assert other.places == ()  # an index of another clock is none
