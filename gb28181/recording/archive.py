"""What was recorded of a channel: its timeline, films of it, protecting and removing segments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from gb28181.errors import BadInput, Busy, Conflict, NotFound
from gb28181.store.recordings import GapRecord, SegmentRecord
from media.record.segment import SegmentsInfo

from .film import Film, checked_span, film_of
from .places import STORE, Places
from .storage import StorageUnreachable, in_thread

LONGEST_S = 31 * 86_400
"""Of one timeline."""
MOST_PIECES = 200_000
"""Of films that are remembered: a player asks for one in many parts."""


class Index(Protocol):
    """Where segments and gaps are entered."""

    async def segments(
        self, channel_id: str, start: datetime, end: datetime, limit: int = 10_000
    ) -> list[SegmentRecord]: ...
    async def segment(self, segment_id: str) -> SegmentRecord | None: ...
    async def gaps(self, channel_id: str, start: datetime, end: datetime) -> list[GapRecord]: ...
    async def protect(self, segment_ids: list[str], on: bool) -> None: ...
    async def delete_segment(self, segment_id: str) -> None: ...


class RecordedArchive:
    """One per node."""

    def __init__(
        self,
        index: Index,
        storage: Places,
        growing: Callable[[], dict[str, SegmentsInfo]],
    ) -> None:
        """`growing`: how far the files are that are not whole, by segment id."""
        self.storage = storage
        self._index = index
        self._growing = growing
        self._films: dict[
            tuple[str, datetime, datetime], tuple[tuple[tuple[str, int], ...], Film]
        ] = {}

    async def segments(
        self, channel_id: str, start: datetime, end: datetime
    ) -> list[SegmentRecord]:
        """Those in a stretch of time, oldest first; raises BadInput."""
        if start >= end:
            raise BadInput("start must be before end")
        if (end - start).total_seconds() > LONGEST_S:
            raise BadInput("at most 31 days at a time")
        growing = self._growing()
        found = []
        for record in await self._index.segments(channel_id, start, end):
            info = growing.get(record.segment_id)
            if record.state == "growing" and info is not None:
                until = datetime.fromtimestamp(info.end, UTC)
                lasts = max(info.end - info.start, 0.0)
                record = replace(record, end_at=until, size=info.size, duration_s=lasts)
            if record.end_at > start or record.state == "growing":
                found.append(record)
        return found

    async def gaps(self, channel_id: str, start: datetime, end: datetime) -> list[GapRecord]:
        """When recording was wanted and there was none, oldest first."""
        return await self._index.gaps(channel_id, start, end)

    async def segment(self, segment_id: str) -> SegmentRecord:
        """One segment; raises NotFound."""
        found = await self._index.segment(segment_id)
        if found is None:
            raise NotFound("segment", segment_id)
        return found

    async def film(self, channel_id: str, start: datetime, end: datetime) -> Film:
        """A stretch of time as one MP4; raises BadInput, NotFound, Conflict (formats differ), Busy
        (the store does not answer)."""
        checked_span(start, end)
        records = [
            one
            for one in await self.segments(channel_id, start, end)
            if one.state != "lost" and one.start_at < end and one.end_at > start
        ]
        # The same question about the same files has the same answer, byte for byte.
        state = await in_thread(self.storage, self._sizes, records)
        key = (channel_id, start, end)
        known = self._films.get(key)
        if known is not None and known[0] == state:
            return known[1]
        try:
            film = await in_thread(self.storage, film_of, self.storage, records, start, end)
        except StorageUnreachable as error:
            raise Busy("recording_store_away", f"the store of recordings: {error}") from error
        self._films.pop(key, None)
        pieces = len(film.pieces) + sum(len(one.pieces) for _, one in self._films.values())
        while self._films and pieces > MOST_PIECES:
            pieces -= len(self._films.pop(next(iter(self._films)))[1].pieces)
        self._films[key] = (state, film)
        return film

    def _sizes(self, records: list[SegmentRecord]) -> tuple[tuple[str, int], ...]:
        found = []
        for record in records:
            size = record.size if record.place == STORE else -1
            with contextlib.suppress(OSError):
                # What is in the store does not change, and asking it costs a request.
                size = size if size >= 0 else self.storage.size(record.path)
            found.append((record.path, size))
        return tuple(found)

    async def protect(self, channel_id: str, start: datetime, end: datetime, on: bool) -> int:
        """Keep what was recorded in a stretch from being removed, or no longer; how many files."""
        found = [one.segment_id for one in await self.segments(channel_id, start, end)]
        await self._index.protect(found, on)
        return len(found)

    async def protect_one(self, segment_id: str, on: bool) -> SegmentRecord:
        """The same for one file; raises NotFound."""
        record = await self.segment(segment_id)
        await self._index.protect([segment_id], on)
        return replace(record, protected=on)

    async def delete(self, segment_id: str) -> None:
        """Remove a file and its row; raises NotFound, Conflict while it grows or is
        protected, Busy when the store does not answer."""
        record = await self.segment(segment_id)
        if record.state == "growing":
            raise Conflict("segment_growing", "the segment is being recorded")
        if record.protected:
            raise Conflict("segment_protected", "the segment is protected")
        try:
            await in_thread(self.storage, self.storage.delete, record.path)
        except StorageUnreachable as error:
            raise Busy("recording_store_away", f"the store of recordings: {error}") from error
        await self._index.delete_segment(segment_id)
