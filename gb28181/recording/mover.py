"""Brings whole segments to the store and frees them here.

The order keeps everything at every moment: the store has the file, with its checksum; then the
index says so; then the local file goes. Whatever a crash interrupts is done once more. While the
store does not answer nothing goes: files stay here, the trouble is told loudly and not too often,
and what waits is brought when it answers again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gb28181.store.errors import StoreUnavailable
from gb28181.store.recordings import SegmentRecord
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited

from .bucket import Bucket
from .places import LOCAL, STORE, Places
from .storage import StorageUnreachable, in_thread

AT_ONCE = 2
"""Files that are brought at one time."""
BATCH = 50
RETRY_S = 5.0
"""Before a file that could not be brought is tried again; doubled each time."""
LONGEST_RETRY_S = 60.0
"""The same for a store that did not answer, which begins with the pause between two looks."""
TOLD_S = 60.0
"""The same trouble is told this often."""
MOST_PUT_OFF = 1000

log = get_logger("recording")


class Index(Protocol):
    """Where segments are entered."""

    async def to_move(self, limit: int) -> list[SegmentRecord]: ...
    async def set_place(self, segment_id: str, place: str) -> bool: ...
    async def paths(self, place: str | None = None) -> dict[str, tuple[str, str]]: ...
    async def segment(self, segment_id: str) -> SegmentRecord | None: ...
    async def save_segment(self, record: SegmentRecord) -> None: ...


@dataclass(slots=True)
class _PutOff:
    """A file that could not be brought though the store answers."""

    until: float
    pause: float


class Mover:
    """One per node that has a store."""

    def __init__(
        self,
        index: Index,
        places: Places,
        bucket: Bucket,
        look_s: float,
        has_room: Callable[[], bool],
    ) -> None:
        """`has_room`: whether the store may take more."""
        self._index = index
        self._places = places
        self._bucket = bucket
        self._look_s = look_s
        self._has_room = has_room
        self._wake = asyncio.Event()
        self._put_off: dict[str, _PutOff] = {}
        self._pause = 0.0
        self._task: asyncio.Task[None] | None = None
        self._rate = RateLimited(log, lambda: asyncio.get_running_loop().time(), interval=TOLD_S)

    async def start(self) -> None:
        """Begin; a store that does not answer keeps nobody from recording."""
        self._task = asyncio.create_task(self._keep(), name="recording mover")

    async def aclose(self) -> None:
        """What is under way is left: the next run does it once more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """A segment is whole."""
        self._wake.set()

    async def _keep(self) -> None:
        is_begun = False
        while True:
            self._wake.clear()
            try:
                if not is_begun or self._pause:
                    await in_thread(self._bucket, self._bucket.look)
                if not is_begun:
                    await self._look_again()
                    is_begun = True
                await self.look()
            except StorageUnreachable as error:
                self._away(str(error))
            except StoreUnavailable:
                pass  # told by the store of rows; looked at again soon
            except Exception as error:  # one defect must not end the moving of all that comes
                log.event(APP_FAILED, component="recording.mover", exc_info=error)
            await self._rest()

    async def _rest(self) -> None:
        if self._pause:
            await asyncio.sleep(self._pause)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._look_s)

    async def _look_again(self) -> None:
        """A run that was killed between index and file left a file that the index has in the store:
        it is checked there once more, and freed."""
        there = await self._index.paths(STORE)
        for path in await asyncio.to_thread(lambda: list(self._places.local.walk())):
            if path in there:
                await self._index.set_place(there[path][0], LOCAL)

    async def look(self) -> None:
        """Bring all that is whole; raises StorageUnreachable, StoreUnavailable."""
        while True:
            now = asyncio.get_running_loop().time()
            found = await self._index.to_move(BATCH + len(self._put_off))
            due = [r for r in found if self._is_due(r, now)][:BATCH]
            if not self._has_room():
                self._away("quota")
                return
            if not due:
                break
            for first in range(0, len(due), AT_ONCE):
                some = due[first : first + AT_ONCE]
                results = await asyncio.gather(*map(self._move, some), return_exceptions=True)
                for result in results:
                    if isinstance(result, BaseException):
                        raise result
                self._back()
        if not found:
            self._put_off.clear()
        self._back()

    def _is_due(self, record: SegmentRecord, now: float) -> bool:
        put_off = self._put_off.get(record.segment_id)
        return put_off is None or now >= put_off.until

    async def _move(self, record: SegmentRecord) -> None:
        path = record.path
        with self._places.moving(path):
            file = self._places.local.file(path)
            try:
                await in_thread(self._bucket, self._bucket.put, path, file)
            except StorageUnreachable:
                raise
            except OSError as error:
                if file.exists():
                    self._failed(record, str(error))
                else:
                    await self._gone(record)
                return
            if not await self._index.set_place(record.segment_id, STORE):
                # Removed meanwhile, here and in the index.
                await in_thread(self._bucket, self._bucket.delete, path)
            await asyncio.to_thread(self._places.local.delete, path)
        self._put_off.pop(record.segment_id, None)
        log.event(ev.RECORDING_MOVED, channel_id=record.channel_id, path=path, size=record.size)

    async def _gone(self, record: SegmentRecord) -> None:
        """There is no file here: somebody removed it, the index with it or not."""
        found = await self._index.segment(record.segment_id)
        if found is not None and found.place == LOCAL:
            found.state, found.reason = "lost", "the file is gone"
            await self._index.save_segment(found)
            log.event(ev.RECORDING_FILE_MISSING, count=1, path=record.path)

    # --- what is told ------------------------------------------------------------------------

    def _failed(self, record: SegmentRecord, reason: str) -> None:
        """This file, not the store: others go first."""
        known = self._put_off.pop(record.segment_id, None)
        pause = RETRY_S if known is None else min(2 * known.pause, LONGEST_RETRY_S)
        until = asyncio.get_running_loop().time() + pause
        if len(self._put_off) < MOST_PUT_OFF:
            self._put_off[record.segment_id] = _PutOff(until, pause)
        self._rate.event(
            ev.RECORDING_FAILED, record.segment_id, channel_id=record.channel_id, reason=reason
        )

    def _away(self, reason: str) -> None:
        self._pause = min(2 * self._pause or self._look_s, LONGEST_RETRY_S)
        self._bucket.trouble = reason
        self._rate.event(ev.RECORDING_STORE_AWAY, "store", reason=reason)

    def _back(self) -> None:
        self._pause = 0.0
        if self._bucket.trouble:
            self._bucket.trouble = ""
            log.event(ev.RECORDING_STORE_BACK)
