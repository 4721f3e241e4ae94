"""`media.node.MediaNode` whose work is done by a process of its own.

Calls go down the link and are awaited. What can be asked without waiting (which receivers are open,
how a stream stands) is answered from what was told last, half a second ago at most. When the worker
dies everything in it is told as failed, viewers end, and a new worker starts; whoever opened
receivers opens them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from media.errors import MediaError, StreamUnknown
from media.inprocess import NodeOptions
from media.node import (
    NOBODY,
    NodeEvent,
    NodeTotals,
    ReceiverInfo,
    ReceiverSpec,
    RecordingInfo,
    SenderInfo,
    SenderSpec,
    SenderStatistics,
    Sound,
    StreamStatistics,
    ViewerInfo,
    ViewerKind,
    VoiceStatistics,
    Who,
)
from media.ports import REST_S
from media.record.segment import SegmentsInfo, SegmentSpec

from . import messages as m
from .audience import Audience
from .hls import WorkerHls
from .known import Known
from .link import Link
from .process import WorkerProcess
from .viewer import WorkerViewer

START_S = 10.0
"""A worker that has not come up by then is started again."""
WAIT_S = 5.0
"""So long a stream waits for a worker that is being replaced."""
PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
"""Between two starts; doubled each time until one holds."""

log = logging.getLogger("gb28181.media.worker")


class WorkerNode:
    """One worker process and what is known of it."""

    def __init__(self, options: NodeOptions) -> None:
        self.options = options
        self.name = options.name
        self.starts = 0
        """How often a worker came up."""
        self.on_up: Callable[[int], None] = _nobody
        """A worker came up, as this process."""
        self.on_lost: Callable[[int, str], None] = _nobody
        """The worker that was this process is gone, and why."""
        self._known = Known()
        self._resting: tuple[int, ...] = ()
        self._audience = Audience(options, self._send)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: list[Callable[[NodeEvent], None]] = []
        self._numbers = count(1)
        self._link: Link | None = None
        self._process: WorkerProcess | None = None
        self._ready: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._closing = False
        self._hear: dict[type[Any], Callable[[Any], None]] = {
            m.Ready: self._came_up,
            m.Chunk: self._audience.chunk,
            m.Over: self._audience.over,
            m.Told: self._told,
            m.Seen: self._seen,
            m.Done: lambda done: self._settle(done.number, done.value, None),
            m.Raised: lambda raised: self._settle(raised.number, None, m.error_of(raised)),
            m.Heard: self._sound,
            m.Logged: self._log,
        }

    def __repr__(self) -> str:
        return f"<WorkerNode {self.name} pid={self.pid} streams={len(self._known.streams)}>"

    @property
    def is_up(self) -> bool:
        """Whether there is a worker to be asked."""
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._process.pid if self._process is not None else None

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring the worker up and keep it up; raises OSError, WorkerDown."""
        if self._keeper is None:
            await self._come_up()
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def aclose(self) -> None:
        """End the worker. Idempotent."""
        self._closing = True
        if self._link is not None:
            self._link.close()
        if self._keeper is not None:
            await self._keeper
            self._keeper = None

    async def _come_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._gone.clear()
        self._process, sock = await WorkerProcess.start()
        self._ready = loop.create_future()
        link = Link(lambda value: self._hear[type(value)](value), self._lost)
        await link.open(sock)
        self._link = link
        # A name of its own: a late word about a receiver of the last worker must not meet another.
        name = f"{self.name}.{self.starts + 1}"
        link.send(replace(self.options, name=name, resting=self._resting))
        try:
            await asyncio.wait_for(self._ready, START_S)
        except TimeoutError:
            link.close()
            raise m.WorkerDown(f"{self.name} did not come up in {START_S:.0f} s") from None
        self.starts += 1
        self._up.set()
        self.on_up(self._process.pid)

    async def _keep(self) -> None:
        """Start a worker again whenever one is gone."""
        pause_s = PAUSE_S
        while True:
            await self._gone.wait()
            if self._process is not None:
                await self._process.end()
            if self._closing:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._come_up()
            except (OSError, m.WorkerDown) as error:
                log.error("%s: no worker: %s", self.name, error)
                self._gone.set()
            else:
                pause_s = PAUSE_S

    def _lost(self, reason: str) -> None:
        """The link ended: tell what failed with it."""
        self._link = None
        self._up.clear()
        error = m.WorkerDown(f"{self.name}: the worker is gone")
        known, self._known = self._known, Known()
        self._resting = known.ports()
        waiting, self._waiting = self._waiting, {}
        for future in (*waiting.values(), self._ready):
            if future is not None and not future.done():
                future.set_exception(error)
        self._audience.end("node_closed" if self._closing else "worker_died")
        if not self._closing:
            self.on_lost(self.pid or 0, reason)
            for event in known.losses(str(error)):
                self._tell(event)
        self._gone.set()

    # --- the link ----------------------------------------------------------------------------

    def _came_up(self, _ready: m.Ready) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _seen(self, seen: m.Seen) -> None:
        self._known.see(seen)
        self._audience.dropped(seen.viewers)

    def _settle(self, number: int, value: Any, error: MediaError | None) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def _sound(self, heard: m.Heard) -> None:
        hearer = self._known.hearers.get(heard.number)
        if hearer is not None:
            hearer(heard.samples)

    def _log(self, line: m.Logged) -> None:
        logging.getLogger(line.name).log(line.level, "%s: %s", self.name, line.text)

    def _told(self, told: m.Told) -> None:
        self._known.hear(told.event)
        # After whoever waits for the answer that came in front of it.
        asyncio.get_running_loop().call_soon(self._tell, told.event)

    def _tell(self, event: NodeEvent) -> None:
        for callback in self._listeners:
            try:
                callback(event)
            except Exception:
                # A listener's defect must not stop the link that serves everybody else.
                log.exception("a listener of %s failed on %r", self.name, event)

    def _send(self, value: object) -> None:
        if self._link is not None:
            self._link.send(value)

    async def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        return await self._asked(m.Call(next(self._numbers), method, arguments, options))

    async def _asked(self, call: m.Call) -> Any:
        if self._link is None or not self._up.is_set():
            raise m.WorkerDown(f"{self.name}: there is no worker")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[call.number] = future
        try:
            self._link.send(call)
            return await future
        finally:
            self._waiting.pop(call.number, None)

    async def _next_worker(self) -> None:
        """What is opened anew while a worker is being replaced waits for the next one."""
        if not self._closing and not self._up.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._up.wait(), WAIT_S)

    # --- receivers and viewers ---------------------------------------------------------------

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        await self._next_worker()
        known = self._known
        info: ReceiverInfo = await self._ask("open_receiver", spec)
        known.receivers[info.receiver_id] = info
        known.streams[info.stream_id] = None
        return info

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        await self._ask("connect", receiver_id, host, port)

    async def update_receiver(
        self,
        receiver_id: str,
        *,
        ssrc: int | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        await self._ask("update_receiver", receiver_id, ssrc=ssrc, sources=sources)

    async def close_receiver(self, receiver_id: str, *, rest_s: float = REST_S) -> None:
        if self._known.receivers.pop(receiver_id, None) is not None:
            await self._ask("close_receiver", receiver_id, rest_s=rest_s)

    async def close_stream(self, stream_id: str, reason: str) -> None:
        if self._known.close_stream(stream_id):
            await self._ask("close_stream", stream_id, reason)

    async def refresh(self) -> None:
        await self._ask("refresh")

    def receivers(self) -> list[ReceiverInfo]:
        return list(self._known.receivers.values())

    def streams(self) -> list[str]:
        return list(self._known.streams)

    def statistics(self, stream_id: str) -> StreamStatistics | None:
        return self._known.stream(stream_id)

    def totals(self) -> NodeTotals:
        return self._known.totals

    def open_viewer(
        self, stream_id: str, kind: ViewerKind, *, audio: Sound = "off", who: Who = NOBODY
    ) -> WorkerViewer:
        if stream_id not in self._known.streams:
            raise StreamUnknown(stream_id)
        return self._audience.open(stream_id, kind, {"audio": audio, "who": who})

    def open_hls(self, stream_id: str, *, audio: Sound = "aac", who: Who = NOBODY) -> WorkerHls:
        if stream_id not in self._known.streams:
            raise StreamUnknown(stream_id)
        return self._audience.open_hls(stream_id, {"audio": audio, "who": who}, self._ask)

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        viewers = self._known.viewers.values()
        return [one for one in viewers if stream_id is None or one.stream_id == stream_id]

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        return viewer_id in self._known.viewers and bool(
            await self._ask("end_viewer", viewer_id, reason)
        )

    # --- recordings --------------------------------------------------------------------------

    async def record(self, stream_id: str, path: str) -> None:
        await self._next_worker()
        await self._ask("record", stream_id, path)
        self._known.recordings.setdefault(
            stream_id, RecordingInfo(stream_id, path, 0, 0, 0.0, None)
        )

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        self._known.recordings.pop(stream_id, None)
        found: RecordingInfo | None = await self._ask("stop_recording", stream_id)
        return found

    def recording(self, stream_id: str) -> RecordingInfo | None:
        return self._known.recordings.get(stream_id)

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        await self._next_worker()
        await self._ask("record_segments", stream_id, spec)
        none = SegmentsInfo(stream_id, 0, 0, 0.0, None, 0.0, 0.0, 0, None)
        self._known.segments.setdefault(stream_id, none)

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        self._known.segments.pop(stream_id, None)
        found: SegmentsInfo | None = await self._ask("stop_segments", stream_id)
        return found

    def segments(self, stream_id: str) -> SegmentsInfo | None:
        return self._known.segments.get(stream_id)

    # --- voices ------------------------------------------------------------------------------

    async def open_voice(self, voice_id: str) -> None:
        await self._next_worker()
        await self._ask("open_voice", voice_id)
        self._known.voices.setdefault(voice_id, VoiceStatistics(voice_id, 0, 0, 0, 0.0))

    def feed_voice(self, voice_id: str, samples: bytes) -> None:
        if voice_id in self._known.voices:
            self._send(m.Call(0, "feed_voice", (voice_id, samples), {}))

    async def play_voice(self, voice_id: str, samples: bytes, *, loop: bool = False) -> None:
        await self._ask("play_voice", voice_id, samples, loop=loop)

    async def close_voice(self, voice_id: str) -> None:
        if self._known.close_voice(voice_id):
            await self._ask("close_voice", voice_id)

    async def open_sender(
        self, spec: SenderSpec, on_heard: Callable[[bytes], None] | None = None
    ) -> SenderInfo:
        known, number = self._known, next(self._numbers)
        if on_heard is not None:
            known.hearers[number] = on_heard
        try:
            info: SenderInfo = await self._asked(
                m.Call(number, "open_sender", (spec,), {"hears": on_heard is not None})
            )
        except BaseException:
            known.hearers.pop(number, None)
            raise
        known.senders[info.sender_id] = info
        return info

    async def aim_sender(self, sender_id: str, host: str, port: int) -> None:
        await self._ask("aim_sender", sender_id, host, port)

    async def close_sender(self, sender_id: str, *, rest_s: float = REST_S) -> None:
        if self._known.senders.pop(sender_id, None) is not None:
            await self._ask("close_sender", sender_id, rest_s=rest_s)

    def senders(self) -> list[SenderInfo]:
        return list(self._known.senders.values())

    def voices(self) -> list[str]:
        return list(self._known.voices)

    def sender_statistics(self, sender_id: str) -> SenderStatistics | None:
        return self._known.sender(sender_id)

    def voice_statistics(self, voice_id: str) -> VoiceStatistics | None:
        return self._known.voices.get(voice_id)

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._listeners.append(callback)


def _nobody(*_told: object) -> None:
    """Nobody wants to know."""
