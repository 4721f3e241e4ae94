"""Exports: films written to a file of their own, with its SHA-256, to be fetched and kept.

One is written at a time; the files are removed when they are old. What a stop of the platform
interrupted is written anew at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from gb28181.cluster.bus import Bus, Event
from gb28181.errors import Busy, Conflict, NotFound, PlatformError
from gb28181.store.errors import StoreUnavailable
from gb28181.store.recordings import ExportRecord
from gb28181.store.records import utc_now
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger

from .film import Film, checked_span, read_film
from .options import RecordingOptions
from .storage import Disk

MOST_WAITING = 100
PURGE_S = 600.0
RUNNING, DONE, FAILED = "running", "done", "failed"

log = get_logger("recording")


class Book(Protocol):
    """Where exports are kept."""

    async def exports(self) -> list[ExportRecord]: ...
    async def save_export(self, record: ExportRecord) -> None: ...
    async def delete_export(self, export_id: str) -> None: ...


class Films(Protocol):
    """Who makes films of the index."""

    async def __call__(self, channel_id: str, start: datetime, end: datetime) -> Film: ...


class Exports:
    """One per node."""

    def __init__(
        self,
        book: Book,
        films: Films,
        storage: Disk,
        bus: Bus,
        folder: Path,
        options: RecordingOptions,
        ids: Callable[[], str],
    ) -> None:
        self._book = book
        self._films = films
        self._storage = storage
        self._bus = bus
        self._folder = folder
        self._options = options
        self._ids = ids
        self._records: dict[str, ExportRecord] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take over what earlier runs left; files of nobody are removed."""
        for record in await self._book.exports():
            self._records[record.export_id] = record
            if record.state == RUNNING:
                self._queue.put_nowait(record.export_id)
        await asyncio.to_thread(self._sweep, {f"{one}.mp4" for one in self._records})
        self._tasks = [
            asyncio.create_task(self._work(), name="recording exports"),
            asyncio.create_task(self._keep_house(), name="recording exports kept"),
        ]

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    # --- what the API asks -------------------------------------------------------------------

    async def order(self, channel_id: str, start: datetime, end: datetime) -> ExportRecord:
        """Begin an export; raises BadInput, NotFound (nothing recorded), Conflict, Busy."""
        checked_span(start, end)
        if self._queue.qsize() >= MOST_WAITING:
            raise Busy("exports_queued", f"{MOST_WAITING} exports wait already")
        film = await self._films(channel_id, start, end)
        if self._storage.free() - film.size <= self._options.reserve // 2:
            raise Busy("disk_full", "there is no room for the file")
        record = ExportRecord(self._ids(), channel_id, start, end)
        await self._book.save_export(record)
        self._records[record.export_id] = record
        self._queue.put_nowait(record.export_id)
        return record

    def all(self, channel_id: str = "") -> list[ExportRecord]:
        """Exports, newest first."""
        return [
            one for one in reversed(self._records.values()) if channel_id in ("", one.channel_id)
        ]

    def get(self, export_id: str) -> ExportRecord:
        """One export; raises NotFound."""
        found = self._records.get(export_id)
        if found is None:
            raise NotFound("export", export_id)
        return found

    def progress(self, record: ExportRecord) -> float:
        """0 to 1, by the bytes written."""
        if record.state == DONE:
            return 1.0
        done, size = self._written.get(record.export_id, (0, 1))
        return round(min(done / max(size, 1), 0.999), 3)

    def file(self, export_id: str) -> Path:
        """The finished file; raises NotFound, and Conflict while it is not finished."""
        record = self.get(export_id)
        if record.state != DONE:
            raise Conflict("export_not_done", f"export {export_id} is {record.state}")
        return self._path(record)

    async def remove(self, export_id: str) -> None:
        """Remove it and its file, whatever its state; raises NotFound."""
        record = self.get(export_id)
        del self._records[export_id]
        await self._book.delete_export(export_id)
        await asyncio.to_thread(self._path(record).unlink, missing_ok=True)

    # --- writing -----------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            record = self._records.get(await self._queue.get())
            if record is None or record.state != RUNNING:
                continue
            try:
                await self._export(record)
            except (PlatformError, OSError) as error:
                await self._over(record, FAILED, str(error))
            except StoreUnavailable:
                pass  # told by the store; the next start writes it anew
            except Exception as error:  # one export's defect must not end those behind it
                log.event(APP_FAILED, component="recording.exports", exc_info=error)
                await self._over(record, FAILED, "a defect of the platform")
            finally:
                self._written.pop(record.export_id, None)

    async def _export(self, record: ExportRecord) -> None:
        film = await self._films(record.channel_id, record.start_at, record.end_at)
        target = self._path(record)
        part = target.with_suffix(".part")
        digest = hashlib.sha256()
        done = 0
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for chunk in read_film(self._storage, film):
                    if record.export_id not in self._records:
                        return  # removed meanwhile
                    await asyncio.to_thread(file.write, chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    self._written[record.export_id] = (done, film.size)
            await asyncio.to_thread(part.replace, target)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        record.size, record.sha256 = done, digest.hexdigest()
        record.duration_s = round(film.seconds, 3)
        await self._over(record, DONE, "")

    async def _over(self, record: ExportRecord, state: str, message: str) -> None:
        record.state, record.message, record.ended_at = state, message, utc_now()
        if record.export_id not in self._records:
            await asyncio.to_thread(self._path(record).unlink, missing_ok=True)
            return
        with contextlib.suppress(StoreUnavailable):
            await self._book.save_export(record)
        log.event(
            ev.RECORDING_EXPORTED,
            export_id=record.export_id,
            channel_id=record.channel_id,
            state=state,
            size=record.size,
            reason=message or None,
        )
        data = {"export_id": record.export_id, "channel_id": record.channel_id, "state": state}
        self._bus.publish(Event("export.changed", data))

    async def _keep_house(self) -> None:
        while True:
            until = utc_now() - timedelta(seconds=self._options.export_keep_s)
            for record in list(self._records.values()):
                if record.ended_at is not None and record.ended_at < until:
                    with contextlib.suppress(StoreUnavailable, NotFound, OSError):
                        await self.remove(record.export_id)
            await asyncio.sleep(PURGE_S)

    def _path(self, record: ExportRecord) -> Path:
        return self._folder / f"{record.export_id}.mp4"

    def _sweep(self, known: set[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if path.name not in known and path.suffix in (".mp4", ".part"):
                path.unlink(missing_ok=True)
