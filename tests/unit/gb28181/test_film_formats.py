"""Films across a change of size, parameter sets or sound; and where there is none."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from gb28181.errors import Conflict
from gb28181.recording.film import film_of, read_film
from gb28181.recording.storage import LocalStorage
from gb28181.store.recordings import SegmentRecord
from media.record.cutter import Cutter
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, VideoFormat
from tests.unit.media.media_files import files_of
from tests.unit.media.samples import aac, pictures

CHANNEL = "64010400001310000001"
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)

Picture = tuple[VideoFormat, tuple[AccessUnit, ...]]
Sound = tuple[AudioFormat, tuple[AccessUnit, ...]]


class Roll:
    """Segments of four seconds, each as it is told, one behind the other."""

    def __init__(self, folder: Path) -> None:
        self.storage = LocalStorage(folder)
        self.records: list[SegmentRecord] = []

    @property
    def end(self) -> datetime:
        return NOW + timedelta(seconds=4 * len(self.records))

    def add(self, picture: Picture, sound: Sound | None = None) -> None:
        video, units = picture
        audio, frames = sound or (None, ())
        start = self.end
        cutter = Cutter(60)
        outs = cutter.set_format(video, audio, start.timestamp())
        for unit in sorted((*units, *frames), key=lambda unit: unit.dts):
            outs += cutter.push(unit, start.timestamp() + unit.dts / CLOCK_HZ)
        (file,) = files_of([*outs, *cutter.close(start.timestamp() + 4)])
        number = len(self.records)
        record = SegmentRecord(f"s{number}", CHANNEL, f"d/{CHANNEL}/{number}.mp4", start, start)
        record.end_at, record.size = start + timedelta(seconds=4), len(file.data)
        record.video = f"{video.codec.value} {video.width}x{video.height}"
        path = self.storage.folder / record.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        self.records.append(record)

    async def film(self, start: float = 0.0, end: float | None = None) -> bytes:
        until = self.end if end is None else NOW + timedelta(seconds=end)
        film = film_of(self.storage, self.records, NOW + timedelta(seconds=start), until)
        data = b"".join([chunk async for chunk in read_film(self.storage, film)])
        assert len(data) == film.size
        for first in range(0, len(data), 9973):
            last = min(first + 2999, len(data) - 1)
            part = [chunk async for chunk in read_film(self.storage, film, first, last)]
            assert b"".join(part) == data[first : last + 1]
        return data


def sizes(data: bytes, seek: float | None = None) -> list[tuple[int, int, int]]:
    """Width, height and number of the pictures in a row, decoded by FFmpeg; times rise."""
    found: list[tuple[int, int, int]] = []
    options = {"err_detect": "explode"}
    with av.open(io.BytesIO(data), format="mp4", options=options) as container:
        track = container.streams.video[0]
        track.codec_context.options = options
        assert track.sample_aspect_ratio in (None, 1)  # no picture is stretched
        if seek is not None:
            container.seek(int(seek * 1e6))
        times = []
        for frame in container.decode(video=0):
            times.append(frame.time)
            if found and found[-1][:2] == (frame.width, frame.height):
                found[-1] = (*found[-1][:2], found[-1][2] + 1)
            else:
                found.append((frame.width, frame.height, 1))
        assert times == sorted(set(times))
    return found


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_another_size_is_the_same_film(tmp_path: Path, codec: Codec) -> None:
    roll = Roll(tmp_path)
    small, large = pictures(codec, 100, gop=25), pictures(codec, 100, 640, 360, gop=25)
    for one in (small, large, small):
        roll.add(one)
    data = await roll.film()
    assert sizes(data) == [(320, 240, 100), (640, 360, 100), (320, 240, 100)]
    # Whoever jumps finds the parameter sets where he lands, forwards and backwards.
    assert sizes(data, 5.5) == [(640, 360, 75), (320, 240, 100)]
    assert sizes(data, 10.2) == [(320, 240, 50)]
    assert sizes(await roll.film(5, 12)) == [(640, 360, 75), (320, 240, 100)]
    # Entries of two formats for three files, and the first once more.
    assert data.count(b"avcC" if codec is Codec.H264 else b"hvcC") == 3
    assert sizes(await roll.film(1.5, 6)) == [(320, 240, 75), (640, 360, 50)]


async def test_key_frames_within_a_fragment_are_no_place_to_begin(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    roll.add(pictures(count=100, gop=10))
    roll.add(pictures(count=100, gop=10, width=640, height=480))
    data = await roll.film()
    assert sizes(data) == [(320, 240, 100), (640, 480, 100)]
    for moment in (0.5, 3.9, 4.5, 5.0, 7.9):
        found = sizes(data, moment)
        assert found[-1][:2] == (640, 480)
        assert len(found) == 1 + (moment < 4)


async def test_a_sound_that_comes_goes_and_changes(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    picture = pictures(count=100, gop=25)
    sounds = [None, aac(4.0), None, aac(4.0, 16_000), aac(4.0)]
    for sound in sounds:
        roll.add(picture, sound)
    data = await roll.film()
    assert sizes(data) == [(320, 240, 500)]
    heard: dict[int, list[float]] = {}
    with av.open(io.BytesIO(data), format="mp4") as container:
        assert [s.rate for s in container.streams.audio] == [8000, 16_000]
        for frame in container.decode(*container.streams.audio):
            heard.setdefault(frame.sample_rate, []).append(frame.time)
    assert sizes(data, 9.5) == [(320, 240, 275)]
    for rate, spans in ((8000, [(4, 8), (16, 20)]), (16_000, [(12, 16)])):
        times = heard[rate]
        assert times == sorted(times)
        assert all(any(a - 0.2 <= at <= b + 0.2 for a, b in spans) for at in times)
        for a, b in spans:
            assert sum(a <= at < b for at in times) * 1024 / rate > 3.5


async def test_another_codec_is_told_with_the_films_there_are(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    avc, hevc = pictures(count=100, gop=25), pictures(Codec.H265, 100, gop=25)
    for one in (avc, avc, hevc, avc):
        roll.add(one)
    with pytest.raises(Conflict) as refused:
        await roll.film(1)
    detail = refused.value.detail
    assert detail is not None
    assert refused.value.code == "formats_differ"
    assert detail["changes_at"] == (NOW + timedelta(seconds=8)).isoformat()
    moments = [1, 8, 12, 16]
    for part, begin, until, video in zip(
        detail["parts"], moments, moments[1:], ["h264", "h265", "h264"], strict=False
    ):
        assert part["video"] == f"{video} 320x240"
        assert part["start"] == (NOW + timedelta(seconds=begin)).isoformat()
        assert part["end"] == (NOW + timedelta(seconds=until)).isoformat()
    shown = [sum(count for *_, count in sizes(await roll.film(*span)))
             for span in ((1, 8), (8, 12), (12, 16))]  # fmt: skip
    assert shown == [175, 100, 100]


async def test_sound_without_pictures_is_a_film_of_its_own(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    picture = pictures(count=100, gop=25)
    roll.add(picture)
    audio, frames = aac(4.0)
    cutter = Cutter(60)
    outs = cutter.set_format(None, audio, 0)
    outs += [out for unit in frames for out in cutter.push(unit, unit.dts / CLOCK_HZ)]
    (file,) = files_of([*outs, *cutter.close(4)])
    roll.add(picture)
    (tmp_path / roll.records[1].path).write_bytes(file.data)
    roll.add(picture)
    with pytest.raises(Conflict) as refused:
        await roll.film()
    assert refused.value.detail is not None
    assert len(refused.value.detail["parts"]) == 3


async def test_what_two_files_have_both_is_shown_once(tmp_path: Path) -> None:
    """Stopped and begun anew within a group of pictures: the second file begins with the group."""
    roll = Roll(tmp_path)
    video, units = pictures(count=150, gop=50)
    for turn, (begin, stop) in enumerate([(0, 120), (100, 150)]):
        cutter = Cutter(60)
        now = NOW.timestamp() + 0.05 * turn  # packets come a little later, as they do
        outs = cutter.set_format(video, None, now)
        outs += cutter.begin(list(units[begin:120]), now + units[119].dts / CLOCK_HZ)
        for unit in units[120:stop]:
            outs += cutter.push(unit, now + unit.dts / CLOCK_HZ)
        (file,) = files_of([*outs, *cutter.close(now + 6)])
        start, end = (datetime.fromtimestamp(at, UTC) for at in (file.start, file.end))
        path = f"d/{CHANNEL}/{turn}.mp4"
        record = SegmentRecord(f"s{turn}", CHANNEL, path, start, end, len(file.data))
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(file.data)
        roll.records.append(record)
    first, second = roll.records
    assert (first.end_at - second.start_at).total_seconds() == pytest.approx(0.75, abs=0.02)
    assert sizes(await roll.film(0, 6)) == [(320, 240, 150)]
    second.start_at -= timedelta(minutes=3)  # a clock that was set back: nothing is left out
    second.end_at -= timedelta(minutes=3)
    assert sizes(await roll.film(-200, 6)) == [(320, 240, 170)]
