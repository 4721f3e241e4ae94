"""The store: what must last, behind one object that never makes signalling wait.

Write-behind (`put_*`, `del_*`): returns at once, on disk within a second, coalesced per row.
Write-through (`save_*`, `close_dialog`, `delete_device`, users, secrets): awaits the commit, raises
`StoreUnavailable` when there was none. Nothing here knows what the rows mean.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import rows
from gb28181.store.accounts import Accounts
from gb28181.store.alarms import AlarmBook
from gb28181.store.backup import backup_database
from gb28181.store.cipher import Cipher, load_key
from gb28181.store.control import ControlBook
from gb28181.store.downloads import DownloadBook
from gb28181.store.engine import create_engine, database_url
from gb28181.store.errors import StoreUnavailable
from gb28181.store.history import History
from gb28181.store.migrate import upgrade
from gb28181.store.options import StoreOptions
from gb28181.store.pending import Pending
from gb28181.store.pushes import PushBook
from gb28181.store.recordings import RecordingBook
from gb28181.store.records import (
    AlarmRecord,
    ChannelRecord,
    DeviceRecord,
    DialogRecord,
    IntervalRecord,
    PositionRecord,
    RegistrationRecord,
    SubscriptionRecord,
    utc_now,
)
from gb28181.store.sources import SourceBook
from gb28181.store.statements import Statements
from gb28181.store.tracks import Tracks
from gb28181.store.vault import Vault
from gb28181.store.writer import Writer, WriterCounters
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

log = get_logger("store")

KEEPALIVE_ROWS = 500
DEVICE_ROWS = 500


class Store:
    """One open database. Make it with `await Store.open(...)`, end it with `aclose()`."""

    accounts: Accounts
    """Users and API keys."""
    history: History
    """Intervals of state, runs of the platform, retention."""
    vault: Vault
    """Generated secrets."""
    alarms: AlarmBook
    """Alarms and their rules."""
    tracks: Tracks
    """Positions."""
    downloads: DownloadBook
    """Recordings that were fetched."""
    recordings: RecordingBook
    """What the platform records itself."""
    sources: SourceBook
    """Cameras without SIP."""
    pushes: PushBook
    """Streams that are brought to other servers."""
    control: ControlBook
    """Pictures that were taken, upgrades that were asked for."""

    def __init__(
        self, engine: AsyncEngine, data_dir: Path, cipher: Cipher, options: StoreOptions
    ) -> None:
        self.data_dir = data_dir
        self.options = options
        self._engine = engine
        self._cipher = cipher
        self._statements = Statements(engine.dialect.name)
        self._pending = Pending(options.queue_limit)
        self._writer = Writer(
            engine,
            self._statements,
            self._pending,
            cipher,
            interval_s=options.flush_interval_s,
            failed=self._flush_failed,
        )
        self._failure_logged = 0.0
        self._closed = False
        self.accounts = Accounts(engine, self._statements, self._writer, cipher)
        self.history = History(engine, self._statements, self._writer, self._pending, options)
        self.vault = Vault(engine, self._statements, self._writer, cipher)
        self.alarms = AlarmBook(engine, self._statements, self._writer, cipher, options)
        self.tracks = Tracks(engine, self._statements, self._writer, options)
        self.control = ControlBook(engine, self._writer)
        self.downloads = DownloadBook(engine, self._writer)
        self.recordings = RecordingBook(engine, self._writer)
        self.sources = SourceBook(engine, self._writer, cipher)
        self.pushes = PushBook(engine, self._writer, cipher)
        self.history.purgers += [self.alarms.purge, self.tracks.purge]

    @classmethod
    async def open(
        cls,
        url: str | None,
        data_dir: str | Path,
        options: StoreOptions | None = None,
    ) -> Store:
        """Make the data directory and its key if missing, migrate, start the writer."""
        started = time.monotonic()
        options = options or StoreOptions()
        directory = Path(data_dir)
        cipher = Cipher(load_key(directory))
        engine = create_engine(
            database_url(url, directory), busy_timeout_ms=options.busy_timeout_ms
        )
        # alembic narrates at INFO; its story is told by one event of ours
        logging.getLogger("alembic").setLevel(logging.WARNING)
        try:
            revision = await upgrade(engine)
        except BaseException:
            await engine.dispose()
            raise
        store = cls(engine, directory, cipher, options)
        store._writer.start()
        log.event(
            ev.STORE_OPENED,
            backend=engine.dialect.name,
            revision=revision,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        return store

    @property
    def counters(self) -> WriterCounters:
        return self._writer.counters

    @property
    def waiting(self) -> int:
        """Rows in memory that are not on disk yet."""
        return len(self._pending)

    @property
    def dropped(self) -> int:
        """Rows lost because the database failed for too long."""
        return self._pending.dropped

    # --- read at start ----------------------------------------------------------------------

    async def _all(self, kind: str) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.all[kind])
            return [dict(row) for row in result.mappings()]

    async def load_devices(self) -> list[DeviceRecord]:
        """All devices; a password that cannot be decrypted comes as None and is reported."""
        records = []
        for row in await self._all("device"):
            record, readable = rows.device_from(row, self._cipher)
            if not readable:
                log.event(ev.STORE_SECRET_UNREADABLE, device_id=record.device_id)
            records.append(record)
        return records

    async def load_registrations(self) -> list[RegistrationRecord]:
        return [RegistrationRecord(**row) for row in await self._all("registration")]

    async def load_channels(self) -> list[ChannelRecord]:
        """All catalog items of all devices, channels and others."""
        return [ChannelRecord(**row) for row in await self._all("channel")]

    async def load_intervals_open(self) -> list[IntervalRecord]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.open_intervals)
            return [rows.interval_from(dict(row)) for row in result.mappings()]

    async def load_dialogs_open(self) -> list[DialogRecord]:
        """INVITE dialogs nobody closed: the BYEs a run before owes."""
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.open_dialogs)
            return [DialogRecord(**dict(row)) for row in result.mappings()]

    async def load_subscriptions(self) -> list[SubscriptionRecord]:
        return [SubscriptionRecord(**row) for row in await self._all("subscription")]

    # --- write-behind -----------------------------------------------------------------------

    def put_device(self, record: DeviceRecord) -> None:
        self._pending.put("device", (record.device_id,), record)
        self._writer.touched()

    def put_registration(self, record: RegistrationRecord) -> None:
        self._pending.put("registration", (record.device_id,), record)
        self._writer.touched()

    def put_refresh(self, record: RegistrationRecord) -> None:
        """Of a registration that is stored only the times have changed. Records are read when they
        are written, so whatever the whole one says counts."""
        key = (record.device_id,)
        if not self._pending.has("registration", key):
            self._pending.put("refresh", key, record)
            self._writer.touched()

    def put_channels(self, records: Iterable[ChannelRecord]) -> None:
        for record in records:
            self._pending.put("channel", (record.device_id, record.reported_id), record)
        self._writer.touched()

    def del_channels(self, device_id: str, reported_ids: Iterable[str]) -> None:
        for reported_id in reported_ids:
            self._pending.put("channel", (device_id, reported_id), None)
        self._writer.touched()

    def put_interval(self, record: IntervalRecord) -> None:
        self._pending.put("interval", (record.device_id, record.start), record)
        self._writer.touched()

    def put_subscription(self, record: SubscriptionRecord) -> None:
        self._pending.put("subscription", (record.device_id, record.kind), record)
        self._writer.touched()

    def del_subscription(self, device_id: str, kind: str) -> None:
        self._pending.put("subscription", (device_id, kind), None)
        self._writer.touched()

    def put_alarm(self, record: AlarmRecord) -> None:
        self._pending.put("alarm", (record.alarm_id,), record)
        self._writer.touched()

    def put_position(self, record: PositionRecord) -> None:
        self._pending.put("position", (record.device_id, record.reported_id, record.at), record)
        self._writer.touched()

    # --- write-through ----------------------------------------------------------------------

    async def save_device(self, record: DeviceRecord) -> None:
        """What an operator entered about a device, on disk when this returns."""
        row = rows.to_row(record, self._cipher)
        before = self._pending.sequence

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["device"], row)
            self._pending.forget("device", (record.device_id,), before)

        await self._writer.through(work)

    async def save_devices(self, records: Sequence[DeviceRecord]) -> None:
        """Many at once, all of them or none. Encrypting goes to a thread: it takes 20 us each."""
        before = self._pending.sequence
        kept = list(records)
        values = await asyncio.to_thread(
            lambda: [rows.to_row(record, self._cipher) for record in kept]
        )

        async def work(connection: AsyncConnection) -> None:
            for start in range(0, len(values), DEVICE_ROWS):
                part = values[start : start + DEVICE_ROWS]
                await connection.execute(self._statements.upsert["device"], part)
            for record in kept:
                self._pending.forget("device", (record.device_id,), before)

        if values:
            await self._writer.through(work)

    async def delete_device(self, device_id: str, *, intervals: bool = True) -> None:
        """Remove a device with its registration and channels, and its history if wanted."""
        before = self._pending.sequence
        key = {"k_device_id": device_id}

        async def work(connection: AsyncConnection) -> None:
            self._pending.forget_device(device_id, before)
            await connection.execute(self._statements.channels_of_device, key)
            if intervals:
                await connection.execute(self._statements.intervals_of_device, key)
                for statement in self._statements.reports_of_device:
                    await connection.execute(statement, key)
            await connection.execute(self._statements.delete["registration"], key)
            await connection.execute(self._statements.delete["device"], key)

        await self._writer.through(work)

    async def save_channels(self, records: Iterable[ChannelRecord]) -> None:
        """What an operator said about channels (hidden, for example)."""
        kept = list(records)
        values = [rows.to_row(record, self._cipher) for record in kept]
        before = self._pending.sequence

        async def work(connection: AsyncConnection) -> None:
            if values:
                await connection.execute(self._statements.upsert["channel"], values)
            for record in kept:
                self._pending.forget("channel", (record.device_id, record.reported_id), before)

        await self._writer.through(work)

    async def save_dialog(self, record: DialogRecord) -> None:
        """The whole row of an INVITE dialog; call it before the INVITE leaves and on changes."""
        row = rows.to_row(record, self._cipher)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["dialog"], row)

        await self._writer.through(work)

    async def close_dialog(
        self, call_id: str, reason: str, closed_at: datetime | None = None
    ) -> None:
        """The dialog is over; its row stays as history until the retention ends."""
        values = {
            "k_call_id": call_id,
            "b_reason": reason,
            "b_closed_at": closed_at or utc_now(),
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.close_dialog, values)

        await self._writer.through(work)

    async def save_keepalives(self, seen: Iterable[tuple[str, datetime]]) -> None:
        """Narrow update of `last_keepalive_at`, in portions; called every few minutes only."""
        values = [{"k_device_id": device_id, "b_at": at} for device_id, at in seen]
        for start in range(0, len(values), KEEPALIVE_ROWS):
            part = values[start : start + KEEPALIVE_ROWS]

            async def work(connection: AsyncConnection, part: list[dict[str, Any]] = part) -> None:
                await connection.execute(self._statements.touch_keepalive, part)

            await self._writer.through(work)

    # --- life -------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Everything put so far is on disk when this returns."""
        await self._writer.flush()

    async def backup(self, path: str | Path) -> int:
        """Copy the database to `path` while running; returns the size of the copy."""
        started = time.monotonic()
        await self.flush()
        size = await backup_database(self._engine.url, self.data_dir, Path(path))
        log.event(
            ev.STORE_BACKUP_WRITTEN,
            path=str(path),
            size=size,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        return size

    async def aclose(self) -> None:
        """Flush, note the end of the run, close. Bounded in time, idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(self.options.close_timeout_s):
                await self.history.aclose()
                await self._writer.flush()
        except (StoreUnavailable, TimeoutError) as error:
            log.event(ev.STORE_FLUSH_FAILED, rows=len(self._pending), reason=f"at close: {error}")
        await self._writer.aclose()
        await self._engine.dispose()

    def _flush_failed(self, count: int, reason: str) -> None:
        now = time.monotonic()
        if now - self._failure_logged >= 1.0:
            self._failure_logged = now
            log.event(ev.STORE_FLUSH_FAILED, rows=count, reason=reason)
