"""Index, recovery, room, films and exports of recordings, on real files and a real database."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import av
import pytest

from gb28181.cluster.bus import Bus
from gb28181.errors import BadInput, Conflict, NotFound
from gb28181.recording.archive import RecordedArchive
from gb28181.recording.exports import Exports
from gb28181.recording.film import read_film
from gb28181.recording.house import House
from gb28181.recording.options import RecordingOptions
from gb28181.recording.places import Places
from gb28181.recording.recovery import Recovery
from gb28181.recording.storage import LocalStorage
from gb28181.store.recordings import GapRecord, PlanRecord, RecordedChannel, SegmentRecord
from gb28181.store.store import Store
from media.errors import StreamFormatError
from media.record.cutter import Cutter
from media.record.fragments import scan
from media.unit import CLOCK_HZ, Codec
from tests.unit.gb28181.store_support import postgresql
from tests.unit.media.media_files import files_of
from tests.unit.media.samples import aac, judge, pictures

CHANNEL = "64010400001310000001"
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
VIDEO, PICTURES = pictures(count=100, gop=25)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = None if request.param == "sqlite" else request.getfixturevalue("server")
    made = await Store.open(url, tmp_path / "data")
    yield made
    for record in await made.recordings.oldest(limit=10_000):
        await made.recordings.delete_segment(record.segment_id)
    await made.aclose()


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Store]:
    made = await Store.open(None, tmp_path / "data")
    yield made
    await made.aclose()


def row(number: int, at: datetime = NOW, **more: object) -> SegmentRecord:
    end = at + timedelta(seconds=4)
    made = SegmentRecord(f"s{number}", CHANNEL, f"d/{CHANNEL}/{number}.mp4", at, end, 1000, 4.0)
    return replace(made, **{"state": "done", **more})  # type: ignore[arg-type]


async def test_the_index_on_both_databases(store: Store) -> None:
    book = store.recordings
    for number in range(3):
        await book.add_segment(row(number, NOW + timedelta(seconds=4 * number)))
    growing = row(9, NOW + timedelta(seconds=12), state="growing")
    growing.end_at = growing.start_at
    await book.add_segment(growing)
    found = await book.segments(CHANNEL, NOW + timedelta(seconds=4), NOW + timedelta(seconds=8))
    assert found == [row(1, NOW + timedelta(seconds=4))]
    later = NOW + timedelta(minutes=1)
    found = await book.segments(CHANNEL, NOW + timedelta(seconds=9), later)
    assert [one.segment_id for one in found] == ["s2", "s9"]
    assert await book.growing() == [growing]
    assert await book.total_size() == 4000
    await book.protect(["s0"], True)
    assert [one.segment_id for one in await book.oldest()] == ["s1", "s2"]
    assert [one.segment_id for one in await book.oldest(NOW + timedelta(seconds=9))] == ["s1"]
    first = await book.segment("s0")
    assert first is not None
    assert first.protected
    await book.save_segment(replace(first, size=5, protected=False))
    assert (await book.segment("s0")) == replace(first, size=5)  # protection is not overwritten
    await book.protect(["s0"], False)
    await book.delete_segment("s9")
    assert await book.paths() == {row(n).path: (f"s{n}", "done") for n in range(3)}

    plan = PlanRecord("p1", "always", True, [[[0, 1440]]] * 7, NOW)
    await book.save_plan(replace(plan, name="x"))
    await book.save_plan(plan)
    assert await book.plans() == [plan]
    channels = [RecordedChannel("a", "p1"), RecordedChannel("b", "", True, NOW)]
    await book.save_channels(channels)
    await book.save_channels([RecordedChannel("a")])
    assert await book.channels() == channels[1:]
    await book.save_channels([RecordedChannel("b")])
    await book.delete_plan("p1")
    assert (await book.plans(), await book.channels()) == ([], [])

    gap = GapRecord(CHANNEL, NOW, None, "no_media")
    await book.save_gap(gap)
    assert await book.open_gaps() == [gap]
    await book.save_gap(replace(gap, end_at=later))
    assert await book.gaps(CHANNEL, NOW, later) == [replace(gap, end_at=later)]
    await book.save_gap(replace(gap, end_at=NOW))  # it was none
    assert await book.gaps(CHANNEL, NOW, later) == []
    await book.save_gap(replace(gap, end_at=later))
    await book.purge_gaps(later + timedelta(seconds=1))
    assert await book.gaps(CHANNEL, NOW, later) == []


@dataclass
class Shelf:
    """A folder of real segments, and their rows."""

    store: Store
    storage: Places
    records: list[SegmentRecord]

    @property
    def archive(self) -> RecordedArchive:
        return RecordedArchive(self.store.recordings, self.storage, dict)

    def file(self, number: int) -> Path:
        return self.storage.local.folder / self.records[number].path


async def shelf(store: Store, folder: Path, *, sound: bool = False) -> Shelf:
    """Two files of two seconds, one behind the other."""
    cutter = Cutter(1.5)
    start = NOW.timestamp()
    audio, frames = aac(4.0) if sound else (None, ())
    outs = cutter.set_format(VIDEO, audio, start)
    for unit in sorted((*PICTURES, *frames), key=lambda u: u.dts):
        outs += cutter.push(unit, start + unit.dts / CLOCK_HZ)
    files = files_of([*outs, *cutter.close(start + 4)])
    records = []
    for number, file in enumerate(files):
        record = row(number, datetime.fromtimestamp(file.start, UTC))
        record.end_at = datetime.fromtimestamp(file.end, UTC)
        record.size, record.duration_s = len(file.data), file.end - file.start
        path = folder / record.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        await store.recordings.add_segment(record)
        records.append(record)
    return Shelf(store, Places(LocalStorage(folder), None), records)


async def bytes_of(archive: RecordedArchive, start: float, end: float) -> bytes:
    film = await archive.film(CHANNEL, NOW + timedelta(seconds=start), NOW + timedelta(seconds=end))
    data = b"".join([chunk async for chunk in read_film(archive.storage, film)])
    assert len(data) == film.size
    return data


@pytest.mark.parametrize("sound", [False, True])
async def test_a_film_is_one_file_out_of_several(plain: Store, tmp_path: Path, sound: bool) -> None:
    archive = (await shelf(plain, tmp_path, sound=sound)).archive
    found = judge(await bytes_of(archive, 0, 4), "mp4")
    assert found.decoded == 100
    times = [dts for _, dts, _ in found.packets["video"]]
    assert times == [40 * number for number in range(100)]
    if sound:
        heard = [dts for _, dts, _ in found.packets["audio"]]
        assert heard == sorted(set(heard))
        assert abs(heard[-1] - 3900) < 200
    part = await bytes_of(archive, 1.5, 2.9)
    found = judge(part, "mp4")  # from the key frame at 1 s to the end of the fragment at 3 s
    assert found.decoded == 50
    assert found.packets["video"][0][1] == 0
    with av.open(io.BytesIO(part)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(2.0, abs=0.15)


async def test_any_part_of_a_film_is_the_same_as_in_the_whole(plain: Store, tmp_path: Path) -> None:
    archive = (await shelf(plain, tmp_path)).archive
    whole = await bytes_of(archive, 0.5, 4)
    film = await archive.film(CHANNEL, NOW + timedelta(seconds=0.5), NOW + timedelta(seconds=4))
    for first in range(0, len(whole), 997):
        last = min(first + 1499, len(whole) - 1)
        parts = [chunk async for chunk in read_film(archive.storage, film, first, last)]
        assert b"".join(parts) == whole[first : last + 1]


async def test_films_that_cannot_be(plain: Store, tmp_path: Path) -> None:
    shelved = await shelf(plain, tmp_path)
    archive = shelved.archive
    with pytest.raises(NotFound):
        await bytes_of(archive, 10, 20)
    with pytest.raises(BadInput):
        await bytes_of(archive, 2, 1)
    with pytest.raises(BadInput):
        await bytes_of(archive, 0, 25 * 3600)
    other, units = pictures(Codec.H265, count=25)
    cutter = Cutter(60)
    outs = cutter.set_format(other, None, 0)
    outs += [out for unit in units for out in cutter.push(unit, 0)]
    (file,) = files_of([*outs, *cutter.close(0)])
    third = row(3, NOW + timedelta(seconds=4))
    (tmp_path / third.path).write_bytes(file.data)
    await plain.recordings.add_segment(third)
    with pytest.raises(Conflict) as refused:
        await bytes_of(archive, 0, 5)
    detail = refused.value.detail
    assert detail is not None
    assert detail["changes_at"] == third.start_at.isoformat()
    assert len(detail["parts"]) == 2
    assert judge(await bytes_of(archive, 0, 4), "mp4").decoded == 100
    shelved.file(0).unlink()  # what is left is shown
    assert judge(await bytes_of(archive, 0, 4), "mp4").decoded == 50
    film = await archive.film(CHANNEL, NOW, NOW + timedelta(seconds=3))
    shelved.file(1).write_bytes(b"short")
    with pytest.raises(OSError, match=r"changed|shorter"):
        [chunk async for chunk in read_film(archive.storage, film)]


async def test_what_a_crash_left_is_closed_with_its_true_length(
    plain: Store, tmp_path: Path
) -> None:
    shelved = await shelf(plain, tmp_path)
    storage, (first, second) = shelved.storage, shelved.records
    whole = shelved.file(0).read_bytes()
    shelved.file(0).write_bytes(whole + b"\x00\x00\x01\x00moof and no more")
    (tmp_path / "2020-01-01" / "x").mkdir(parents=True)
    (tmp_path / "2020-01-01" / "x" / "1.mp4").write_bytes(b"")
    for record in (first, second):
        await plain.recordings.save_segment(
            replace(record, state="growing", end_at=record.start_at, size=0, duration_s=0.0)
        )
    gone = row(7, NOW, state="growing")
    empty = row(8, NOW, state="growing")
    missing = row(6, NOW)
    (tmp_path / empty.path).write_bytes(whole[:900])
    for record in (gone, empty, missing):
        await plain.recordings.add_segment(record)
    recovery = Recovery(plain.recordings, storage)
    await recovery.close_open()
    assert shelved.file(0).read_bytes() == whole
    for record in (first, second):
        found = await plain.recordings.segment(record.segment_id)
        assert found is not None
        assert (found.state, found.reason) == ("done", "repaired")
        assert found.size == record.size
        assert found.end_at == record.end_at
    for record in (gone, empty):
        found = await plain.recordings.segment(record.segment_id)
        assert found is not None
        assert found.state == "lost"
    assert await plain.recordings.growing() == []
    told = await recovery.compare()
    assert told.missing == (missing.path,)
    assert told.unknown == ("2020-01-01/x/1.mp4",)
    assert (tmp_path / "2020-01-01" / "x" / "1.mp4").exists()
    assert (await recovery.compare()).missing == ()  # told once


class Room:
    """A house over a shelf, with a disk of its own size."""

    def __init__(self, shelved: Shelf, **options: object) -> None:
        self.told: list[bool] = []
        self.free = 10**12
        shelved.storage.free = lambda: self.free  # type: ignore[method-assign]
        self.now = NOW + timedelta(minutes=1)
        base = RecordingOptions(shelved.storage.local.folder, reserve=0)
        self.house = House(
            shelved.store.recordings,
            shelved.storage,
            replace(base, **options),  # type: ignore[arg-type]
            lambda: self.now,
            lambda: 0,
            lambda: True,
            self.told.append,
        )


async def left(shelved: Shelf) -> list[str]:
    records = await shelved.store.recordings.segments(CHANNEL, NOW, NOW + timedelta(days=99))
    assert [shelved.storage.local.folder / one.path for one in records] == sorted(
        shelved.storage.local.folder.rglob("*.mp4")
    )
    return [one.segment_id for one in records]


async def test_old_recordings_go_and_protected_ones_stay(plain: Store, tmp_path: Path) -> None:
    shelved = await shelf(plain, tmp_path)
    room = Room(shelved, keep_days=30)
    await room.house.look()
    assert await left(shelved) == ["s0", "s1"]
    await plain.recordings.protect(["s0"], True)
    room.now = NOW + timedelta(days=31)
    await room.house.look()
    assert await left(shelved) == ["s0"]
    assert room.told == []


async def test_at_the_quota_the_oldest_goes_and_pauses_when_none_may(
    plain: Store, tmp_path: Path
) -> None:
    shelved = await shelf(plain, tmp_path)
    quota = shelved.records[1].size + 10
    room = Room(shelved, quota=quota)
    await room.house.look()
    assert await left(shelved) == ["s1"]
    assert (room.told, room.house.size) == ([], shelved.records[1].size)
    await plain.recordings.protect(["s1"], True)
    room = Room(shelved, quota=100)
    await room.house.look()
    await room.house.look()
    assert (await left(shelved), room.told) == (["s1"], [False])
    await plain.recordings.protect(["s1"], False)
    await room.house.look()
    assert (await left(shelved), room.told) == ([], [False, True])


async def test_a_full_disk_without_overwriting_pauses_at_once(plain: Store, tmp_path: Path) -> None:
    shelved = await shelf(plain, tmp_path)
    room = Room(shelved, reserve=1000, overwrite=False)
    room.free = 999
    await room.house.look()
    assert (await left(shelved), room.told) == (["s0", "s1"], [False])
    room.free = 5000
    await room.house.look()
    assert room.told == [False, True]
    room.house.full()  # a write was refused, whatever is said to be free
    await room.house.look()
    assert room.told == [False, True, False]


async def test_segments_that_may_not_be_removed(plain: Store, tmp_path: Path) -> None:
    shelved = await shelf(plain, tmp_path)
    archive = shelved.archive
    end = NOW + timedelta(seconds=1)
    assert await archive.protect(CHANNEL, NOW, end, True) == 1
    with pytest.raises(Conflict):
        await archive.delete("s0")
    assert not (await archive.protect_one("s0", False)).protected
    await archive.delete("s0")
    with pytest.raises(NotFound):
        await archive.delete("s0")
    await plain.recordings.add_segment(row(5, state="growing"))
    with pytest.raises(Conflict):
        await archive.delete("s5")
    assert not shelved.file(0).exists()


async def test_an_export_is_the_film_with_its_digest(plain: Store, tmp_path: Path) -> None:
    shelved = await shelf(plain, tmp_path / "rec")
    archive, bus = shelved.archive, Bus()
    numbers = count(1)
    options = RecordingOptions(tmp_path / "rec", reserve=0)

    def exports() -> Exports:
        return Exports(
            plain.recordings,
            archive.film,
            shelved.storage,
            bus,
            tmp_path / "exports",
            options,
            lambda: f"e{next(numbers)}",
        )

    made = exports()
    await made.start()
    end = NOW + timedelta(seconds=4)
    with pytest.raises(NotFound):
        await made.order(CHANNEL, end, end + timedelta(seconds=5))
    record = await made.order(CHANNEL, NOW, end)
    async with asyncio.timeout(20):
        while made.get(record.export_id).state == "running":
            await asyncio.sleep(0.01)
    done = made.get(record.export_id)
    assert (done.state, made.progress(done)) == ("done", 1.0)
    data = made.file("e1").read_bytes()
    assert data == await bytes_of(archive, 0, 4)
    assert hashlib.sha256(data).hexdigest() == done.sha256
    await made.aclose()
    (tmp_path / "exports" / "stray.mp4").write_bytes(b"")
    again = exports()
    await again.start()
    assert again.all() == [done]
    assert not (tmp_path / "exports" / "stray.mp4").exists()
    await again.remove("e1")
    with pytest.raises(NotFound):
        again.file("e1")
    assert list((tmp_path / "exports").iterdir()) == []
    await again.aclose()


def test_a_file_that_is_none_and_every_cut_of_one_that_is() -> None:
    cutter = Cutter(60)
    outs = cutter.set_format(VIDEO, None, 0)
    outs += [out for unit in PICTURES for out in cutter.push(unit, 0)]
    (file,) = files_of([*outs, *cutter.close(0)])
    data = file.data
    whole = scan(lambda at, size: data[at : at + size], len(data))
    assert (whole.whole, whole.seconds, len(whole.fragments)) == (len(data), 4.0, 4)
    for cut in range(0, len(data), 371):
        with contextlib.suppress(StreamFormatError):
            found = scan(lambda at, size, cut=cut: data[:cut][at : at + size], cut)
            assert found.fragments == whole.fragments[: len(found.fragments)]
            assert found.whole <= cut
    for place in range(0, len(data), 97):  # a damaged disk: an error, or what can be read
        broken = data[:place] + bytes((data[place] ^ 0xFF,)) + data[place + 1 :]
        with contextlib.suppress(StreamFormatError):
            scan(lambda at, size, broken=broken: broken[at : at + size], len(broken))
