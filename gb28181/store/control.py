"""What came of commands: pictures that were taken, upgrades that were asked for.

The pictures themselves are files in the data directory; a row knows whose picture it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import tables as t
from gb28181.store.writer import Writer


@dataclass(slots=True)
class SnapshotRecord:
    """One picture."""

    snapshot_id: str
    channel_id: str
    device_id: str
    taken_at: datetime
    source: str
    """`device` brought it, or it is out of the `stream`."""
    file_id: str
    """The device's name for it; empty for one out of the stream."""
    width: int
    height: int
    size: int


@dataclass(slots=True)
class UpgradeRecord:
    """One firmware upgrade."""

    session_id: str
    device_id: str
    firmware: str
    file_url: str
    state: str
    """sent, done, failed"""
    failure: str
    running_firmware: str
    started_at: datetime
    ended_at: datetime | None = None


class ControlBook:
    """Write-through: a row is on disk when a call returns."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    # --- pictures -------------------------------------------------------------------------------

    async def add_snapshot(self, record: SnapshotRecord) -> None:
        await self._execute(sa.insert(t.snapshots).values(asdict(record)))

    async def snapshot(self, snapshot_id: str) -> SnapshotRecord | None:
        statement = sa.select(t.snapshots).where(t.snapshots.c.snapshot_id == snapshot_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).mappings().first()
        return None if row is None else SnapshotRecord(**row)

    async def snapshots(
        self, channel_id: str, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[SnapshotRecord], int]:
        """Pictures of a channel, newest first, and how many there are."""
        c = t.snapshots.c
        clause = c.channel_id == channel_id
        listed = (
            sa.select(t.snapshots)
            .where(clause)
            .order_by(c.taken_at.desc(), c.snapshot_id.desc())
            .limit(limit)
            .offset(offset)
        )
        counted = sa.select(sa.func.count()).select_from(t.snapshots).where(clause)
        async with self._engine.connect() as connection:
            total = await connection.scalar(counted)
            found = (await connection.execute(listed)).mappings().all()
        return [SnapshotRecord(**row) for row in found], int(total or 0)

    async def forget_snapshots(self, keep: int) -> list[str]:
        """Remove the oldest rows beyond `keep`; the ids that went."""
        c = t.snapshots.c
        oldest = sa.select(c.snapshot_id).order_by(c.taken_at.desc(), c.snapshot_id.desc())
        async with self._engine.connect() as connection:
            gone = list((await connection.execute(oldest.offset(keep).limit(500))).scalars())
        if gone:
            await self._execute(sa.delete(t.snapshots).where(c.snapshot_id.in_(gone)))
        return gone

    # --- upgrades -------------------------------------------------------------------------------

    async def add_upgrade(self, record: UpgradeRecord) -> None:
        await self._execute(sa.insert(t.upgrades).values(asdict(record)))

    async def end_upgrade(self, record: UpgradeRecord) -> None:
        values = asdict(record)
        key = values.pop("session_id")
        c = t.upgrades.c
        await self._execute(sa.update(t.upgrades).where(c.session_id == key).values(values))

    async def upgrade(self, session_id: str) -> UpgradeRecord | None:
        statement = sa.select(t.upgrades).where(t.upgrades.c.session_id == session_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).mappings().first()
        return None if row is None else UpgradeRecord(**row)

    async def upgrades(
        self, device_id: str, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[UpgradeRecord], int]:
        """Upgrades of a device, newest first, and how many there are."""
        c = t.upgrades.c
        clause = c.device_id == device_id
        listed = sa.select(t.upgrades).where(clause).order_by(c.started_at.desc())
        counted = sa.select(sa.func.count()).select_from(t.upgrades).where(clause)
        async with self._engine.connect() as connection:
            total = await connection.scalar(counted)
            found = (await connection.execute(listed.limit(limit).offset(offset))).mappings().all()
        return [UpgradeRecord(**row) for row in found], int(total or 0)

    async def _execute(self, statement: Any) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._writer.through(work)
