"""Keeps the disk from filling up: by age, by the share of recordings, by what must stay free.

The oldest go first, protected ones never. When nothing may go and there is no room, recording is
paused, loudly, and goes on by itself when there is room again. The store behind the disk has its
own share: when it is full, nothing more is brought there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from gb28181.store.errors import StoreUnavailable
from gb28181.store.recordings import SegmentRecord
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited

from .options import RecordingOptions
from .places import LOCAL, STORE, Places
from .storage import StorageUnreachable, in_thread

BATCH = 100
FULL_S = 60.0
"""After the disk refused a write there is no room for so long, whatever it says is free."""

TOLD_S = 60.0
"""A file that cannot be removed is told this often."""

log = get_logger("recording")


class Index(Protocol):
    """Where segments are entered."""

    async def oldest(
        self, before: datetime | None = None, limit: int = 100, place: str = "local"
    ) -> list[SegmentRecord]: ...
    async def total_size(self, place: str = "local") -> int: ...
    async def delete_segment(self, segment_id: str) -> None: ...
    async def purge_gaps(self, before: datetime) -> None: ...


class House:
    """One per node."""

    def __init__(
        self,
        index: Index,
        storage: Places,
        options: RecordingOptions,
        civil: Callable[[], datetime],
        growing: Callable[[], int],
        is_wanted: Callable[[], bool],
        tell: Callable[[bool], None],
    ) -> None:
        """`growing`: bytes of files that are not whole; `is_wanted`: whether anything is to be
        recorded (else a full disk is nobody's trouble); `tell`: whether there is room."""
        self._index = index
        self._storage = storage
        self._options = options
        self._civil = civil
        self._growing = growing
        self._is_wanted = is_wanted
        self._tell = tell
        self._is_told = False
        self._wake = asyncio.Event()
        self._full_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._rate = RateLimited(log, lambda: asyncio.get_running_loop().time(), interval=TOLD_S)
        self.room = True
        self.size = 0
        """Bytes of all recordings on the local disk at the last look."""
        self.stored = 0
        """Bytes of those in the store."""

    async def start(self) -> None:
        """Look at once, then now and then."""
        await self.look()
        self._task = asyncio.create_task(self._keep(), name="recording house")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def full(self) -> None:
        """The disk refused a write."""
        self._full_until = asyncio.get_running_loop().time() + FULL_S
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._options.look_s)
            self._wake.clear()
            try:
                await self.look()
            except StoreUnavailable:
                pass  # told by the store; looked at again soon
            except Exception as error:  # the keeper of the disk must not end with one bad look
                log.event(APP_FAILED, component="recording.house", exc_info=error)

    async def look(self) -> None:
        """Remove what may not stay, make room, and say whether there is some."""
        options = self._options
        if options.keep_days > 0:
            before = self._civil() - timedelta(days=options.keep_days)
            for place in self._storage.names:
                while old := await self._index.oldest(before, BATCH, place):
                    if not await self._remove(old, "age"):
                        break
            await self._index.purge_gaps(before)
        self.size = await self._index.total_size(LOCAL) + self._growing()
        while self._over_quota and options.overwrite:
            if not await self._remove_some(self.size - options.quota, "quota"):
                break
        while self._no_room and options.overwrite:
            if not await self._remove_some(options.reserve - self._storage.free(), "disk"):
                break
            self._full_until = 0.0
        self._judge()
        await self._look_at_store()

    async def _look_at_store(self) -> None:
        bucket = self._storage.bucket
        if bucket is None:
            return
        self.stored = await self._index.total_size(STORE)
        quota = bucket.options.quota
        while quota and self.stored > quota and self._options.overwrite:
            if not await self._remove_some(self.stored - quota, "quota", STORE):
                break

    @property
    def store_has_room(self) -> bool:
        """Whether more may be brought to the store."""
        bucket = self._storage.bucket
        quota = 0 if bucket is None else bucket.options.quota
        return not quota or self.stored < quota or self._options.overwrite

    @property
    def _over_quota(self) -> bool:
        return bool(self._options.quota) and self.size > self._options.quota

    @property
    def _no_room(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._storage.free() <= self._options.reserve or now < self._full_until

    def _judge(self) -> None:
        room = not (self._over_quota or self._no_room)
        free = self._storage.free()
        if room and self._is_told:
            self._is_told = False
            log.event(ev.RECORDING_RESUMED, free=free, size=self.size)
        elif not room and not self._is_told and self._is_wanted():
            self._is_told = True
            reason = "quota" if self._over_quota else "disk"
            log.event(ev.RECORDING_PAUSED, reason=reason, free=free, size=self.size)
        if room != self.room:
            self.room = room
            self._tell(room)

    async def _remove_some(self, wanted: int, reason: str, place: str = LOCAL) -> bool:
        """Remove oldest ones of so many bytes together; False when there are none."""
        some: list[SegmentRecord] = []
        for record in await self._index.oldest(None, BATCH, place):
            some.append(record)
            wanted -= record.size
            if wanted <= 0:
                break
        return await self._remove(some, reason)

    async def _remove(self, records: list[SegmentRecord], reason: str) -> bool:
        removed = size = 0
        for record in records:
            try:
                is_lost = record.state == "lost"
                drop = partial(self._storage.drop, record.path, is_lost=is_lost)
                await in_thread(self._storage, drop)
            except OSError as error:
                self._refused(record, error)
                if isinstance(error, StorageUnreachable):
                    break
                continue
            await self._index.delete_segment(record.segment_id)
            removed += 1
            size += record.size
            if record.place == LOCAL:
                self.size = max(0, self.size - record.size)
            else:
                self.stored = max(0, self.stored - record.size)
        if removed:
            log.event(ev.RECORDING_REMOVED, count=removed, size=size, reason=reason)
        return removed > 0

    def _refused(self, record: SegmentRecord, error: OSError) -> None:
        self._rate.event(
            ev.RECORDING_FAILED, record.place, channel_id=record.channel_id, reason=str(error)
        )
