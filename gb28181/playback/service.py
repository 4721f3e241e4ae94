"""Playback: recordings as streams people look at, and their control.

A playback is a stream of its own, with viewers, tickets and linger like a live one; several calls
may follow each other in it (gaps in what was recorded, files, broken links), and any of their
session ids names it. What the next call asks for is decided in ``plan.py``; how control is said is
in ``control.py``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, assert_never

from gb28181.errors import (
    BadInput,
    Conflict,
    DeviceRefused,
    DeviceTimeout,
    NotFound,
    PlatformError,
)
from gb28181.session.ledger import Session
from gb28181.session.model import (
    SessionKind,
    SessionState,
    Span,
    StreamKey,
    Transport,
)
from gb28181.session.playback_view import PlaybackView
from gb28181.session.service import ANSWER_S, LiveView, Owner, SessionService
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.errors import SipError

from .archive import Archive
from .control import CONTENT_TYPE, Action, Verdict, Writer, possible_scale, read_answer
from .plan import ClockMeter, RecordingPlan
from .records import boundaries, spans

RECORDS_WAIT_S = 1.5
"""How long the start of a playback waits for the list of recordings."""
INFO_S = 5.0
"""How long a control waits for the device."""
TEARDOWN_S = 1.0
LONGEST_S = 31 * 86_400

log = get_logger("playback")


@dataclass(slots=True, eq=False)
class Playback:
    """One stream of a recording."""

    plan: RecordingPlan
    meter: ClockMeter
    writer: Writer = field(default_factory=Writer)
    session_ids: list[str] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One INFO at a time: devices mix up two."""

    @property
    def stream_id(self) -> str:
        return self.plan.key.stream_id


class PlaybackService:
    """The playbacks of one node."""

    def __init__(self, sessions: SessionService, archive: Archive, ids: Callable[[], str]) -> None:
        self._sessions = sessions
        self._archive = archive
        self._ids = ids
        self._by_session: dict[str, Playback] = {}
        self._by_stream: dict[str, Playback] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.others: Callable[[str], Awaitable[LiveView]] = _unknown
        """Streams by a name of their own that are no recordings."""

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        """Control nothing any more; the sessions end themselves."""
        for task in list(self._tasks):
            task.cancel()

    # --- playing -----------------------------------------------------------------------------

    async def play(
        self,
        channel_id: str,
        start: datetime,
        end: datetime,
        transport: Transport | None = None,
    ) -> LiveView:
        """A recording as a stream of its own; raises ``LegFailed``, ``NotFound``, ``BadInput``."""
        wanted = span_of(start, end)
        begun = self._now
        known = await self._archive.lately(channel_id, start, end, RECORDS_WAIT_S)
        meter = ClockMeter()
        plan = RecordingPlan(
            StreamKey(channel_id, "main", f"playback-{self._ids()}"),
            transport,
            SessionKind.PLAYBACK,
            wanted,
            meter,
            spans=spans(known, start, end),
            files=boundaries(known),
        )
        playback = Playback(plan, meter)
        owner = Owner(
            running=lambda session: self._running(playback, session),
            closed=lambda _: self._closed(playback),
        )
        self._by_stream[playback.stream_id] = playback
        try:
            return await self._sessions.play(plan, owner, ANSWER_S - (self._now - begun))
        except PlatformError:
            self._sessions.close(playback.stream_id)
            self._closed(playback)
            raise

    async def wanted(self, stream_id: str) -> LiveView:
        """A playback somebody opens; raises ``NotFound`` when it is over."""
        if stream_id not in self._by_stream:
            return await self.others(stream_id)
        return await self._sessions.wanted(stream_id)

    def view(self, session_id: str) -> PlaybackView:
        """Where a playback stands; raises ``NotFound``, ``Conflict``."""
        return self._view(self._find(session_id))

    # --- control -----------------------------------------------------------------------------

    async def control(
        self,
        session_id: str,
        action: Action,
        *,
        position_s: float | None = None,
        speed: float | None = None,
    ) -> PlaybackView:
        """Do it and wait for the device; raises ``DeviceRefused``, ``DeviceTimeout``, ..."""
        playback = self._find(session_id)
        async with playback.turn:
            session = self._sessions.running(playback.stream_id)
            if session is None or session.call.state is not SessionState.RUNNING:
                if action is not Action.STOP:
                    raise Conflict("session_not_running", f"session {session_id} is not running")
                self._sessions.close(playback.stream_id)
                return self._view(playback)
            match action:
                case Action.PAUSE:
                    await self._ask(playback, session, playback.writer.pause())
                    self._hold(playback, session, True)
                case Action.RESUME:
                    await self._ask(playback, session, playback.writer.resume())
                    self._hold(playback, session, False)
                case Action.SEEK:
                    await self._seek(playback, session, position_s)
                case Action.SPEED:
                    await self._speed(playback, session, speed)
                case Action.STOP:
                    await self._stop(playback, session)
                case _:
                    assert_never(action)
        return self._view(playback)

    def _hold(self, playback: Playback, session: Session, on: bool) -> None:
        if on:
            playback.meter.pause(self._now)
        else:
            playback.meter.resume(self._now)
        self._sessions.hold(session, on)

    async def _seek(self, playback: Playback, session: Session, position_s: float | None) -> None:
        plan = playback.plan
        length = plan.wanted.end - plan.wanted.start
        if position_s is None or not 0 <= position_s < length:
            raise BadInput(f"seek needs position_s, 0 to {length} seconds", position_s=position_s)
        target = plan.wanted.start + position_s
        if not plan.reaches(target):  # in another recorded stretch: another call
            playback.meter.resume(self._now)
            plan.leap(target)
            self._sessions.leap(playback.stream_id)
            return
        await self._ask(playback, session, playback.writer.seek(target - plan.asked.start))
        plan.went(target, self._now)
        self._sessions.hold(session, False)

    async def _speed(self, playback: Playback, session: Session, speed: float | None) -> None:
        if speed is None or not math.isfinite(speed) or not possible_scale(speed):
            raise BadInput("speed is 0.25 to 8, or -0.25 to -8 for backwards", speed=speed)
        verdict = await self._ask(playback, session, playback.writer.scale(speed))
        playback.meter.run(verdict.scale or speed, self._now)
        self._sessions.hold(session, False)

    async def _stop(self, playback: Playback, session: Session) -> None:
        try:
            await self._ask(playback, session, playback.writer.teardown(), TEARDOWN_S)
        except PlatformError:
            pass  # the BYE that follows says the same, and every device knows it
        finally:
            self._sessions.close(playback.stream_id)

    async def _ask(
        self, playback: Playback, session: Session, body: bytes, wait_s: float = INFO_S
    ) -> Verdict:
        word = body.split(b" ", 1)[0].decode()
        try:
            async with asyncio.timeout(wait_s):
                answer = await self._sessions.info(session, body, CONTENT_TYPE)
        except (TimeoutError, SipError) as error:
            raise DeviceTimeout(f"the device does not answer {word}") from error
        verdict = read_answer(answer.status, answer.body)
        log.event(
            ev.PLAYBACK_CONTROLLED,
            session_id=session.session_id,
            stream_id=playback.stream_id,
            device_id=session.device_id,
            action=word,
            status=verdict.status,
        )
        if not verdict.taken:
            raise DeviceRefused(
                f"the device refuses {word}: {verdict.status}; the stream goes on",
                sip_status=answer.status,
                detail={"mansrtsp_status": verdict.status},
            )
        return verdict

    # --- what becomes of them ----------------------------------------------------------------

    def _running(self, playback: Playback, session: Session) -> None:
        first = not playback.session_ids
        playback.session_ids.append(session.session_id)
        self._by_session[session.session_id] = playback
        playback.writer = Writer()
        if not first:
            self._spawn(self._restore(playback, session))

    async def _restore(self, playback: Playback, session: Session) -> None:
        """A further call begins at normal speed: bring it to where the one before was."""
        meter = playback.meter
        async with playback.turn:
            try:
                if meter.scale != 1.0:
                    await self._ask(playback, session, playback.writer.scale(meter.scale))
                if meter.paused:
                    await self._ask(playback, session, playback.writer.pause())
                    self._sessions.hold(session, True)
            except PlatformError:
                meter.run(1.0, self._now)  # it goes on as the device likes it

    def _closed(self, playback: Playback) -> None:
        self._by_stream.pop(playback.stream_id, None)
        for session_id in playback.session_ids:
            self._by_session.pop(session_id, None)

    # --- small helpers -----------------------------------------------------------------------

    def _find(self, session_id: str) -> Playback:
        playback = self._by_session.get(session_id)
        if playback is not None:
            return playback
        view = self._sessions.view(session_id)  # raises NotFound
        if view.kind is SessionKind.PLAYBACK:
            raise Conflict("session_not_running", f"session {session_id} is not running")
        raise Conflict("not_a_playback", f"session {session_id} is {view.kind.value}")

    def _view(self, playback: Playback) -> PlaybackView:
        plan, meter = playback.plan, playback.meter
        session = self._sessions.running(playback.stream_id)
        last = playback.session_ids[-1] if playback.session_ids else ""
        return PlaybackView(
            session_id=session.session_id if session is not None else last,
            stream_id=playback.stream_id,
            state=(session.call.state if session is not None else SessionState.ENDED).value,
            start=datetime.fromtimestamp(plan.wanted.start, UTC),
            end=datetime.fromtimestamp(plan.wanted.end, UTC),
            position_s=round(plan.position(self._now) - plan.wanted.start, 1),
            speed=meter.scale,
            paused=meter.paused,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(ev.APP_FAILED, component="playback", error=task.exception())


def span_of(start: datetime, end: datetime) -> Span:
    """A stretch of time a device can be asked for, or BadInput."""
    wanted = Span(int(start.timestamp()), math.ceil(end.timestamp()))
    if wanted.end <= wanted.start:
        raise BadInput("start must be before end")
    if wanted.end - wanted.start > LONGEST_S:
        raise BadInput("at most 31 days at a time")
    return wanted


async def _unknown(stream_id: str) -> LiveView:
    raise NotFound("stream", stream_id)
