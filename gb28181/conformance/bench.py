"""The desk as it really is: messages by `Signals`, and pictures through the sessions of the node.

What it opens it closes: at the end of the run nothing is left, whatever went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from gb28181.control.snapshot import Source
from gb28181.device.model import Device
from gb28181.errors import DeviceTimeout, NotFound, PlatformError
from gb28181.session.model import SessionState, StreamKey, StreamName, Transport
from gb28181.session.service import LiveView
from media.errors import MediaError
from media.node import StreamStatistics, Who

from . import pictures, probe
from .desk import Looked, Patience, Word
from .evidence import Act
from .signals import Signals
from .tools import Tools
from .wire import Wire

MOST_FILM = 16 * 1024 * 1024
"""Bytes of a stream that are looked at."""
END_STEP_S = 0.1
FETCH_S = 120.0
CLOSE_S = 5.0
INTERNAL = Who(remote="conformance")


class Bench(Signals):
    """One per run."""

    def __init__(
        self, tools: Tools, device: Device, channel_id: str, patience: Patience, wire: Wire
    ) -> None:
        super().__init__(tools, device, channel_id, patience, wire)
        self._open = ""
        self._ours: list[str] = []
        self._watching: dict[str, asyncio.Task[None]] = {}
        """Who looks at a recording, so that it is not ended for want of viewers."""

    # --- live pictures ----------------------------------------------------------------------

    async def look(self, transport: str = "", stream: str = "main") -> Looked | None:
        what = f"INVITE {transport}".rstrip()
        key = StreamKey(self._channel_id, cast(StreamName, stream))
        if not self._channel_id:
            self._failed(what, "channel_unknown", "the device has no channel")
            return None
        if self._tools.sessions.running(key.stream_id) is not None:
            self._failed(what, "in_use", "somebody is watching this channel: try again later")
            return None
        begun = _now()
        asked = cast(Transport, transport) if transport else None
        view = await self._do(what, self._tools.sessions.live(key.channel_id, asked, key.stream))
        if view is None:
            return None
        try:
            return await self._looked(view, _now() - begun)
        finally:
            await self._end(view.session.session_id)

    async def _looked(self, view: LiveView, first_s: float) -> Looked:
        stream_id = view.session.stream_id
        data = await self._view(stream_id, self._patience.watch_s)
        found = self._tools.node.statistics(stream_id)  # before decoding: that takes its time
        film = await asyncio.to_thread(pictures.film, data)
        looked = _figures(view, found, first_s)
        return replace(
            looked,
            pictures=film.pictures,
            difference=film.difference,
            width=looked.width or film.width,
            height=looked.height or film.height,
        )

    async def _view(self, stream_id: str, seconds: float) -> bytes:
        """Look on for a while."""
        data = bytearray()
        try:
            viewer = self._tools.node.open_viewer(stream_id, "flv", who=INTERNAL)
        except MediaError:
            return b""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for chunk in viewer:
                        data += chunk
                        if len(data) > MOST_FILM:
                            break
        finally:
            await viewer.aclose()
        return bytes(data)

    @contextlib.asynccontextmanager
    async def picture(self) -> AsyncIterator[bool]:
        key = StreamKey(self._channel_id)
        shared = self._tools.sessions.running(key.stream_id) is not None
        view = None
        if self._channel_id:
            view = await self._do("picture", self._tools.sessions.live(key.channel_id))
        self._open = "" if view is None else view.session.stream_id
        try:
            yield view is not None
        finally:
            self._open = ""
            if view is not None and not shared:
                await self._end(view.session.session_id)

    async def watch(self, seconds: float) -> float | None:
        if not self._open:
            await self.pause(seconds)
            return None
        data = await self._view(self._open, seconds)
        film = await asyncio.to_thread(pictures.film, data)
        return film.difference if film.pictures > 1 else None

    # --- recordings -------------------------------------------------------------------------

    async def records(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        work = self._tools.recordings.records(self._channel_id, start, end)
        return await self._do("records", work) or []

    async def play(self, start: datetime, end: datetime) -> str | None:
        begun = _now()
        work = self._tools.recordings.play(self._channel_id, start, end)
        view = await self._do("playback", work)
        if view is None:
            return None
        session_id = view.session.session_id
        self._ours.append(session_id)
        self._watching[session_id] = asyncio.create_task(self._stay(view.session.stream_id))
        self.note("looked", await self._looked(view, _now() - begun))
        return session_id

    async def _stay(self, stream_id: str) -> None:
        """Look on without looking, until the stream ends."""
        with contextlib.suppress(MediaError):
            viewer = self._tools.node.open_viewer(stream_id, "flv", who=INTERNAL)
            try:
                async for _ in viewer:
                    pass
            finally:
                await viewer.aclose()

    async def steer(
        self, what: str, session_id: str, word: Word, value: float | None = None
    ) -> bool:
        work = self._tools.recordings.steer(session_id, word, value)
        return await self._do(what, work) is not None

    async def frames(self, session_id: str, seconds: float) -> int:
        before = self._count(session_id)
        await self.pause(seconds)
        return max(0, self._count(session_id) - before)

    def _count(self, session_id: str) -> int:
        try:
            stream_id = self._tools.sessions.view(session_id).stream_id
        except NotFound:
            return 0
        found = self._tools.node.statistics(stream_id)
        return 0 if found is None else found.frames

    async def ended(self, session_id: str, seconds: float) -> str:
        deadline = _now() + seconds
        while True:
            try:
                view = self._tools.sessions.view(session_id)
            except NotFound:
                return "forgotten"
            if view.state is SessionState.ENDED:
                return view.reason or "ended"
            if _now() >= deadline:
                return ""
            await asyncio.sleep(END_STEP_S)

    async def stop(self, session_id: str) -> None:
        await self._end(session_id)

    async def download(self, start: datetime, end: datetime, speed: int) -> None:
        recordings = self._tools.recordings
        try:
            fetched = await self._do(
                "download", recordings.fetch(self._channel_id, start, end, speed, FETCH_S)
            )
            plays = 0 if fetched is None else await asyncio.to_thread(pictures.plays, fetched.path)
            self.note("file_plays", plays > 0)
        finally:
            await recordings.drop()

    async def snapshot(self, count: int) -> None:
        work = self._tools.control.snapshots.take(self._channel_id, Source.DEVICE, count=count)
        await self._do("snapshot", work)

    # --- calls that are no pulls ------------------------------------------------------------

    async def invite(self, what: str, *, media: Sequence[str] = (), code: str = "") -> None:
        try:
            call = await self._probe().call(code or self._code, media=tuple(media))
        except PlatformError as error:
            self._failed(what, error.code, error.message)
            return
        self._evidence.acts.append(Act(what, sip_status=call.status))
        await call.hang_up()

    async def take_over(self) -> None:
        try:
            await probe.take_over(self._probe(), self._tools.node, self._code, self)
        except PlatformError as error:
            self._failed("second INVITE", error.code, error.message)

    def _probe(self) -> probe.Probe:
        flow = self._device.flow
        if flow is None:
            raise DeviceTimeout(f"device {self.device_id} is offline")
        return probe.Probe(self._tools, flow)

    # --- leaving nothing behind -------------------------------------------------------------

    async def aclose(self) -> None:
        """End what is still open."""
        self._device.trial = None
        for session_id in self._ours:
            await self._end(session_id)

    async def _end(self, session_id: str) -> None:
        task = self._watching.pop(session_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        try:
            view = self._tools.sessions.view(session_id)
        except NotFound:
            return
        if view.state is SessionState.ENDED:
            return
        self._tools.sessions.end(session_id)
        await self.ended(session_id, CLOSE_S)

    def done(self, what: str, status: int, message: str = "") -> None:
        """Note an INVITE of the probe; status 0: no dialog came of it."""
        accepted = 200 <= status < 300
        error = "" if accepted else "invite_rejected" if status else "invite_timeout"
        self._evidence.acts.append(Act(what, error, message or f"answered {status}", status))

    def _failed(self, what: str, code: str, message: str) -> None:
        self._evidence.acts.append(Act(what, code, message))


def _figures(view: LiveView, found: StreamStatistics | None, first_s: float) -> Looked:
    """A view and its counters; what only a decoder can tell is filled in later."""
    session = view.session
    video = None if found is None else found.video
    audio = None if found is None else found.audio
    return Looked(
        session_id=session.session_id,
        call_id=session.call_id,
        transport=session.transport,
        ssrc_asked=int(session.ssrc) if session.ssrc.isdigit() else None,
        ssrc=None if found is None else found.ssrc,
        ssrc_changes=0 if found is None else found.ssrc_changes,
        video="" if video is None else str(video.codec.value),
        width=0 if video is None else video.width,
        height=0 if video is None else video.height,
        fps=0.0 if video is None else (video.fps or 0.0),
        audio="" if audio is None else str(audio.codec.value),
        packets=0 if found is None else found.packets,
        lost=0 if found is None else found.lost,
        frames=0 if found is None else found.frames,
        key_frames=0 if found is None else found.key_frames,
        container="" if found is None else (found.container or ""),
        bad_ps=0 if found is None else found.bad_ps,
        pictures=0,
        difference=0.0,
        first_picture_s=round(first_s, 3),
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
