"""Pushes in the store, the same tests on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from gb28181.store import Store
from gb28181.store import tables as t
from gb28181.store.pushes import PushRecord

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
CHANNEL = "64010000001320000001"


def record(number: int, url: str | None = "rtsp://u:s3cret@h/x") -> PushRecord:
    at = NOW + timedelta(minutes=number)
    return PushRecord(f"p{number}", CHANNEL, "main", "rtsp://u:***@h/x", url, at)


async def test_they_come_back_oldest_first_and_go(store: Store) -> None:
    for number in (2, 1, 3):
        await store.pushes.add(record(number))
    assert await store.pushes.all() == [record(1), record(2), record(3)]
    await store.pushes.remove("p2")
    await store.pushes.remove("p2")
    assert await store.pushes.all() == [record(1), record(3)]


async def test_what_is_secret_is_encrypted(store: Store) -> None:
    await store.pushes.add(record(1))
    async with store._engine.connect() as connection:
        (row,) = (await connection.execute(sa.select(t.pushes))).mappings().all()
    assert "s3cret" not in str(dict(row))
    assert "s3cret" not in repr(record(1))
