"""Pushes that an operator entered; their addresses, which hold secrets, are encrypted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import tables as t
from gb28181.store.cipher import Cipher
from gb28181.store.records import utc_now
from gb28181.store.writer import Writer


@dataclass(slots=True)
class PushRecord:
    """One push."""

    push_id: str
    channel_id: str
    stream: str
    """`main` or `sub`."""
    target: str
    """The address as it is shown: without its secrets."""
    url: str | None = field(repr=False)
    """All of it, in the clear here, encrypted in the database; None where the key does not fit."""
    created_at: datetime = field(default_factory=utc_now)


class PushBook:
    """Write-through: a row is on disk when a call returns."""

    def __init__(self, engine: AsyncEngine, writer: Writer, cipher: Cipher) -> None:
        self._engine = engine
        self._writer = writer
        self._cipher = cipher

    async def all(self) -> list[PushRecord]:
        """Every push, oldest first."""
        statement = sa.select(t.pushes).order_by(t.pushes.c.created_at, t.pushes.c.push_id)
        async with self._engine.connect() as connection:
            found = (await connection.execute(statement)).mappings().all()
        return [self._read(dict(row)) for row in found]

    async def add(self, record: PushRecord) -> None:
        row = asdict(record)
        row["url"] = None if record.url is None else self._cipher.encrypt(record.url)
        await self._execute(sa.insert(t.pushes).values(row))

    async def remove(self, push_id: str) -> None:
        await self._execute(sa.delete(t.pushes).where(t.pushes.c.push_id == push_id))

    def _read(self, row: dict[str, object]) -> PushRecord:
        record = PushRecord(**row)  # type: ignore[arg-type]
        if record.url is not None:
            record.url = self._cipher.decrypt(record.url)
        return record

    async def _execute(self, statement: sa.Insert | sa.Delete) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._writer.through(work)
