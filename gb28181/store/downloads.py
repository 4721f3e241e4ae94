"""Recordings that were fetched, or are being fetched; their files lie in the data directory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import tables as t
from gb28181.store.records import utc_now
from gb28181.store.writer import Writer


@dataclass(slots=True)
class DownloadRecord:
    """One download."""

    download_id: str
    channel_id: str
    device_id: str
    start_at: datetime
    end_at: datetime
    speed: int = 1
    transport: str = ""
    """Empty: as the device is set."""
    state: str = "queued"
    reason: str = ""
    message: str = ""
    position: float = 0.0
    """How far it was received, UNIX seconds of recorded time."""
    size: int = 0
    sha256: str = ""
    duration_s: float = 0.0
    video: str = ""
    audio: str = ""
    created_at: datetime = field(default_factory=utc_now)
    ended_at: datetime | None = None


class DownloadBook:
    """Write-through: a row is on disk when a call returns."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def all(self) -> list[DownloadRecord]:
        """Every download, oldest first."""
        statement = sa.select(t.downloads).order_by(t.downloads.c.created_at)
        async with self._engine.connect() as connection:
            found = (await connection.execute(statement)).mappings().all()
        return [DownloadRecord(**row) for row in found]

    async def add(self, record: DownloadRecord) -> None:
        await self._execute(sa.insert(t.downloads).values(asdict(record)))

    async def save(self, record: DownloadRecord) -> None:
        values = asdict(record)
        key = values.pop("download_id")
        c = t.downloads.c
        await self._execute(sa.update(t.downloads).where(c.download_id == key).values(values))

    async def remove(self, download_id: str) -> None:
        c = t.downloads.c
        await self._execute(sa.delete(t.downloads).where(c.download_id == download_id))

    async def _execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._writer.through(work)
