"""Alarms as they are read, acknowledged and forgotten, and the rules about them.

Alarms are written behind by the store (`Store.put_alarm`); reads flush first, so that an answer
includes what happened a moment ago. Rules are few and written through.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import rows
from gb28181.store import tables as t
from gb28181.store.cipher import Cipher
from gb28181.store.options import StoreOptions
from gb28181.store.records import AlarmRecord, AlarmRuleRecord
from gb28181.store.statements import Statements
from gb28181.store.writer import Writer

PURGE_SLICE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    """What is looked for; None and empty mean all."""

    device_id: str = ""
    channel_id: str = ""
    priorities: tuple[int, ...] = ()
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    acknowledged: bool | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        c = t.alarms.c
        found: list[sa.ColumnElement[bool]] = []
        if self.device_id:
            found.append(c.device_id == self.device_id)
        if self.channel_id:
            found.append(c.channel_id == self.channel_id)
        for column, wanted in (
            (c.priority, self.priorities),
            (c.method, self.methods),
            (c.type, self.types),
        ):
            if wanted:
                found.append(column.in_(wanted))
        if self.start is not None:
            found.append(c.alarm_at >= self.start)
        if self.end is not None:
            found.append(c.alarm_at < self.end)
        if self.acknowledged is not None:
            known = c.acknowledged_at.is_not(None)
            found.append(known if self.acknowledged else c.acknowledged_at.is_(None))
        return found


class AlarmBook:
    """Questions about alarms, and what operators say about them."""

    def __init__(
        self,
        engine: AsyncEngine,
        statements: Statements,
        writer: Writer,
        cipher: Cipher,
        options: StoreOptions,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._writer = writer
        self._cipher = cipher
        self._options = options

    async def find(
        self, wanted: AlarmFilter, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[AlarmRecord], int]:
        """Alarms, newest first, and how many match."""
        await self._writer.flush()
        clauses = wanted.clauses()
        listed = (
            sa.select(t.alarms)
            .where(*clauses)
            .order_by(t.alarms.c.alarm_at.desc(), t.alarms.c.alarm_id)
            .limit(limit)
            .offset(offset)
        )
        counted = sa.select(sa.func.count()).select_from(t.alarms).where(*clauses)
        async with self._engine.connect() as connection:
            total = await connection.scalar(counted)
            result = await connection.execute(listed)
            found = [AlarmRecord(**dict(row)) for row in result.mappings()]
        return found, int(total or 0)

    async def get(self, alarm_id: str) -> AlarmRecord | None:
        await self._writer.flush()
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.alarm_by_id, {"alarm_id": alarm_id})
            row = result.mappings().first()
        return None if row is None else AlarmRecord(**dict(row))

    async def acknowledge(self, alarm_id: str, at: datetime, by: str, note: str) -> None:
        """Somebody has seen it."""
        await self._writer.flush()
        values = {"k_alarm_id": alarm_id, "b_at": at, "b_by": by, "b_note": note}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.acknowledge, values)

        await self._writer.through(work)

    async def purge(self, now: datetime) -> int:
        """Remove what is past its retention, a day's worth at a time."""
        days = self._options.alarm_retention_days
        return await purge_slices(
            self._engine,
            self._writer,
            self._statements.oldest_alarm,
            self._statements.purge_alarms,
            None if days <= 0 else now - timedelta(days=days),
        )

    # --- rules ------------------------------------------------------------------------------

    async def rules(self) -> list[AlarmRuleRecord]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.all["alarm_rule"])
            found = [rows.alarm_rule_from(row, self._cipher) for row in result.mappings()]
        return sorted(found, key=lambda rule: (rule.created_at, rule.rule_id))

    async def save_rule(self, record: AlarmRuleRecord) -> None:
        row = rows.to_row(record, self._cipher)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["alarm_rule"], row)

        await self._writer.through(work)

    async def delete_rule(self, rule_id: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.delete["alarm_rule"], {"k_rule_id": rule_id})

        await self._writer.through(work)


async def purge_slices(
    engine: AsyncEngine, writer: Writer, oldest: Any, statement: Any, before: datetime | None
) -> int:
    """Delete everything before a moment, in transactions of a day each."""
    if before is None:
        return 0
    async with engine.connect() as connection:
        at: datetime | None = await connection.scalar(oldest)
    removed = 0
    while at is not None and at < before:
        at = min(at + PURGE_SLICE, before)
        moment = at

        async def work(connection: AsyncConnection, moment: datetime = moment) -> int:
            result = await connection.execute(statement, {"before": moment})
            return int(result.rowcount)

        removed += int(await writer.through(work))
    return removed
