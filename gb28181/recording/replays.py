"""The platform's own recordings as streams people look at, and their control.

The same in everything as the playback of a device's recording: a stream and a session of its own,
addresses, tickets, viewers, linger, control. Only no device is asked, so that it may be offline,
and the recording waits with its first picture until somebody looks.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import datetime

from gb28181.errors import BadInput, Busy, Conflict, NotFound, PlatformError
from gb28181.session.ledger import Session
from gb28181.session.model import SessionState, StreamKey
from gb28181.session.playback_view import PlaybackView
from gb28181.session.service import LiveView, Owner, SessionService
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.node import MediaNode, NodeEvent, ViewersChanged
from media.record import projector as p

from .replay import Replay, Segments
from .threads import LooseThreads

THREADS = 4
"""That read for all recordings that are shown."""
PREFIX = "replay-"

log = get_logger("recording")


class ReplayService:
    """One per node."""

    def __init__(
        self,
        sessions: SessionService,
        node: MediaNode,
        segments: Segments,
        most: int,
        ids: Callable[[], str],
    ) -> None:
        """`most`: recordings shown at one time."""
        self._sessions = sessions
        self._node = node
        self._segments = segments
        self._most = most
        self._ids = ids
        self._by_stream: dict[str, Replay] = {}
        self._by_session: dict[str, Replay] = {}
        self._threads = LooseThreads(THREADS, "replays")
        self.others: Callable[[str], Awaitable[LiveView]] = _unknown
        """Streams by a name of their own that are none of these."""

    def start(self) -> None:
        """Begin to hear who looks."""
        self._node.listen(self._heard)

    async def aclose(self) -> None:
        """Read nothing any more, after the sessions have ended. Idempotent."""
        self._threads.shutdown()

    @property
    def running(self) -> int:
        """Recordings that are shown now."""
        return len(self._by_stream)

    # --- playing -----------------------------------------------------------------------------

    async def play(self, channel_id: str, start: datetime, end: datetime) -> LiveView:
        """What was recorded, as a stream of its own.

        Raises ``NotFound`` (nothing was recorded then), ``BadInput``, ``Busy``, ``LegFailed``.
        """
        found = await self._segments.segments(channel_id, start, end)
        if not any(one.state != "lost" and one.start_at < end for one in found):
            raise NotFound("recording", f"from {start.isoformat()} to {end.isoformat()}")
        if len(self._by_stream) >= self._most:
            raise Busy("playbacks_exhausted", f"{self._most} recordings are shown already")
        key = StreamKey(channel_id, "main", f"{PREFIX}{self._ids()}")
        replay = Replay(key, (start, end), self._segments, self._threads)
        self._by_stream[key.stream_id] = replay
        owner = Owner(
            running=lambda session: self._running(replay, session),
            closed=lambda _: self._closed(replay),
            asks_device=False,
        )
        try:
            return await self._sessions.play(replay, owner)
        except PlatformError:
            self._sessions.close(key.stream_id)
            self._closed(replay)
            raise

    async def wanted(self, stream_id: str) -> LiveView:
        """One that somebody opens; raises ``NotFound`` when it is over."""
        if stream_id not in self._by_stream:
            return await self.others(stream_id)
        return await self._sessions.wanted(stream_id)

    def owns(self, session_id: str) -> bool:
        """Whether a session is, or was, one of these."""
        if session_id in self._by_session:
            return True
        return self._sessions.view(session_id).stream_id.startswith(PREFIX)

    def view(self, session_id: str) -> PlaybackView:
        """Where it stands; raises ``NotFound``, ``Conflict``."""
        return self._view(self._find(session_id))

    # --- control -----------------------------------------------------------------------------

    def pause(self, session_id: str) -> PlaybackView:
        """Raises ``NotFound``, ``Conflict``, as all of them do."""
        return self._tell(session_id, p.Pause(), "PAUSE")

    def resume(self, session_id: str) -> PlaybackView:
        """At the speed of before."""
        return self._tell(session_id, p.Resume(), "PLAY")

    def seek(self, session_id: str, position_s: float | None) -> PlaybackView:
        """Go on from there; it ends a pause. Raises ``BadInput``."""
        replay = self._find(session_id)
        length = (replay.end - replay.start).total_seconds()
        if position_s is None or not 0 <= position_s < length:
            raise BadInput(f"seek needs position_s, 0 to {length} seconds", position_s=position_s)
        return self._tell(session_id, p.Seek(replay.start.timestamp() + position_s), "PLAY")

    def run(self, session_id: str, speed: float | None) -> PlaybackView:
        """Go on at this speed; it ends a pause. Raises ``BadInput``."""
        possible = speed is not None and math.isfinite(speed) and p.SLOWEST <= speed <= p.FASTEST
        if speed is None or not possible:
            raise BadInput("speed of the platform's own recordings is 0.25 to 8", speed=speed)
        return self._tell(session_id, p.Run(speed), "PLAY")

    def stop(self, session_id: str) -> PlaybackView:
        """End it."""
        replay = self._find(session_id)
        self._sessions.close(replay.key.stream_id)
        return self._view(replay)

    def _tell(self, session_id: str, event: p.Input, word: str) -> PlaybackView:
        replay = self._find(session_id)
        session = self._sessions.running(replay.key.stream_id)
        if session is None or session.call.state is not SessionState.RUNNING:
            raise Conflict("session_not_running", f"session {session_id} is not running")
        replay.tell(event)
        log.event(
            ev.PLAYBACK_CONTROLLED,
            session_id=session.session_id,
            stream_id=replay.key.stream_id,
            device_id=session.device_id,
            action=word,
            status=200,
        )
        return self._view(replay)

    # --- what becomes of them ----------------------------------------------------------------

    def _heard(self, event: NodeEvent) -> None:
        if isinstance(event, ViewersChanged) and event.stream_id in self._by_stream:
            self._by_stream[event.stream_id].tell(p.Watched(event.count > 0))

    def _running(self, replay: Replay, session: Session) -> None:
        replay.session_ids.append(session.session_id)
        self._by_session[session.session_id] = replay

    def _closed(self, replay: Replay) -> None:
        self._by_stream.pop(replay.key.stream_id, None)
        for session_id in replay.session_ids:
            self._by_session.pop(session_id, None)

    def _find(self, session_id: str) -> Replay:
        replay = self._by_session.get(session_id)
        if replay is None:
            self._sessions.view(session_id)  # raises NotFound
            raise Conflict("session_not_running", f"session {session_id} is not running")
        return replay

    def _view(self, replay: Replay) -> PlaybackView:
        projector = replay.projector
        session = self._sessions.running(replay.key.stream_id)
        last = replay.session_ids[-1] if replay.session_ids else ""
        return PlaybackView(
            session_id=session.session_id if session is not None else last,
            stream_id=replay.key.stream_id,
            state=(session.call.state if session is not None else SessionState.ENDED).value,
            start=replay.start,
            end=replay.end,
            position_s=round(projector.position - replay.start.timestamp(), 1),
            speed=projector.speed,
            paused=projector.paused,
        )


async def _unknown(stream_id: str) -> LiveView:
    raise NotFound("stream", stream_id)
