"""What is to be entered into the index, one after the other, in the order it was told.

While the database is away the entry waits, and those behind it: a file that was recorded meanwhile
stands in the index when the database is back. How many may wait is bounded; what is beyond that,
and what a stop of the platform leaves, is found as a file nobody knows at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gb28181.store.errors import StoreRefused, StoreUnavailable
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited

MOST_ENTRIES = 20_000
"""That wait."""
AGAIN_S = 1.0
"""Before an entry the database did not take is tried again; doubled each time."""
LONGEST_AGAIN_S = 30.0
TOLD_S = 60.0

Entry = Callable[[], Awaitable[object]]

log = get_logger("recording")


class Entries:
    """One per node."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Entry] = asyncio.Queue(MOST_ENTRIES)
        self._writer: asyncio.Task[None] | None = None
        self._rate = RateLimited(log, lambda: asyncio.get_running_loop().time(), interval=TOLD_S)

    def __len__(self) -> int:
        """How many wait, the one under way apart."""
        return self._queue.qsize()

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write(), name="recording index")

    async def aclose(self) -> None:
        """What waits is lost; `join` before."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None

    async def join(self) -> None:
        """Return when all is entered."""
        await self._queue.join()

    def add(self, entry: Entry) -> None:
        """Have something entered."""
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            self._told(f"{MOST_ENTRIES} entries of the index wait for the database already")

    async def _write(self) -> None:
        while True:
            entry = await self._queue.get()
            try:
                await self._enter(entry)
            except Exception as error:  # one entry that fails must not end the index of all others
                log.event(APP_FAILED, component="recording", exc_info=error)
            finally:
                self._queue.task_done()

    async def _enter(self, entry: Entry) -> None:
        pause = AGAIN_S
        while True:
            try:
                await entry()
                return
            except StoreRefused as error:
                self._told(str(error))  # it never will
                return
            except StoreUnavailable as error:
                self._told(str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_AGAIN_S)

    def _told(self, reason: str) -> None:
        self._rate.event(ev.RECORDING_FAILED, "index", channel_id=None, reason=reason)
