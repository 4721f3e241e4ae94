"""Positions as they are read and forgotten; written behind by the store (`Store.put_position`)."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from gb28181.store import tables as t
from gb28181.store.alarms import purge_slices
from gb28181.store.options import StoreOptions
from gb28181.store.records import PositionRecord
from gb28181.store.statements import Statements
from gb28181.store.writer import Writer


class Tracks:
    """Questions about positions."""

    def __init__(
        self, engine: AsyncEngine, statements: Statements, writer: Writer, options: StoreOptions
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._writer = writer
        self._options = options

    async def find(
        self,
        device_id: str,
        reported_id: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[PositionRecord], int]:
        """Positions in [start, end), oldest first, of one item or of all of a device; and how
        many there are."""
        await self._writer.flush()
        c = t.positions.c
        clauses = [c.device_id == device_id]
        if reported_id:
            clauses.append(c.reported_id == reported_id)
        if start is not None:
            clauses.append(c.at >= start)
        if end is not None:
            clauses.append(c.at < end)
        listed = (
            sa.select(t.positions)
            .where(*clauses)
            .order_by(c.at, c.reported_id)
            .limit(limit)
            .offset(offset)
        )
        counted = sa.select(sa.func.count()).select_from(t.positions).where(*clauses)
        async with self._engine.connect() as connection:
            total = await connection.scalar(counted)
            result = await connection.execute(listed)
            found = [PositionRecord(**dict(row)) for row in result.mappings()]
        return found, int(total or 0)

    async def purge(self, now: datetime) -> int:
        """Remove what is past its retention, a day's worth at a time."""
        days = self._options.position_retention_days
        return await purge_slices(
            self._engine,
            self._writer,
            self._statements.oldest_position,
            self._statements.purge_positions,
            None if days <= 0 else now - timedelta(days=days),
        )
