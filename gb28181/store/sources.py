"""Cameras without SIP that an operator entered; their passwords are encrypted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import tables as t
from gb28181.store.cipher import Cipher
from gb28181.store.records import utc_now
from gb28181.store.writer import Writer

PUBLISHED = "rtmp"


@dataclass(slots=True)
class SourceRecord:
    """One source; its id is that of its channel."""

    source_id: str
    name: str
    place: str
    """Code of a city, county or basic access unit: 4, 6 or 8 digits."""
    url: str
    """Without user and password."""
    user: str = ""
    password: str | None = field(default=None, repr=False)
    """Of one that publishes: its stream key. In the clear here, encrypted in the database; None as
    well where the key of the data directory does not fit."""
    transport: str = "tcp"
    """How it comes: `tcp` or `udp` is fetched by RTSP, `rtmp` is published to us."""
    created_at: datetime = field(default_factory=utc_now)

    @property
    def publishes(self) -> bool:
        """It brings its picture itself."""
        return self.transport == PUBLISHED


class SourceBook:
    """Write-through: a row is on disk when a call returns."""

    def __init__(self, engine: AsyncEngine, writer: Writer, cipher: Cipher) -> None:
        self._engine = engine
        self._writer = writer
        self._cipher = cipher

    async def all(self) -> list[SourceRecord]:
        """Every source, oldest first."""
        statement = sa.select(t.sources).order_by(t.sources.c.created_at)
        async with self._engine.connect() as connection:
            found = (await connection.execute(statement)).mappings().all()
        return [self._read(dict(row)) for row in found]

    async def add(self, record: SourceRecord) -> None:
        await self._execute(sa.insert(t.sources).values(self._row(record)))

    async def save(self, record: SourceRecord) -> None:
        values = self._row(record)
        key = values.pop("source_id")
        c = t.sources.c
        await self._execute(sa.update(t.sources).where(c.source_id == key).values(values))

    async def remove(self, source_id: str) -> None:
        c = t.sources.c
        await self._execute(sa.delete(t.sources).where(c.source_id == source_id))

    def _row(self, record: SourceRecord) -> dict[str, object]:
        row = asdict(record)
        if record.password is not None:
            row["password"] = self._cipher.encrypt(record.password)
        return row

    def _read(self, row: dict[str, object]) -> SourceRecord:
        record = SourceRecord(**row)  # type: ignore[arg-type]
        if record.password is not None:
            record.password = self._cipher.decrypt(record.password)
        return record

    async def _execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._writer.through(work)
