"""What the platform records: plans, who is recorded, segments and gaps, exports.

Rows are few (a segment is ten minutes) and written through; the files lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import tables as t
from gb28181.store.records import utc_now
from gb28181.store.writer import Writer


@dataclass(slots=True)
class PlanRecord:
    """When channels are to be recorded."""

    plan_id: str
    name: str
    enabled: bool
    week: list[list[list[int]]]
    """For each day from Monday on: stretches of minutes, `[from, to]`."""
    created_at: datetime = field(default_factory=utc_now)


@dataclass(slots=True)
class RecordedChannel:
    """What is wanted of a channel."""

    channel_id: str
    plan_id: str = ""
    by_hand: bool = False
    until_at: datetime | None = None
    """Of a recording by hand; None: until it is stopped."""


@dataclass(slots=True)
class SegmentRecord:
    """One file."""

    segment_id: str
    channel_id: str
    path: str
    """Below the folder of recordings."""
    start_at: datetime
    end_at: datetime
    size: int = 0
    duration_s: float = 0.0
    video: str = ""
    audio: str = ""
    state: str = "growing"
    """`growing`, `done`, or `lost`: its file is gone."""
    reason: str = ""
    """Why it ended."""
    protected: bool = False
    place: str = "local"
    """`local`, or `store`: where its file is."""


@dataclass(slots=True)
class GapRecord:
    """Recording was wanted, and there was nothing to record."""

    channel_id: str
    start_at: datetime
    end_at: datetime | None = None
    cause: str = ""


@dataclass(slots=True)
class ExportRecord:
    """A stretch of time as one file."""

    export_id: str
    channel_id: str
    start_at: datetime
    end_at: datetime
    state: str = "running"
    message: str = ""
    size: int = 0
    sha256: str = ""
    duration_s: float = 0.0
    created_at: datetime = field(default_factory=utc_now)
    ended_at: datetime | None = None


class RecordingBook:
    """Write-through: a row is on disk when a call returns."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    # --- plans and channels ------------------------------------------------------------------

    async def plans(self) -> list[PlanRecord]:
        """All plans, oldest first."""
        c = t.recording_plans.c
        statement = sa.select(t.recording_plans).order_by(c.created_at, c.plan_id)
        return [PlanRecord(**row) for row in await self._rows(statement)]

    async def channels(self) -> list[RecordedChannel]:
        return [RecordedChannel(**row) for row in await self._rows(sa.select(t.recording_channels))]

    async def save_plan(self, record: PlanRecord) -> None:
        await self._replace(t.recording_plans, record, "plan_id")

    async def delete_plan(self, plan_id: str) -> None:
        table = t.recording_plans
        await self._do(sa.delete(table).where(table.c.plan_id == plan_id))

    async def save_channels(self, records: Sequence[RecordedChannel]) -> None:
        """All of them or none; a row that wants nothing is removed."""
        table = t.recording_channels
        values = [asdict(one) for one in records if one.plan_id or one.by_hand]

        async def work(connection: AsyncConnection) -> None:
            for one in records:
                await connection.execute(
                    sa.delete(table).where(table.c.channel_id == one.channel_id)
                )
            if values:
                await connection.execute(sa.insert(table), values)

        await self._writer.through(work)

    # --- segments ----------------------------------------------------------------------------

    async def add_segment(self, record: SegmentRecord) -> None:
        await self._do(sa.insert(t.recording_segments).values(asdict(record)))

    async def save_segment(self, record: SegmentRecord) -> None:
        values = asdict(record)
        key = values.pop("segment_id")
        del values["protected"], values["place"]  # those are said by others, at any time
        table = t.recording_segments
        await self._do(sa.update(table).where(table.c.segment_id == key).values(values))

    async def protect(self, segment_ids: Sequence[str], on: bool) -> None:
        table = t.recording_segments
        for start in range(0, len(segment_ids), 500):
            part = segment_ids[start : start + 500]
            await self._do(
                sa.update(table).where(table.c.segment_id.in_(part)).values(protected=on)
            )

    async def delete_segment(self, segment_id: str) -> None:
        table = t.recording_segments
        await self._do(sa.delete(table).where(table.c.segment_id == segment_id))

    async def segment(self, segment_id: str) -> SegmentRecord | None:
        table = t.recording_segments
        found = await self._segments(sa.select(table).where(table.c.segment_id == segment_id))
        return found[0] if found else None

    async def segments(
        self, channel_id: str, start: datetime, end: datetime, limit: int = 10_000
    ) -> list[SegmentRecord]:
        """Those that overlap a stretch of time, oldest first."""
        c = t.recording_segments.c
        statement = (
            sa.select(t.recording_segments)
            .where(
                c.channel_id == channel_id,
                c.start_at < end,
                sa.or_(c.end_at > start, c.state == "growing"),
            )
            .order_by(c.start_at, c.path)
            .limit(limit)
        )
        return await self._segments(statement)

    async def growing(self) -> list[SegmentRecord]:
        """Those that are not closed."""
        table = t.recording_segments
        return await self._segments(sa.select(table).where(table.c.state == "growing"))

    async def last(self, channel_id: str) -> SegmentRecord | None:
        c = t.recording_segments.c
        found = await self._segments(
            sa.select(t.recording_segments)
            .where(c.channel_id == channel_id)
            .order_by(c.start_at.desc())
            .limit(1)
        )
        return found[0] if found else None

    async def oldest(
        self, before: datetime | None = None, limit: int = 100, place: str = "local"
    ) -> list[SegmentRecord]:
        """Whole ones of a place that may go, oldest first."""
        c = t.recording_segments.c
        statement = sa.select(t.recording_segments).where(
            c.place == place, c.state != "growing", c.protected.is_(False)
        )
        if before is not None:
            statement = statement.where(c.end_at < before)
        return await self._segments(statement.order_by(c.start_at).limit(limit))

    async def to_move(self, limit: int) -> list[SegmentRecord]:
        """Whole ones that are on the local disk, oldest first."""
        c = t.recording_segments.c
        statement = sa.select(t.recording_segments).where(c.place == "local", c.state == "done")
        return await self._segments(statement.order_by(c.start_at).limit(limit))

    async def set_place(self, segment_id: str, place: str) -> bool:
        """Say where a file is; False when there is no such segment any more."""
        table = t.recording_segments
        statement = sa.update(table).where(table.c.segment_id == segment_id).values(place=place)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement)).rowcount > 0

        return bool(await self._writer.through(work))

    async def total_size(self, place: str = "local") -> int:
        """Bytes of all files of a place."""
        c = t.recording_segments.c
        statement = sa.select(sa.func.coalesce(sa.func.sum(c.size), 0)).where(c.place == place)
        async with self._engine.connect() as connection:
            return int(await connection.scalar(statement) or 0)

    async def paths(self, place: str | None = None) -> dict[str, tuple[str, str]]:
        """Path to id and state of every segment, or of those of a place."""
        c = t.recording_segments.c
        statement = sa.select(c.path, c.segment_id, c.state)
        rows = await self._rows(statement if place is None else statement.where(c.place == place))
        return {row["path"]: (row["segment_id"], row["state"]) for row in rows}

    # --- gaps --------------------------------------------------------------------------------

    async def save_gap(self, record: GapRecord) -> None:
        """Enter a gap, or how it ended."""
        table = t.recording_gaps
        key = (table.c.channel_id == record.channel_id) & (table.c.start_at == record.start_at)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sa.delete(table).where(key))
            if record.end_at is None or record.end_at > record.start_at:
                await connection.execute(sa.insert(table).values(asdict(record)))

        await self._writer.through(work)

    async def gaps(self, channel_id: str, start: datetime, end: datetime) -> list[GapRecord]:
        c = t.recording_gaps.c
        statement = (
            sa.select(t.recording_gaps)
            .where(
                c.channel_id == channel_id,
                c.start_at < end,
                sa.or_(c.end_at.is_(None), c.end_at > start),
            )
            .order_by(c.start_at)
            .limit(10_000)
        )
        return [GapRecord(**row) for row in await self._rows(statement)]

    async def open_gaps(self) -> list[GapRecord]:
        table = t.recording_gaps
        rows = await self._rows(sa.select(table).where(table.c.end_at.is_(None)))
        return [GapRecord(**row) for row in rows]

    async def purge_gaps(self, before: datetime) -> None:
        c = t.recording_gaps.c
        await self._do(sa.delete(t.recording_gaps).where(c.end_at < before))

    # --- exports -----------------------------------------------------------------------------

    async def exports(self) -> list[ExportRecord]:
        c = t.recording_exports.c
        statement = sa.select(t.recording_exports).order_by(c.created_at)
        return [ExportRecord(**row) for row in await self._rows(statement)]

    async def save_export(self, record: ExportRecord) -> None:
        await self._replace(t.recording_exports, record, "export_id")

    async def delete_export(self, export_id: str) -> None:
        table = t.recording_exports
        await self._do(sa.delete(table).where(table.c.export_id == export_id))

    # --- small helpers -----------------------------------------------------------------------

    async def _segments(self, statement: sa.Select[Any]) -> list[SegmentRecord]:
        return [SegmentRecord(**row) for row in await self._rows(statement)]

    async def _rows(self, statement: sa.Select[Any]) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            result = await connection.execute(statement)
            return [dict(row) for row in result.mappings()]

    async def _replace(self, table: sa.Table, record: PlanRecord | ExportRecord, key: str) -> None:
        values = asdict(record)
        name = table.c[key]

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sa.delete(table).where(name == values[key]))
            await connection.execute(sa.insert(table).values(values))

        await self._writer.through(work)

    async def _do(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._writer.through(work)
