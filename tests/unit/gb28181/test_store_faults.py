"""What the store does when the database fails, when the process is killed, and while copying."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from gb28181.store import (
    BackupUnsupported,
    DeviceRecord,
    DialogRecord,
    Store,
    StoreError,
    StoreOptions,
    StoreUnavailable,
    backup_database,
)
from gb28181.store.cipher import Cipher, load_key
from gb28181.store.engine import database_url
from gb28181.store.errors import StoreRefused

OPTIONS = StoreOptions(flush_interval_s=0.02, busy_timeout_ms=20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(None, tmp_path, OPTIONS)
    yield opened
    await opened.aclose()


def _lock(tmp_path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(tmp_path / "gb28181.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_a_failing_database_keeps_the_rows_and_takes_them_later(
    store: Store, tmp_path: Path
) -> None:
    other = _lock(tmp_path)
    store.put_device(DeviceRecord("a", name="first"))
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.flush()
    store.put_device(DeviceRecord("a", name="second"))
    store.put_device(DeviceRecord("b"))
    with pytest.raises(StoreUnavailable):
        await store.flush()
    assert store.waiting == 2
    assert store.counters.failures >= 2
    other.execute("ROLLBACK")
    async with asyncio.timeout(10):
        await store.flush()
    assert store.waiting == 0
    names = {d.device_id: d.name for d in await store.load_devices()}
    assert names == {"a": "second", "b": ""}
    other.close()


async def test_it_tries_again_without_being_asked(store: Store, tmp_path: Path) -> None:
    other = _lock(tmp_path)
    failed = asyncio.Event()
    report = store._writer._failed

    def note(rows: int, reason: str) -> None:
        report(rows, reason)
        failed.set()

    store._writer._failed = note
    store.put_device(DeviceRecord("a"))
    async with asyncio.timeout(10):
        await failed.wait()
    other.execute("ROLLBACK")
    other.close()
    async with asyncio.timeout(10):
        while not await store.load_devices():
            pass
    assert store.waiting == 0


async def test_a_write_through_says_that_nothing_was_written(store: Store, tmp_path: Path) -> None:
    other = _lock(tmp_path)
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.save_dialog(DialogRecord("c", "1"))
    other.execute("ROLLBACK")
    other.close()
    assert await store.load_dialogs_open() == []


async def test_one_bad_write_through_does_not_fail_its_neighbours(store: Store) -> None:
    results = await asyncio.gather(
        store.save_dialog(DialogRecord("good", "1")),
        store.save_dialog(DialogRecord("bad", "1", ssrc=2**80)),
        store.save_dialog(DialogRecord("good too", "1")),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [type(None), StoreRefused, type(None)]
    assert {d.call_id for d in await store.load_dialogs_open()} == {"good", "good too"}


async def test_errors_do_not_tell_secrets(store: Store) -> None:
    record = DeviceRecord("a", password="do-not-tell")
    record.name_fixed = 2**80  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable) as caught:
        await store.save_device(record)
    assert "do-not-tell" not in str(caught.value)


async def test_the_memory_is_bounded_while_the_database_fails(tmp_path: Path) -> None:
    options = StoreOptions(flush_interval_s=0.02, busy_timeout_ms=20, queue_limit=50)
    store = await Store.open(None, tmp_path, options)
    other = _lock(tmp_path)
    for number in range(80):
        store.put_device(DeviceRecord(str(number)))
    assert store.waiting == 50
    assert store.dropped == 30
    other.execute("ROLLBACK")
    other.close()
    await store.aclose()


async def test_sqlite_runs_in_wal_mode(store: Store) -> None:
    async with store._engine.connect() as connection:
        for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1)):
            found = await connection.exec_driver_sql(f"PRAGMA {pragma}")
            assert found.scalar() == wanted


async def test_closing_is_bounded_and_idempotent(tmp_path: Path) -> None:
    options = StoreOptions(flush_interval_s=0.02, busy_timeout_ms=20, close_timeout_s=0.2)
    store = await Store.open(None, tmp_path, options)
    await store.history.begin_run("r")
    other = _lock(tmp_path)
    store.put_device(DeviceRecord("a"))
    async with asyncio.timeout(5):
        await store.aclose()
        await store.aclose()
    other.close()


KILLED = """
    import asyncio, sys
    from pathlib import Path
    from gb28181.store import *

    async def main():
        store = await Store.open(None, Path(sys.argv[1]), StoreOptions(flush_interval_s=3600))
        await store.history.begin_run("killed")
        await store.save_device(DeviceRecord("entered", password="p"))
        await store.save_dialog(DialogRecord("open call", "1"))
        store.put_device(DeviceRecord("flushed"))
        await store.flush()
        store.put_device(DeviceRecord("not flushed"))
        print("ready", flush=True)
        await asyncio.sleep(3600)

    asyncio.run(main())
"""


async def test_kill_9_between_two_flushes_loses_only_what_was_behind(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(KILLED),
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while (line := await process.stdout.readline()).strip() != b"ready":
            assert line, "the process ended early"
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    store = await Store.open(None, tmp_path, OPTIONS)
    assert {d.device_id: d.password for d in await store.load_devices()} == {
        "entered": "p",
        "flushed": None,
    }
    assert [d.call_id for d in await store.load_dialogs_open()] == ["open call"]
    downtime = await store.history.begin_run("next")
    assert downtime is not None
    assert downtime.cause == "platform"
    await store.aclose()


async def test_a_backup_while_writing_is_whole(store: Store, tmp_path: Path) -> None:
    for number in range(500):
        store.put_device(DeviceRecord(str(number)))
    target = tmp_path / "copies" / "gb.sqlite3"
    size = await store.backup(target)
    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with sqlite3.connect(target) as copy:
        assert copy.execute("SELECT count(*) FROM devices").fetchone() == (500,)
    copy.close()
    assert [p.name for p in target.parent.iterdir()] == ["gb.sqlite3"]


async def test_a_backup_can_be_opened_as_a_database(store: Store, tmp_path: Path) -> None:
    await store.save_device(DeviceRecord("a", password="p"))
    other = tmp_path / "restored"
    other.mkdir()
    await store.backup(other / "gb28181.sqlite3")
    (other / "secrets.key").write_bytes((tmp_path / "secrets.key").read_bytes())
    again = await Store.open(None, other, OPTIONS)
    assert [(d.device_id, d.password) for d in await again.load_devices()] == [("a", "p")]
    await again.aclose()


async def test_a_backup_of_nothing_or_of_a_server_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        await backup_database(None, tmp_path / "absent", tmp_path / "x")
    with pytest.raises(BackupUnsupported, match="pg_dump") as caught:
        await backup_database("postgresql://gb:word@db/gb", tmp_path, tmp_path / "x")
    assert "word" not in str(caught.value)


def test_the_key_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    first = load_key(tmp_path / "data")
    assert load_key(tmp_path / "data") == first
    assert stat.S_IMODE((tmp_path / "data" / "secrets.key").stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["secrets.key"]
    assert Cipher(first).decrypt(Cipher(first).encrypt("学")) == "学"
    assert Cipher(load_key(tmp_path / "other")).decrypt(Cipher(first).encrypt("x")) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, "sqlite+aiosqlite:////d/gb28181.sqlite3"),
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
        ("postgresql://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
        ("postgres://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
        ("postgresql+asyncpg://h/db", "postgresql+asyncpg://h/db"),
    ],
)
def test_urls_get_our_drivers(given: str | None, wanted: str) -> None:
    assert database_url(given, Path("/d")) == make_url(wanted)
