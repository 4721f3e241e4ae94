"""What was when: intervals of state, the runs of the platform itself, and their retention.

A run notes every few seconds that it lives. The next run reads that note: the time between is the
platform's own downtime, an interval with cause `platform` that belongs to no device.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import rows
from gb28181.store.errors import StoreUnavailable
from gb28181.store.options import StoreOptions
from gb28181.store.pending import Pending
from gb28181.store.records import IntervalRecord, RunRecord, utc_now
from gb28181.store.statements import Statements
from gb28181.store.writer import Writer
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

log = get_logger("store")

PLATFORM = ""
"""The `device_id` of the platform's own intervals."""
PURGE_SLICE = timedelta(days=1)


class History:
    """Reads flush first, so that an answer includes what happened a moment ago."""

    def __init__(
        self,
        engine: AsyncEngine,
        statements: Statements,
        writer: Writer,
        pending: Pending,
        options: StoreOptions,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._writer = writer
        self._pending = pending
        self._options = options
        self.purgers: list[Callable[[datetime], Awaitable[int]]] = []
        """Others whose rows get old; called with the time of day."""
        self._run: RunRecord | None = None
        self._task: asyncio.Task[None] | None = None

    async def intervals(
        self,
        device_id: str,
        start: datetime,
        end: datetime,
        *,
        limit: int = 1000,
        offset: int = 0,
    ) -> tuple[list[IntervalRecord], int]:
        """Intervals that touch [start, end), oldest first, and how many there are in all."""
        await self._writer.flush()
        values: dict[str, Any] = {"device_id": device_id, "start": start, "end": end}
        async with self._engine.connect() as connection:
            total = await connection.scalar(self._statements.count_intervals, values)
            result = await connection.execute(
                self._statements.intervals_between, {**values, "limit": limit, "offset": offset}
            )
            found = [rows.interval_from(dict(row)) for row in result.mappings()]
        return found, int(total or 0)

    # --- runs -------------------------------------------------------------------------------

    async def begin_run(self, run_id: str, version: str = "") -> IntervalRecord | None:
        """Note that a run begins; returns the downtime before it, already stored."""
        now = utc_now()
        async with self._engine.connect() as connection:
            row = (await connection.execute(self._statements.last_run)).mappings().first()
        previous = None if row is None else RunRecord(**row)
        run = RunRecord(run_id, now, now, None, version)
        downtime: IntervalRecord | None = None
        if previous is not None:
            since = previous.ended_at or previous.alive_at
            if since < now:
                downtime = IntervalRecord(PLATFORM, "offline", "platform", since, now)
        run_row = {name: getattr(run, name) for name in RunRecord.__dataclass_fields__}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["run"], run_row)
            if downtime is not None:
                values = {
                    "device_id": PLATFORM,
                    "started_at": downtime.start,
                    "ended_at": downtime.end,
                    "state": downtime.state,
                    "cause": downtime.cause,
                }
                await connection.execute(self._statements.upsert["interval"], values)

        await self._writer.through(work)
        self._run = run
        self._task = asyncio.create_task(self._keep(), name="store history")
        return downtime

    async def aclose(self) -> None:
        """Stop the background work and mark the run as ended; the caller flushes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._run is not None:
            self._run.alive_at = self._run.ended_at = utc_now()
            self._note_run()
            self._run = None

    def _note_run(self) -> None:
        assert self._run is not None
        self._pending.put("run", (self._run.run_id,), self._run)
        self._writer.touched()

    async def _keep(self) -> None:
        """Note that we live; purge now and then."""
        loop = asyncio.get_running_loop()
        purge_at = loop.time() + self._options.purge_first_s
        while True:
            await asyncio.sleep(self._options.alive_interval_s)
            assert self._run is not None
            self._run.alive_at = utc_now()
            self._note_run()
            if loop.time() >= purge_at:
                purge_at = loop.time() + self._options.purge_interval_s
                try:
                    await self._purge_all()
                except StoreUnavailable:
                    continue  # the writer has reported it; the next round tries again

    async def _purge_all(self) -> None:
        now = utc_now()
        if self._options.retention_days > 0:
            await self.purge(now - timedelta(days=self._options.retention_days))
        for purger in self.purgers:
            await purger(now)

    # --- retention --------------------------------------------------------------------------

    async def purge(self, before: datetime) -> int:
        """Remove closed intervals, dialogs and runs older than `before`, a day's worth at a time
        so that no transaction gets long; returns how many rows went."""
        async with self._engine.connect() as connection:
            at: datetime | None = await connection.scalar(self._statements.oldest_interval)
        removed = 0
        while at is not None and at < before:
            at = min(at + PURGE_SLICE, before)
            removed += await self._purge(self._statements.purge_intervals, at)
        removed += await self._purge(self._statements.purge_dialogs, before)
        removed += await self._purge(self._statements.purge_runs, before)
        if removed:
            log.event(ev.STORE_RETENTION_APPLIED, rows=removed, before=before.isoformat())
        return removed

    async def _purge(self, statement: Any, before: datetime) -> int:
        async def work(connection: AsyncConnection) -> int:
            result = await connection.execute(statement, {"before": before})
            return int(result.rowcount)

        return int(await self._writer.through(work))
