"""What a place of recordings owes its users: the same tests on the local disk, in a bucket, and on
both as one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from gb28181.errors import BadInput
from gb28181.recording.bucket import BLOCK, OUTLINE, PART, Bucket, BucketOptions
from gb28181.recording.places import Places
from gb28181.recording.storage import LocalStorage, Storage, StorageUnreachable, in_thread
from media.errors import StreamFormatError
from media.record.cutter import Cutter
from media.record.fragments import scan
from tests.support.s3 import BUCKET, KEY, S3, SECRET, Door, s3_server
from tests.unit.media.media_files import files_of
from tests.unit.media.samples import pictures

PATH = "2026-11-28/64010400001310000001/120000-000.mp4"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as made:
        yield made


def options(server: S3, prefix: str) -> BucketOptions:
    return BucketOptions(server.endpoint, BUCKET, prefix, access_key=KEY, secret_key=SECRET)


@dataclass
class Shelf:
    """A place, and how a file comes there."""

    place: Storage
    folder: Path
    bucket: Bucket | None = None

    def put(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        if self.bucket is not None:
            self.bucket.put(path, file)
            file.unlink()


@pytest.fixture(params=["local", "bucket", "both"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, server: S3) -> Iterator[Shelf]:
    local = LocalStorage(tmp_path)
    if request.param == "local":
        yield Shelf(local, tmp_path)
        return
    bucket = Bucket(options(server, f"{request.node.name}/".replace("[", "-").replace("]", "-")))
    yield Shelf(bucket if request.param == "bucket" else Places(local, bucket), tmp_path, bucket)
    bucket.close()


def film() -> bytes:
    video, units = pictures(count=100, gop=25)
    cutter = Cutter(60)
    outs = cutter.set_format(video, None, 0)
    outs += [out for unit in units for out in cutter.push(unit, 0)]
    (file,) = files_of([*outs, *cutter.close(0)])
    return file.data


def test_any_range_is_that_of_the_file(shelf: Shelf) -> None:
    random = Random(28181)
    data = random.randbytes(2 * BLOCK + 777)
    shelf.put(PATH, data)
    assert shelf.place.size(PATH) == len(data)
    spans = [(0, len(data)), (0, 0), (len(data), 5), (len(data) - 3, 9), (5 * BLOCK, 1)]
    spans += [(BLOCK - 1, 2), (BLOCK, BLOCK), (2 * BLOCK, BLOCK)]
    spans += [(random.randrange(len(data)), random.randrange(BLOCK)) for _ in range(40)]
    for at, size in spans:
        assert shelf.place.read(PATH, at, size) == data[at : at + size]


def test_files_that_fill_blocks_and_empty_ones(shelf: Shelf) -> None:
    for number, size in enumerate((0, 1, BLOCK, 2 * BLOCK)):
        path = f"2026-11-28/c/{number}.mp4"
        shelf.put(path, b"x" * size)
        assert shelf.place.size(path) == size
        assert shelf.place.read(path, 0, size + 10) == b"x" * size


def test_the_layout_is_that_of_the_file(shelf: Shelf) -> None:
    data = film()
    shelf.put(PATH, data)
    assert shelf.place.layout(PATH) == scan(lambda at, size: data[at : at + size], len(data))
    shelf.put("2026-11-28/c/1.mp4", b"no film at all")
    with pytest.raises(StreamFormatError):
        shelf.place.layout("2026-11-28/c/1.mp4")


def test_what_is_not_there(shelf: Shelf) -> None:
    place = shelf.place
    for use in (place.size, place.layout, lambda path: place.read(path, 0, 9)):
        with pytest.raises(FileNotFoundError):
            use(PATH)
    place.delete(PATH)  # gone is gone


def test_what_is_deleted_is_gone_and_nothing_else(shelf: Shelf) -> None:
    paths = [f"2026-11-28/c{number}/1.mp4" for number in range(3)]
    for path in paths:
        shelf.put(path, path.encode())
    assert sorted(shelf.place.walk()) == paths
    assert shelf.place.read(paths[1], 0, 99) == paths[1].encode()
    shelf.place.delete(paths[1])
    assert sorted(shelf.place.walk()) == [paths[0], paths[2]]
    with pytest.raises(FileNotFoundError):
        shelf.place.read(paths[1], 0, 99)
    assert shelf.place.read(paths[2], 0, 99) == paths[2].encode()


def test_no_path_leads_out(shelf: Shelf) -> None:
    place = shelf.place
    for use in (place.size, place.delete, place.layout, lambda path: place.read(path, 0, 9)):
        for path in ("../x", "/etc/passwd", "a/../../b", ""):
            with pytest.raises(BadInput):
                use(path)


# --- only of a bucket ---------------------------------------------------------------------------


@pytest.fixture
def bucket(request: pytest.FixtureRequest, server: S3) -> Iterator[Bucket]:
    made = Bucket(options(server, f"{request.node.name}/"))
    yield made
    made.close()


def keys(server: S3, bucket: Bucket) -> list[str]:
    prefix = bucket.options.prefix
    return [name.removeprefix(prefix) for name in server.names() if name.startswith(prefix)]


def test_a_file_of_several_parts_and_one_that_is_there_already(
    server: S3, bucket: Bucket, tmp_path: Path
) -> None:
    data = Random(1).randbytes(2 * PART + 4321)
    file = tmp_path / "1.mp4"
    file.write_bytes(data)
    begun = {"Bucket": BUCKET, "Key": bucket.options.prefix + PATH}
    server.client().create_multipart_upload(**begun)  # of a run that was killed
    bucket.put(PATH, file)
    assert server.client().get_object(**begun)["Body"].read() == data
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket=BUCKET)
    changed = server.client().head_object(**begun)["LastModified"]
    bucket.put(PATH, file)
    assert server.client().head_object(**begun)["LastModified"] == changed
    file.write_bytes(data[:-1])
    bucket.put(PATH, file)
    assert bucket.size(PATH) == len(data) - 1


def test_an_outline_that_is_missing_or_damaged_costs_time_only(
    server: S3, bucket: Bucket, tmp_path: Path
) -> None:
    file = tmp_path / "1.mp4"
    file.write_bytes(film())
    bucket.put(PATH, file)
    assert keys(server, bucket) == [PATH, PATH + OUTLINE]
    whole = bucket.layout(PATH)
    named = {"Bucket": BUCKET, "Key": bucket.options.prefix + PATH + OUTLINE}
    server.client().put_object(**named, Body=b"GBOUTLN1 and nothing good")
    assert bucket.layout(PATH) == whole
    server.client().delete_object(**named)
    assert bucket.layout(PATH) == whole
    bucket.delete(PATH)
    assert keys(server, bucket) == []


def test_bytes_that_change_on_the_way_are_found_out(
    server: S3, bucket: Bucket, tmp_path: Path
) -> None:
    file = tmp_path / "1.mp4"
    file.write_bytes(Random(2).randbytes(70_000))
    door = Door(server.port)
    behind = Bucket(replace(bucket.options, endpoint=door.endpoint))
    door.spoil = file.read_bytes()[40_000:40_040]
    with pytest.raises(OSError, match="differs"):
        behind.put(PATH, file)
    door.spoil = b""
    behind.put(PATH, file)
    assert bucket.read(PATH, 0, 70_000) == file.read_bytes()
    behind.close()
    door.close()


def test_a_store_that_is_away_or_refuses_us_is_unreachable_and_loses_nothing(
    server: S3, bucket: Bucket, tmp_path: Path
) -> None:
    file = tmp_path / "1.mp4"
    file.write_bytes(b"kept")
    bucket.put(PATH, file)
    door = Door(server.port)
    behind = Bucket(replace(bucket.options, endpoint=door.endpoint))
    assert behind.read(PATH, 0, 9) == b"kept"
    door.shut()
    for use in (behind.size, behind.layout, behind.delete, lambda p: behind.put(p, file)):
        with pytest.raises(StorageUnreachable):
            use(PATH)
    with pytest.raises(StorageUnreachable):
        list(behind.walk())
    places = Places(LocalStorage(tmp_path / "none"), behind)
    with pytest.raises(StorageUnreachable):
        places.size(PATH)
    door.is_open = True
    behind.look()
    assert behind.size(PATH) == 4
    nowhere = Bucket(replace(bucket.options, bucket="no-such-bucket"))
    with pytest.raises(StorageUnreachable, match="404"):
        nowhere.look()
    with pytest.raises(StorageUnreachable, match="NoSuchBucket"):
        nowhere.put(PATH, file)
    for one in (behind, nowhere):
        one.close()
    door.close()


async def test_threads_of_a_store_hold_up_nobody_who_ends(bucket: Bucket) -> None:
    gate = threading.Event()
    hanging = [asyncio.ensure_future(in_thread(bucket, gate.wait)) for _ in range(20)]
    await asyncio.sleep(0)
    bucket.close()
    with pytest.raises(StorageUnreachable):
        await in_thread(bucket, print)
    gate.set()
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            await asyncio.gather(*hanging)
    assert all(one.done() for one in hanging)
