"""Pictures out of live streams: whole ones on demand, and small ones for walls of screens.

What was made is kept in memory for a while, so that a wall of a hundred screens in front of ten
people costs one picture per camera and interval, not a thousand. A small picture is made only while
somebody asks for it, and asking neither begins a pull nor makes one run longer, unless that is
what is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gb28181.device.clock import Clock
from gb28181.errors import Busy, Leg, LegFailed
from gb28181.telemetry import events_outgoing as ev
from gb28181.telemetry.logs import get_logger
from media.still.picture import BadPicture, NoKeyFrame, Picture
from media.still.studio import Studio, StudioBusy

MOST_KEPT = 64 * 2**20
"""Bytes of pictures kept in memory; those nobody asked for longest go first."""
FORGET_S = 3600.0
"""A picture is not shown any more when it is so old."""

log = get_logger("control")


class KeyFrames(Protocol):
    """Where key frames come from, as FLV files of one picture."""

    async def running(self, channel_id: str) -> bytes:
        """Of a pull that runs; b"" when there is none."""
        ...

    async def pulled(self, channel_id: str) -> bytes:
        """Of a pull that is begun if need be; raises why it cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class StillOptions:
    """From the settings."""

    interval_s: float
    width: int
    most_pixels: int


@dataclass(frozen=True, slots=True)
class Still:
    """A JPEG, and when it was taken."""

    data: bytes
    taken_at: datetime
    made: float
    """In the loop's time."""
    etag: str


Key = tuple[str, int]
"""A channel and the width, 0 for as it comes."""


class Stills:
    """One per node."""

    def __init__(
        self,
        key_frames: KeyFrames,
        studio: Studio,
        options: StillOptions,
        clock: Clock | None = None,
    ) -> None:
        self._key_frames = key_frames
        self._studio = studio
        self.options = options
        self._clock = clock or Clock()
        self._kept: OrderedDict[Key, Still] = OrderedDict()
        self._size = 0
        self._making: dict[tuple[Key, bool], asyncio.Task[Still | None]] = {}
        studio.on_lost = lambda reason: log.event(ev.SNAPSHOT_PROCESS_LOST, reason=reason)

    async def aclose(self) -> None:
        """End what is being made, and the processes. Idempotent."""
        for task in self._making.values():
            task.cancel()
        await self._studio.aclose()

    async def taken(self, channel_id: str) -> Picture:
        """A whole picture as the channel looks now; raises why there is none."""
        return await self._decoded(await self._key_frames.pulled(channel_id), 0)

    async def proof(self, jpeg: bytes, most_pixels: int) -> Picture:
        """A picture somebody brought, decoded once as a proof; raises BadPicture, Busy."""
        try:
            return await self._studio.proof(jpeg, most_pixels)
        except StudioBusy as error:
            raise _busy(error) from error

    async def fresh(self, channel_id: str, max_age_s: float) -> Still:
        """A whole picture that is not older; begins a pull if need be, or raises why not."""
        found = await self._still((channel_id, 0), max_age_s, pull=True)
        if found is None:
            raise LegFailed(Leg.MEDIA_STOPPED, "the stream ended before a key frame")
        return found

    async def small(self, channel_id: str, *, pull: bool) -> Still | None:
        """A small picture, renewed at most once per interval; None when there is none (any more).

        Without `pull` of a stream that runs already, else the last one there was.
        """
        key = (channel_id, self.options.width)
        try:
            return await self._still(key, self.options.interval_s, pull=pull)
        except (LegFailed, Busy):
            if (last := self._last(key, FORGET_S)) is None:
                raise
            return last

    async def _still(self, key: Key, max_age_s: float, *, pull: bool) -> Still | None:
        found = self._last(key, max_age_s)
        if found is not None:
            return found
        work = key, pull
        task = self._making.get(work)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(key, pull=pull))
            self._making[work] = task
            task.add_done_callback(lambda done: self._made(work, done))
        return await asyncio.shield(task) or self._last(key, FORGET_S)

    def _made(self, work: tuple[Key, bool], task: asyncio.Task[Still | None]) -> None:
        del self._making[work]
        if not task.cancelled():
            task.exception()  # whoever asked is told; it may be that nobody waits any more

    async def _make(self, key: Key, *, pull: bool) -> Still | None:
        channel_id, width = key
        flv = await self._key_frames.running(channel_id)
        if not flv and pull:
            flv = await self._key_frames.pulled(channel_id)
        if not flv:
            return None
        now, taken_at = asyncio.get_running_loop().time(), self._clock.civil()
        picture = await self._decoded(flv, width)
        etag = f'"{hashlib.sha256(picture.data).hexdigest()[:24]}"'
        still = Still(picture.data, taken_at, now, etag)
        self._keep(key, still)
        return still

    async def _decoded(self, flv: bytes, width: int) -> Picture:
        try:
            return await self._studio.still(flv, self.options.most_pixels, width)
        except StudioBusy as error:
            raise _busy(error) from error
        except (NoKeyFrame, BadPicture) as error:
            raise LegFailed(
                Leg.UNSUPPORTED_CODEC, f"the key frame does not decode: {error}"
            ) from error

    def _last(self, key: Key, max_age_s: float) -> Still | None:
        found = self._kept.get(key)
        if found is None or asyncio.get_running_loop().time() - found.made > max_age_s:
            return None
        self._kept.move_to_end(key)
        return found

    def _keep(self, key: Key, still: Still) -> None:
        before = self._kept.pop(key, None)
        self._size += len(still.data) - (len(before.data) if before is not None else 0)
        self._kept[key] = still
        while self._size > MOST_KEPT and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._size -= len(gone.data)


def _busy(error: StudioBusy) -> Busy:
    return Busy("pictures_busy", f"too many pictures at one time: {error}")
