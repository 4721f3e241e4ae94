"""H.264 for browsers that cannot decode H.265, by the cheapest way there is.

A camera that sends H.264 is shown as it is. Else its sub stream, if that is H.264. Else H.264 is
made of the main stream, for as many streams at one time as the settings allow; it ends when nobody
looks. Else the answer is an honest one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from gb28181.errors import Busy, Leg, LegFailed, NotFound
from gb28181.session.model import StreamKey, Transport
from gb28181.session.service import LiveView, SessionService
from gb28181.telemetry import events_outgoing as ev
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.node import MediaNode, NodeEvent, ViewersChanged
from media.transcode.work import Transcode
from media.unit import Codec

PREFIX = "h264-"
LINGER_S = 15.0
"""Made pictures nobody looks at end after this."""
SUB_S = 5.0
"""Time for a sub stream; a camera that has none often says nothing."""
REMEMBER_S = 600.0
"""So long a sub stream that is no H.264 is not asked for again."""
MOST_REMEMBERED = 10_000

log = get_logger("session")


@dataclass(slots=True, eq=False)
class Made:
    """A stream that is made."""

    source: LiveView
    work: Transcode
    ready: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    receivers: list[str] = field(default_factory=list)


class BrowserStreams:
    """One per node."""

    def __init__(self, sessions: SessionService, node: MediaNode, most: int, host: str) -> None:
        """`host`: where the node listens."""
        self._sessions = sessions
        self._node = node
        self._most = most
        self._host = "127.0.0.1" if host in ("", "0.0.0.0") else "::1" if host == "::" else host
        self._made: dict[str, Made] = {}
        self._no_sub: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen to the media node."""
        self._node.listen(self._heard)

    async def aclose(self) -> None:
        """End what is made. Idempotent."""
        for stream_id in list(self._made):
            await self._end(stream_id, "shutdown")

    @property
    def running(self) -> int:
        """Streams that are made now."""
        return len(self._made)

    async def live(
        self, channel_id: str, transport: Transport | None = None
    ) -> tuple[LiveView, StreamKey]:
        """The picture as H.264, and by what it is looked at; raises NotFound, LegFailed, Busy."""
        main = await self._sessions.live(channel_id, transport)
        if _codec(main) is not Codec.H265:
            return main, StreamKey(channel_id)
        sub = await self._sub(channel_id)
        if sub is not None:
            return sub, StreamKey(channel_id, "sub")
        stream_id = PREFIX + channel_id
        if stream_id not in self._made:
            self._admit()
            main = await self._sessions.live(channel_id, transport)  # the sub stream took its time
        await self._make(stream_id, main)
        return self.view(stream_id), StreamKey(channel_id, name=stream_id)

    def view(self, stream_id: str) -> LiveView:
        """A stream that is made; raises NotFound."""
        made = self._made.get(stream_id)
        if made is None:
            raise NotFound("stream", stream_id)
        session = replace(made.source.session, stream_id=stream_id)
        return LiveView(session, self._node.statistics(stream_id))

    async def wanted(self, stream_id: str) -> LiveView:
        """The same, once it has a picture."""
        made = self._made.get(stream_id)
        if made is not None and made.ready is not None:
            await asyncio.shield(made.ready)
        return self.view(stream_id)

    async def _sub(self, channel_id: str) -> LiveView | None:
        now = asyncio.get_running_loop().time()
        if now < self._no_sub.get(channel_id, 0.0):
            return None
        try:
            async with asyncio.timeout(SUB_S):
                view = await self._sessions.live(channel_id, None, "sub")
        except (LegFailed, TimeoutError):
            view = None
        if view is not None and _codec(view) is Codec.H264:
            return view
        if len(self._no_sub) >= MOST_REMEMBERED:
            self._no_sub.clear()
        self._no_sub[channel_id] = now + REMEMBER_S
        return None

    async def _make(self, stream_id: str, main: LiveView) -> None:
        made = self._made.get(stream_id)
        if made is None:
            self._admit()
            loop = asyncio.get_running_loop()
            source_id = main.session.stream_id
            work = Transcode(
                self._node, source_id, stream_id, self._host, lambda: self._over(stream_id)
            )
            made = self._made[stream_id] = Made(main, work)
            made.ready = loop.create_task(self._begin(stream_id, made))
            made.ready.add_done_callback(lambda task: task.cancelled() or task.exception())
        if made.ready is not None:
            await asyncio.shield(made.ready)

    def _admit(self) -> None:
        if not self._most:
            raise LegFailed(
                Leg.UNSUPPORTED_CODEC, "the camera sends H.265, and nothing is made of it here"
            )
        if len(self._made) >= self._most:
            raise Busy(
                "transcodes_exhausted",
                f"H.264 is made of {self._most} streams already (media.transcodes)",
            )

    async def _begin(self, stream_id: str, made: Made) -> None:
        def opened(receiver_id: str) -> None:
            made.receivers.append(receiver_id)
            self._sessions.lend(receiver_id)

        try:
            await made.work.start(opened)
        except (MediaError, OSError) as error:
            await self._end(stream_id, str(error))
            raise LegFailed(
                Leg.UNSUPPORTED_CODEC, f"no H.264 can be made of it: {error}"
            ) from error
        log.event(ev.TRANSCODE_STARTED, stream_id=stream_id)
        self._linger(stream_id, made)

    def _linger(self, stream_id: str, made: Made) -> None:
        if made.timer is not None:
            made.timer.cancel()
        made.timer = asyncio.get_running_loop().call_later(
            LINGER_S, self._spawn_end, stream_id, "no_viewers"
        )

    def _heard(self, event: NodeEvent) -> None:
        made = self._made.get(getattr(event, "stream_id", ""))
        if made is None:
            return
        made.work.heard(event)
        if isinstance(event, ViewersChanged):
            if not event.count:
                self._linger(event.stream_id, made)
            elif made.timer is not None:
                made.timer.cancel()
                made.timer = None

    def _over(self, stream_id: str) -> None:
        self._spawn_end(stream_id, "media_stopped")

    def _spawn_end(self, stream_id: str, reason: str) -> None:
        task = asyncio.get_running_loop().create_task(self._end(stream_id, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, stream_id: str, reason: str) -> None:
        made = self._made.pop(stream_id, None)
        if made is None:
            return
        if made.timer is not None:
            made.timer.cancel()
        await made.work.aclose(reason)
        for receiver_id in made.receivers:
            self._sessions.give_back(receiver_id)
        log.event(ev.TRANSCODE_ENDED, stream_id=stream_id, reason=reason)


def _codec(view: LiveView) -> Codec | None:
    video = view.statistics.video if view.statistics else None
    return None if video is None else video.codec
