"""Entering a table: one transaction, encrypted passwords, nothing half applied."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gb28181.errors import Busy
from gb28181.store.errors import StoreUnavailable
from tests.shell.device_support import CAMERA, NVR, PASSWORD, World, catalog_body, item, world

TABLE = f"id,name,password,city,transport\n{CAMERA},门口,its own,6402,tcp-passive\n{NVR},,,,\n"


async def enter(one: World, text: str, *, dry_run: bool = False) -> tuple[int, int, bool]:
    report = await one.service.bulk.enter(text.encode(), dry_run=dry_run)
    return len(report.plan.created), len(report.plan.updated), report.applied


async def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert await enter(one, TABLE, dry_run=True) == (2, 0, False)
        assert one.service.device(CAMERA) is None


async def test_a_table_is_entered_and_outlives_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path, unknown="refuse") as one:
        assert await enter(one, TABLE) == (2, 0, True)
        assert one.login(password=PASSWORD).status == 403
        assert one.login(password="its own").status == 200
        assert one.login(NVR).status == 200
    async with world(tmp_path, unknown="refuse") as one:
        view = one.service.view(CAMERA)
        assert (view.name, view.has_password, view.origin) == ("门口", True, "operator")
        assert view.policy == {"place": "6402", "transport": "tcp-passive"}
        assert await enter(one, TABLE) == (0, 0, True)


async def test_passwords_are_encrypted_on_disk(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        await enter(one, TABLE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(b"its own" in path.read_bytes() for path in files)
    with sqlite3.connect(next(p for p in files if p.read_bytes()[:6] == b"SQLite")) as database:
        (stored,) = database.execute(
            "select password from devices where device_id = ?", (CAMERA,)
        ).fetchone()
    assert stored
    assert "its own" not in stored


async def test_one_bad_line_and_nothing_is_entered(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        report = await one.service.bulk.enter((TABLE + "12,,,,\n").encode(), dry_run=False)
        assert not report.applied
        assert len(report.plan.problems) == 1
        assert one.service.device(CAMERA) is None


async def test_a_database_that_fails_leaves_memory_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as one:
        await enter(one, f"id,name\n{CAMERA},before\n")

        async def fail(_work: object) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(one.service._store._writer, "through", fail)
            with pytest.raises(StoreUnavailable):
                await enter(one, f"id,name\n{CAMERA},after\n{NVR},new\n")
        assert one.service.view(CAMERA).name == "before"
        assert one.service.device(NVR) is None
        assert await enter(one, f"id,name\n{CAMERA},after\n{NVR},new\n") == (1, 1, True)


async def test_devices_that_exist_keep_what_the_table_does_not_say(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.login()
        sn = await one.catalog_sn()
        one.message(catalog_body(CAMERA, sn, 1, [item(CAMERA, CivilCode="640104")]))
        await one.service.update(CAMERA, {"password": "pw", "keepalive_interval": 30})
        assert await enter(one, f"id,city\n{CAMERA},吴忠市\n") == (0, 1, True)
        view = one.service.view(CAMERA)
        assert view.online
        assert view.has_password
        assert view.policy == {"keepalive_interval": 30, "place": "6403"}
        channel = one.service.channel(CAMERA)
        assert channel is not None
        assert channel.city == "6403"


async def test_a_device_that_waits_is_approved_by_being_entered(tmp_path: Path) -> None:
    async with world(tmp_path, unknown="approve") as one:
        assert one.login().status == 403
        await enter(one, f"id\n{CAMERA}\n")
        assert one.login().status == 200


async def test_one_table_at_a_time(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        results = await asyncio.gather(enter(one, TABLE), enter(one, TABLE), return_exceptions=True)
        assert results[0] == (2, 0, True)
        assert isinstance(results[1], Busy)


async def test_a_thousand_devices_are_listed_in_order(tmp_path: Path) -> None:
    ids = [f"6401040000132{n:07d}" for n in range(1000)]
    async with world(tmp_path) as one:
        await enter(one, "id,password\n" + "\n".join(f"{n},secret-{n}" for n in reversed(ids)))
        rows = [row async for part in one.service.bulk.rows() for row in part]
        assert [row[0] for row in rows] == ids
        assert "secret" not in str(rows)
        assert one.service.devices(limit=1)[1] == 1000
