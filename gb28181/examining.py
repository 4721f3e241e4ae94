"""Recordings as conformance runs need them, from the services that serve operators.

A piece of the composition root: both sides stand on one floor and do not know each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime

from gb28181.conformance.tools import Fetched
from gb28181.errors import DeviceTimeout, PlatformError
from gb28181.playback.archive import Archive
from gb28181.playback.control import Action
from gb28181.playback.downloads import DownloadService
from gb28181.playback.progress import ACTIVE, DownloadState
from gb28181.playback.service import PlaybackService
from gb28181.session.service import LiveView

LOOK_S = 0.2
"""How often a download of a run is looked at."""


class OwnRecordings:
    """Implements `conformance.tools.Recordings`."""

    def __init__(
        self, archive: Archive, playback: PlaybackService, downloads: DownloadService
    ) -> None:
        self._archive = archive
        self._playback = playback
        self._downloads = downloads
        self._fetched: list[str] = []

    async def records(
        self, channel_id: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, datetime]]:
        found = await self._archive.records(channel_id, start, end)
        return [(recording.start, recording.end) for recording in found.items]

    async def play(self, channel_id: str, start: datetime, end: datetime) -> LiveView:
        return await self._playback.play(channel_id, start, end, None)

    async def steer(self, session_id: str, word: str, value: float | None) -> object:
        action = Action(word)
        position = value if action is Action.SEEK else None
        speed = value if action is Action.SPEED else None
        return await self._playback.control(session_id, action, position_s=position, speed=speed)

    async def fetch(
        self, channel_id: str, start: datetime, end: datetime, speed: int, wait_s: float
    ) -> Fetched:
        view = await self._downloads.order(channel_id, start, end, speed, None)
        self._fetched.append(view.download_id)
        try:
            async with asyncio.timeout(wait_s):
                while view.state in ACTIVE:
                    await asyncio.sleep(LOOK_S)
                    view = self._downloads.view(view.download_id)
        except TimeoutError as error:
            raise DeviceTimeout("the download did not end in time") from error
        if view.state is not DownloadState.DONE:
            raise DeviceTimeout(
                f"the download is {view.state.value}: {view.message or view.reason}"
            )
        return Fetched(view.size or 0, str(self._downloads.file(view.download_id)))

    async def drop(self) -> None:
        fetched, self._fetched = self._fetched, []
        for download_id in fetched:
            with contextlib.suppress(PlatformError):
                await self._downloads.remove(download_id)
