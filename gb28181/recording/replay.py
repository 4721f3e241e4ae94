"""One recording that is being shown: the machine of it, the files it is read from, their meeting.

What is shown and when is decided in `media.record.projector`. This reads in threads what the
machine asks for, gives the node what it decides, and waits for its deadline. A reading that was
overtaken by a jump ends with nobody waiting for it: each jump has a reel of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Protocol, TypeVar, assert_never

from gb28181.session.model import Ask, EndReason, Failure, SessionKind, Span, StreamKey, Transport
from gb28181.session.plan import Next
from gb28181.store.recordings import SegmentRecord
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.logs import get_logger
from media.node import MediaNode
from media.record import projector as p
from media.record.projector import Projector, Strip

from .reel import Reel
from .storage import Storage

TAIL_S = 5.0
"""At the end the stream stays so long for players of HLS, which still fetch the last segments."""

T = TypeVar("T")

log = get_logger("recording")


class Segments(Protocol):
    """Who knows the files of a channel."""

    @property
    def storage(self) -> Storage: ...
    async def segments(
        self, channel_id: str, start: datetime, end: datetime
    ) -> list[SegmentRecord]: ...


class Replay:
    """`session.showing.Show` and `session.plan.Plan` of a stretch of time."""

    def __init__(
        self,
        key: StreamKey,
        span: tuple[datetime, datetime],
        segments: Segments,
        threads: Executor,
    ) -> None:
        self.key = key
        self.transport: Transport | None = None
        self.start, self.end = span
        self.session_ids: list[str] = []
        self.projector = Projector(self.start.timestamp(), self.end.timestamp())
        self._segments = segments
        self._threads = threads
        self._reel = Reel(segments.storage)
        self._effects: deque[p.Effect] = deque()
        self._wake = asyncio.Event()
        self._readings: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return f"<Replay {self.key.stream_id} {self.projector!r}>"

    # --- session.plan.Plan -------------------------------------------------------------------

    def ask(self, now: float) -> Ask:
        span = Span(int(self.start.timestamp()), int(self.end.timestamp()))
        return Ask(SessionKind.PLAYBACK, span, show=self)

    def running(self, now: float) -> None:
        """Where it is, is known without."""

    def over(self, failure: Failure, now: float) -> Next:
        return Next.DONE if failure.reason is EndReason.FINISHED else Next.BROKEN

    # --- session.showing.Show ----------------------------------------------------------------

    def tell(self, event: p.Input) -> None:
        """Something changed for the machine."""
        now = asyncio.get_running_loop().time()
        self._effects.extend(self.projector.handle(event, now))
        self._wake.set()

    async def run(self, node: MediaNode, receiver_id: str) -> None:
        self._effects.clear()
        self._failure = None
        self.tell(p.Begin())
        try:
            while True:
                if await self._perform(node, receiver_id):
                    if not await self._goes_on(node, receiver_id):
                        return
                    continue
                await self._wait()
                if self._failure is not None:
                    raise self._failure
                self.tell(p.Tick())
        finally:
            for task in self._readings:
                task.cancel()

    async def _perform(self, node: MediaNode, receiver_id: str) -> bool:
        """What was decided; True at the end of it all."""
        while self._effects:
            effect = self._effects.popleft()
            match effect:
                case p.Show(outs):
                    await node.feed(receiver_id, outs)
                case p.Load(turn, at):
                    task = asyncio.get_running_loop().create_task(self._load(turn, at))
                    self._readings.add(task)
                    task.add_done_callback(self._readings.discard)
                case p.Finished():
                    return True
                case _:
                    assert_never(effect)
        return False

    async def _goes_on(self, node: MediaNode, receiver_id: str) -> bool:
        """Give out what is held back, and leave time to fetch it; True when another place was
        wanted meanwhile."""
        await node.feed(receiver_id, ())
        viewers = node.viewers(self.key.stream_id)
        if not any(one.who.protocol == "hls" for one in viewers):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAIL_S):
                while self.projector.over:
                    self._wake.clear()
                    await self._wake.wait()
        return not self.projector.over

    async def _wait(self) -> None:
        """Until the deadline, or until something changes."""
        self._wake.clear()
        if self._failure is not None:  # while units were given
            return
        deadline = self.projector.deadline
        timer: asyncio.TimerHandle | None = None
        if deadline is not None:
            timer = asyncio.get_running_loop().call_at(deadline, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    # --- reading -----------------------------------------------------------------------------

    async def _load(self, turn: int, at: float | None) -> None:
        try:
            strips = await self._read(at)
        except Exception as error:  # whatever it is, `run` ends with it: nobody else waits for this
            self._failure = error
            self._wake.set()
        else:
            self.tell(p.Loaded(turn, tuple(strips)))

    async def _read(self, at: float | None) -> list[Strip]:
        if at is None:
            reel = self._reel
        else:
            reel = self._reel = Reel(self._segments.storage)
            records = await self._known(at)
            await self._in_thread(lambda: reel.go(records, at))
        strips = await self._in_thread(reel.read)
        if not strips:  # what was recorded meanwhile
            reel.renew(await self._known(reel.position))
            strips = await self._in_thread(reel.read)
        self._tell_broken(reel)
        return strips

    async def _known(self, at: float) -> list[SegmentRecord]:
        start = datetime.fromtimestamp(at, UTC)
        if start >= self.end:
            return []
        return await self._segments.segments(self.key.channel_id, start, self.end)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _tell_broken(self, reel: Reel) -> None:
        broken, reel.broken = reel.broken, []
        for path, reason in broken:
            if path not in self._told:
                self._told.add(path)
                log.event(
                    ev.RECORDING_UNREADABLE,
                    channel_id=self.key.channel_id,
                    stream_id=self.key.stream_id,
                    path=path,
                    reason=reason,
                )
