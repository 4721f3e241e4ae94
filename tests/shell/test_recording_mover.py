"""Whole segments on their way to a real S3 server: order, trouble, room, what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gb28181.errors import Busy, NotFound
from gb28181.recording.archive import RecordedArchive
from gb28181.recording.bucket import Bucket, BucketOptions
from gb28181.recording.film import read_film
from gb28181.recording.house import House
from gb28181.recording.mover import Mover
from gb28181.recording.options import RecordingOptions
from gb28181.recording.places import LOCAL, STORE, Places
from gb28181.recording.recovery import Recovery
from gb28181.recording.storage import LocalStorage, StorageUnreachable
from gb28181.store.errors import StoreUnavailable
from gb28181.store.recordings import SegmentRecord
from gb28181.store.store import Store
from media.record.cutter import Cutter
from media.unit import CLOCK_HZ
from tests.support.s3 import BUCKET, KEY, S3, SECRET, Door, s3_server
from tests.unit.media.media_files import files_of
from tests.unit.media.samples import pictures

CHANNEL = "64010400001310000001"
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as made:
        yield made


class Yard:
    """Disk, store, index, and what moves between them."""

    def __init__(self, database: Store, folder: Path, options: BucketOptions) -> None:
        self.book = database.recordings
        self.bucket = Bucket(options)
        self.places = Places(LocalStorage(folder), self.bucket)
        self.now = NOW + timedelta(minutes=1)
        self.told: list[bool] = []
        self.house = House(
            self.book,
            self.places,
            RecordingOptions(folder, reserve=0, keep_days=30),
            lambda: self.now,
            lambda: 0,
            lambda: True,
            self.told.append,
        )
        self.archive = RecordedArchive(self.book, self.places, dict)
        self.recovery = Recovery(self.book, self.places)
        self.mover = self.another_mover()

    def another_mover(self) -> Mover:
        return Mover(self.book, self.places, self.bucket, 1.0, lambda: self.house.store_has_room)

    def file(self, record: SegmentRecord) -> Path:
        return self.places.local.file(record.path)

    async def record(self, count: int = 2) -> list[SegmentRecord]:
        """Files of two seconds, one behind the other."""
        video, units = pictures(count=50 * count, gop=25)
        cutter = Cutter(1.5)
        outs = cutter.set_format(video, None, NOW.timestamp())
        for unit in units:
            outs += cutter.push(unit, NOW.timestamp() + unit.dts / CLOCK_HZ)
        records = []
        for number, file in enumerate(files_of([*outs, *cutter.close(NOW.timestamp())])):
            at, end = (datetime.fromtimestamp(t, UTC) for t in (file.start, file.end))
            record = SegmentRecord(f"s{number}", CHANNEL, f"d/{CHANNEL}/{number}.mp4", at, end)
            record.size, record.duration_s, record.state = len(file.data), 2.0, "done"
            path = self.file(record)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            await self.book.add_segment(record)
            records.append(record)
        return records

    async def copy(self, of: SegmentRecord, segment_id: str) -> SegmentRecord:
        """Another file with the same bytes, a minute later."""
        minute = timedelta(minutes=1)
        path = f"d/{CHANNEL}/{segment_id}.mp4"
        made = replace(of, segment_id=segment_id, path=path)
        made.start_at, made.end_at = of.start_at + minute, of.end_at + minute
        self.file(made).parent.mkdir(parents=True, exist_ok=True)
        self.file(made).write_bytes(self.bucket.read(of.path, 0, of.size))
        await self.book.add_segment(made)
        return made

    async def film(self, seconds: float = 4.0) -> bytes:
        film = await self.archive.film(CHANNEL, NOW, NOW + timedelta(seconds=seconds))
        return b"".join([chunk async for chunk in read_film(self.places, film)])

    async def rows(self) -> dict[str, tuple[str, str]]:
        found = await self.book.segments(CHANNEL, NOW, NOW + timedelta(hours=1))
        return {one.segment_id: (one.place, one.state) for one in found}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Store]:
    made = await Store.open(None, tmp_path / "data")
    yield made
    await made.aclose()


@pytest.fixture
def options(request: pytest.FixtureRequest, server: S3) -> BucketOptions:
    prefix = f"{request.node.name}/"
    return BucketOptions(server.endpoint, BUCKET, prefix, access_key=KEY, secret_key=SECRET)


@pytest.fixture
async def yard(database: Store, tmp_path: Path, options: BucketOptions) -> AsyncIterator[Yard]:
    made = Yard(database, tmp_path / "rec", options)
    yield made
    await made.mover.aclose()
    made.bucket.close()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.01)


async def test_a_film_of_the_store_is_that_of_the_disk(yard: Yard) -> None:
    records = await yard.record(3)
    growing = SegmentRecord("g", CHANNEL, f"d/{CHANNEL}/9.mp4", *[NOW + timedelta(minutes=5)] * 2)
    yard.file(growing).write_bytes(b"grows")
    await yard.book.add_segment(growing)
    before = await yard.film(6)
    here = await yard.film(1)
    await yard.mover.look()
    assert not any(yard.file(record).exists() for record in records)
    assert yard.file(growing).read_bytes() == b"grows"
    kept = {f"s{number}": (STORE, "done") for number in range(3)}
    assert await yard.rows() == {**kept, "g": (LOCAL, "growing")}
    assert await yard.film(6) == before
    assert await yard.film(1) == here
    yard.archive._films.clear()
    assert await yard.film(6) == before
    assert (await yard.recovery.compare()).missing == ()
    assert (await yard.book.total_size(LOCAL), await yard.book.total_size(STORE)) == (
        0,
        sum(record.size for record in records),
    )


async def test_a_store_that_is_away_loses_nothing_and_gets_all_when_it_is_back(
    database: Store, server: S3, options: BucketOptions, tmp_path: Path
) -> None:
    door = Door(server.port)
    door.is_open = False
    yard = Yard(database, tmp_path / "rec", replace(options, endpoint=door.endpoint))
    records = await yard.record()
    whole = await yard.film()
    await yard.mover.start()
    await until(lambda: yard.bucket.trouble != "")
    assert await yard.rows() == {"s0": (LOCAL, "done"), "s1": (LOCAL, "done")}
    assert await yard.film() == whole
    with pytest.raises(StorageUnreachable):
        await yard.recovery.compare()  # nothing is called lost
    door.is_open = True
    async with asyncio.timeout(60):
        while (await yard.rows()).get("s1") != (STORE, "done") or yard.file(records[1]).exists():
            await asyncio.sleep(0.05)
    await until(lambda: yard.bucket.trouble == "")
    assert await yard.film() == whole

    # Away once more: what is there cannot be shown, which is not the same as gone.
    door.shut()
    yard.archive._films.clear()
    with pytest.raises(Busy, match="store"):
        await yard.film()
    with pytest.raises(Busy, match="store"):
        await yard.archive.delete("s0")
    yard.now = NOW + timedelta(days=31)
    await yard.house.look()
    assert await yard.rows() == {"s0": (STORE, "done"), "s1": (STORE, "done")}
    assert yard.told == []
    await yard.mover.aclose()
    yard.bucket.close()
    door.close()


async def test_what_was_killed_on_the_way_is_done_once_more(yard: Yard) -> None:
    """Between the store and the index, and between the index and the file."""
    first, second = await yard.record()
    whole = await yard.film()
    for record in (first, second):
        yard.bucket.put(record.path, yard.file(record))
    await yard.book.set_place(second.segment_id, STORE)
    again = yard.another_mover()
    await again.start()
    await until(lambda: not yard.file(first).exists() and not yard.file(second).exists())
    await again.aclose()
    assert await yard.rows() == {"s0": (STORE, "done"), "s1": (STORE, "done")}
    assert await yard.film() == whole


async def test_what_is_removed_while_it_is_brought_is_nowhere(yard: Yard) -> None:
    (record, _) = await yard.record()
    put = yard.bucket.put

    def slow(path: str, file: Path) -> None:
        put(path, file)
        if path == record.path:
            asyncio.run_coroutine_threadsafe(yard.archive.delete("s0"), loop).result(30)

    loop = asyncio.get_running_loop()
    yard.bucket.put = slow  # type: ignore[method-assign]
    await yard.mover.look()
    assert await yard.rows() == {"s1": (STORE, "done")}
    assert [path for path in yard.bucket.walk() if path.endswith("/0.mp4")] == []
    with pytest.raises(NotFound):
        await yard.archive.segment("s0")


async def test_a_database_that_is_away_keeps_the_file_here(yard: Yard) -> None:
    records = await yard.record()
    set_place = yard.book.set_place

    async def away(segment_id: str, place: str) -> bool:
        raise StoreUnavailable("away")

    yard.mover._index.set_place = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await yard.mover.look()
    assert all(yard.file(record).exists() for record in records)
    yard.mover._index.set_place = set_place  # type: ignore[method-assign]
    await yard.mover.look()
    assert not any(yard.file(record).exists() for record in records)


async def test_a_file_that_is_gone_or_cannot_be_read_holds_up_no_other(yard: Yard) -> None:
    first, second, third = await yard.record(3)
    yard.file(first).unlink()
    yard.file(second).unlink()
    yard.file(second).mkdir()
    await yard.mover.look()
    assert await yard.rows() == {
        "s0": (LOCAL, "lost"),
        "s1": (LOCAL, "done"),
        "s2": (STORE, "done"),
    }
    assert not yard.file(third).exists()


async def test_age_and_quota_remove_from_the_store_and_protected_ones_stay(
    yard: Yard, database: Store, options: BucketOptions, tmp_path: Path
) -> None:
    records = await yard.record(3)
    await yard.mover.look()
    await yard.book.protect(["s1"], True)
    quota = replace(options, quota=records[0].size + records[1].size + 100)
    small = Yard(database, tmp_path / "rec", quota)
    await small.house.look()
    assert sorted(await small.rows()) == ["s1", "s2"]
    assert small.told == []
    yard.now = NOW + timedelta(days=31)
    await yard.house.look()
    assert sorted(await yard.rows()) == ["s1"]
    assert list(yard.bucket.walk()) == [records[1].path]
    small.bucket.close()


async def test_a_full_store_without_overwriting_takes_nothing_more(
    database: Store, options: BucketOptions, tmp_path: Path
) -> None:
    yard = Yard(database, tmp_path / "rec", replace(options, quota=100))
    yard.house._options = replace(yard.house._options, overwrite=False)
    (first,) = await yard.record(1)
    await yard.mover.look()
    await yard.house.look()
    assert not yard.house.store_has_room
    late = await yard.copy(first, "late")
    await yard.mover.look()
    assert yard.bucket.trouble == "quota"
    assert yard.file(late).exists()
    assert (await yard.rows())["late"] == (LOCAL, "done")
    yard.bucket.close()


async def test_without_the_store_in_the_settings_its_files_are_not_called_lost(
    yard: Yard, tmp_path: Path
) -> None:
    await yard.record()
    await yard.mover.look()
    without = Places(LocalStorage(tmp_path / "rec"), None)
    assert (await Recovery(yard.book, without).compare()).missing == ()
    assert await yard.rows() == {"s0": (STORE, "done"), "s1": (STORE, "done")}


async def test_what_was_lost_here_is_forgotten_though_the_store_is_away(
    database: Store, server: S3, options: BucketOptions, tmp_path: Path
) -> None:
    """Else nothing would make room on a full disk."""
    door = Door(server.port)
    door.shut()
    away = replace(options, endpoint=door.endpoint)
    yard = Yard(database, tmp_path / "rec", away)
    first, _, third = await yard.record(3)
    yard.file(first).unlink()
    first.state = "lost"
    await yard.book.save_segment(first)
    quota = first.size + third.size  # the lost one still counts, until it is forgotten
    yard.house._options = replace(yard.house._options, quota=quota)
    await yard.house.look()
    assert "s0" not in await yard.rows()
    assert yard.file(third).exists()
    assert yard.told == []
    yard.bucket.close()
    door.close()
