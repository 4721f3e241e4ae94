"""What the platform records itself, put together: plans, recordings, index, room, exports.

A piece of the composition root: it knows the classes and decides nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from gb28181.alarms.linkage import Action, ActionFailed, Linkage
from gb28181.cluster.bus import Bus
from gb28181.recording.archive import RecordedArchive
from gb28181.recording.bucket import Bucket
from gb28181.recording.exports import Exports
from gb28181.recording.house import House
from gb28181.recording.mover import Mover
from gb28181.recording.options import RecordingOptions
from gb28181.recording.places import Places
from gb28181.recording.plans import Plans
from gb28181.recording.recovery import Recovery
from gb28181.recording.replays import ReplayService
from gb28181.recording.service import RecordingService
from gb28181.recording.storage import LocalStorage, StorageUnreachable
from gb28181.session.caller import Directory
from gb28181.session.service import SessionService
from gb28181.store.records import AlarmRecord, AlarmRuleRecord, utc_now
from gb28181.store.store import Store
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from media.node import MediaNode

MOST_ALARM_S = 3600
COMPARE_S = 60.0
"""A store that could not be looked at after the start is looked at again after so long."""

log = get_logger("recording")


class Filming:
    """One per node."""

    def __init__(
        self,
        sessions: SessionService,
        directory: Directory,
        node: MediaNode,
        store: Store,
        bus: Bus,
        options: RecordingOptions,
        ids: Callable[[], str],
    ) -> None:
        book = store.recordings
        bucket = None if options.store is None else Bucket(options.store)
        self.storage = Places(LocalStorage(options.folder), bucket)
        self.recordings = RecordingService(
            sessions, directory, node, book, bus, options, ids, time.time
        )
        self.plans = Plans(book, self.recordings, options, ids)
        self.recovery = Recovery(book, self.storage)
        self.archive = RecordedArchive(book, self.storage, self.recordings.growing)
        self.replays = ReplayService(sessions, node, self.archive, options.playbacks, ids)
        self.exports = Exports(
            book, self.archive.film, self.storage, bus, store.data_dir / "exports", options, ids
        )
        self.house = House(
            book,
            self.storage,
            options,
            utc_now,
            lambda: sum(info.size for info in self.recordings.growing().values()),
            lambda: self.recordings.is_wanted,
            self.recordings.set_room,
        )
        self.mover: Mover | None = None
        if bucket is not None:
            self.mover = Mover(
                book, self.storage, bucket, options.look_s, lambda: self.house.store_has_room
            )
            self.recordings.on_whole = self.mover.wake
        self.recordings.on_full = self.house.full
        self.recordings.repair = self.recovery.repair
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Close what a crash left open, see that there is room, go on with what is wanted."""
        await asyncio.to_thread(self.storage.local.folder.mkdir, parents=True, exist_ok=True)
        await self.recovery.close_open()
        await self.house.start()
        weeks = await self.plans.start()
        await self.recordings.start(weeks)
        await self.exports.start()
        self.replays.start()
        if self.mover is not None:
            await self.mover.start()
        self._looking = asyncio.create_task(self._compare(), name="recordings compared")

    async def aclose(self) -> None:
        """End the files. Idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self.mover is not None:
            await self.mover.aclose()
        await self.exports.aclose()
        await self.house.aclose()
        await self.recordings.aclose()
        if self.storage.bucket is not None:
            self.storage.bucket.close()

    def offer(self, linkage: Linkage) -> None:
        """Alarm rules may record on the platform."""
        linkage.offer("record_platform", Action(self._alarm, _check))

    async def _alarm(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        channel_id = str(action.get("channel_id") or alarm.channel_id)
        if not channel_id:
            raise ActionFailed("the alarm names no channel, and neither does the rule")
        self.recordings.alarm(channel_id, float(action["seconds"]))

    async def _compare(self) -> None:
        while True:
            try:
                await self.recovery.compare()
                return
            except StorageUnreachable:
                pass  # told by the mover
            except Exception as error:  # a folder that cannot be read must not end a node
                log.event(APP_FAILED, component="recording.recovery", exc_info=error)
                return
            await asyncio.sleep(COMPARE_S)


def _check(action: Mapping[str, Any]) -> None:
    channel_id, seconds = action.get("channel_id"), action.get("seconds")
    if channel_id is not None and not isinstance(channel_id, str):
        raise ValueError("channel_id must be a text")
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int)
        or not 1 <= seconds <= MOST_ALARM_S
    ):
        raise ValueError(f"seconds must be a whole number from 1 to {MOST_ALARM_S}")
