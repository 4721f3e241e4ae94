"""Brings index and files together: what a crash left open, files that are gone, files nobody knows.

Nothing is removed here. A file that was not closed ends with its last whole fragment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gb28181.store.recordings import SegmentRecord
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.logs import get_logger
from media.errors import StreamFormatError
from media.record.fragments import Layout

from .places import STORE, Places
from .storage import in_thread

log = get_logger("recording")


class Index(Protocol):
    """Where segments are entered."""

    async def growing(self) -> list[SegmentRecord]: ...
    async def paths(self, place: str | None = None) -> dict[str, tuple[str, str]]: ...
    async def segment(self, segment_id: str) -> SegmentRecord | None: ...
    async def save_segment(self, record: SegmentRecord) -> None: ...
    async def delete_segment(self, segment_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Differences:
    """What index and folder disagree about."""

    missing: tuple[str, ...] = ()
    """Paths of the index without a file."""
    unknown: tuple[str, ...] = ()
    """Files that are not in the index."""


class Recovery:
    """One per node."""

    def __init__(self, index: Index, storage: Places) -> None:
        self._index = index
        self._storage = storage
        self.found = Differences()

    async def close_open(self) -> None:
        """Close what a run before left growing; before anything is recorded."""
        for record in await self._index.growing():
            await self.repair(record)

    async def repair(self, record: SegmentRecord) -> None:
        """Close a segment nobody writes any more, with its true length."""
        try:
            layout = await in_thread(self._storage, self._cut, record.path)
        except OSError:
            record.state, record.reason = "lost", "the file is gone"
            await self._index.save_segment(record)
            log.event(ev.RECORDING_FILE_MISSING, count=1, path=record.path)
            return
        except StreamFormatError:
            layout = None
        if layout is None or not layout.fragments:
            # Not one fragment came to the disk; the file holds nothing and says so.
            record.state, record.reason = "lost", "nothing in the file"
            await self._index.save_segment(record)
            return
        record.duration_s, record.size = layout.seconds, layout.whole
        record.end_at = record.start_at + timedelta(seconds=layout.seconds)
        record.state, record.reason = "done", "repaired"
        await self._index.save_segment(record)
        log.event(
            ev.RECORDING_REPAIRED,
            channel_id=record.channel_id,
            path=record.path,
            seconds=round(layout.seconds, 1),
            size=layout.whole,
        )

    async def compare(self) -> Differences:
        """Look at every file and every row, and tell; may take long.

        Raises StorageUnreachable when the store cannot be looked at: nothing is told then.
        """
        known = await self._index.paths()
        files = set(await in_thread(self._storage, lambda: list(self._storage.walk())))
        # Files may have been begun, and removed, since the rows were read.
        later = await self._index.paths()
        # Of a store that is not in the settings (any more) nothing is known.
        unseen = {} if STORE in self._storage.names else await self._index.paths(STORE)
        missing = [
            path
            for path, (_, state) in sorted(known.items())
            if state == "done" and path not in files and path in later and path not in unseen
        ]
        unknown = sorted(files - known.keys() - later.keys())
        if unseen:
            log.event(ev.RECORDING_STORE_AWAY, reason=f"not configured; {len(unseen)} files in it")
        for path in missing:
            record = await self._index.segment(known[path][0])
            if record is not None and record.state == "done":
                record.state, record.reason = "lost", "the file is gone"
                await self._index.save_segment(record)
        self.found = Differences(tuple(missing), tuple(unknown))
        if missing:
            log.event(ev.RECORDING_FILE_MISSING, count=len(missing), path=missing[0])
        if unknown:
            log.event(ev.RECORDING_FILE_UNKNOWN, count=len(unknown), path=unknown[0])
        return self.found

    def _cut(self, path: str) -> Layout:
        layout = self._storage.layout(path)
        if layout.whole < self._storage.size(path):
            self._storage.cut(path, layout.whole)
        return layout
