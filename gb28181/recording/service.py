"""The shell of recording: a machine for each channel, performed with sessions and media node.

A recorded stream is the live stream everybody looks at, pulled once; the recorder counts as a
viewer of it. What the node writes is entered into the index file by file, in the order it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from gb28181.cluster.bus import Bus, Event
from gb28181.errors import BadInput, NotFound, PlatformError
from gb28181.session.caller import Directory
from gb28181.session.model import Failure, StreamKey
from gb28181.session.service import SessionService
from gb28181.store.recordings import GapRecord, RecordedChannel, SegmentRecord
from gb28181.telemetry import events_recording as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.node import MediaNode, NodeEvent, RecordingBusy
from media.record.segment import (
    SegmentClosed,
    SegmentOpened,
    SegmentsFailed,
    SegmentsInfo,
    SegmentsMoved,
    SegmentSpec,
)

from . import machine as m
from .entries import Entries
from .machine import Cause, ChannelRecording, State
from .options import RecordingOptions
from .weekly import Week

BEGINNING = 20
"""Streams that are wanted at one time, when a plan begins for many."""
CLOSE_S = 3.0
MOST_SECONDS = 86_400.0
"""Of a recording by hand or alarm that is to end by itself."""

log = get_logger("recording")


class Book(Protocol):
    """Where the index is kept."""

    async def channels(self) -> list[RecordedChannel]: ...
    async def save_channels(self, records: list[RecordedChannel]) -> None: ...
    async def add_segment(self, record: SegmentRecord) -> None: ...
    async def save_segment(self, record: SegmentRecord) -> None: ...
    async def delete_segment(self, segment_id: str) -> None: ...
    async def save_gap(self, record: GapRecord) -> None: ...
    async def open_gaps(self) -> list[GapRecord]: ...


@dataclass(frozen=True, slots=True)
class RecordingView:
    """How the recording of a channel stands."""

    channel_id: str
    state: State
    cause: str | None
    """Why nothing is recorded, though it is wanted."""
    wanted_by: list[str]
    plan_id: str | None
    until: datetime | None
    """Of a recording by hand."""
    path: str | None
    """Of the file that grows."""
    since: datetime | None
    """Its begin."""


@dataclass(slots=True, eq=False)
class _Line:
    """A channel and what the shell keeps for it."""

    channel_id: str
    record: RecordedChannel
    machine: ChannelRecording = field(default_factory=ChannelRecording)
    timer: asyncio.TimerHandle | None = None
    wanted: bool = False
    again: bool = False
    """Whatever is done about it has to be done once more."""
    work: asyncio.Task[None] | None = None
    segment: SegmentRecord | None = None
    told: tuple[State, str] = (State.IDLE, "")

    @property
    def stream_id(self) -> str:
        return StreamKey(self.channel_id).stream_id


class RecordingService:
    """The recordings of one node."""

    def __init__(
        self,
        sessions: SessionService,
        directory: Directory,
        node: MediaNode,
        book: Book,
        bus: Bus,
        options: RecordingOptions,
        ids: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """`clock` is civil time in UNIX seconds."""
        self._sessions = sessions
        self._directory = directory
        self._node = node
        self._book = book
        self._bus = bus
        self._options = options
        self._ids = ids
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._weeks: dict[str, Week | None] = {}
        self._room = True
        self._turn = asyncio.Semaphore(BEGINNING)
        self._entries = Entries()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.on_full: Callable[[], None] = lambda: None
        """The disk refused a write."""
        self.on_whole: Callable[[], None] = lambda: None
        """A segment is whole, and in the index."""
        self.repair: Callable[[SegmentRecord], Awaitable[None]] = book.save_segment
        """Closes a segment whose writer died."""

    # --- life --------------------------------------------------------------------------------

    async def start(self, weeks: dict[str, Week | None]) -> None:
        """Go on with what was wanted; `weeks` are those of the plans (None: switched off)."""
        self._weeks = dict(weeks)
        self._entries.start()
        self._node.listen(self._on_node_event)
        self._sessions.on_closed.append(self._stream_closed)
        for record in await self._book.channels():
            line = self._enter(record)
            if record.by_hand:
                until = None if record.until_at is None else record.until_at.timestamp()
                self._tell(line, m.ByHand(True, until))
            self._tell(line, m.Planned(self._weeks.get(record.plan_id)))
        for gap in await self._book.open_gaps():
            line = self._line(gap.channel_id)
            self._tell(line, m.GapLeft(gap.start_at.timestamp(), gap.cause))

    async def aclose(self) -> None:
        """End the files; time from here to the next start is a gap of the platform's."""
        self._stopping = True
        now = self._clock()
        for line in list(self._lines.values()):
            if line.timer is not None:
                line.timer.cancel()
            if line.machine.state is State.RECORDING:
                self._enter_gap(line, m.Gap(now, None, Cause.PLATFORM))
        work = [line.work for line in self._lines.values() if line.work is not None]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        stops = [self._node.stop_segments(line.stream_id) for line in self._lines.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*stops, return_exceptions=True)
                await self._entries.join()
        await self._entries.aclose()

    # --- what is wanted ----------------------------------------------------------------------

    def views(self) -> list[RecordingView]:
        """All channels that are recorded, or are to be, by id."""
        return [
            self._view(line)
            for _, line in sorted(self._lines.items())
            if line.machine.is_needed or line.record.plan_id
        ]

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be recorded now."""
        return any(line.machine.state is not State.IDLE for line in self._lines.values())

    def by_state(self) -> dict[State, int]:
        """How many channels are in which state, idle ones apart."""
        found = Counter(line.machine.state for line in self._lines.values())
        del found[State.IDLE]
        return dict(found)

    def view(self, channel_id: str) -> RecordingView:
        """One channel, recorded or not; raises NotFound."""
        self._require(channel_id)
        return self._view(self._line(channel_id))

    async def record(self, channel_id: str, seconds: float | None = None) -> RecordingView:
        """Record by hand, until it is stopped or for so long; raises NotFound, BadInput."""
        self._require(channel_id)
        until = None if seconds is None else self._clock() + _checked(seconds)
        line = self._line(channel_id)
        line.record.by_hand = True
        line.record.until_at = None if until is None else _civil(until)
        await self._book.save_channels([line.record])
        self._tell(line, m.ByHand(True, until))
        return self._view(line)

    async def stop(self, channel_id: str) -> RecordingView:
        """Nobody wants it by hand any more, and no alarm; a plan goes on. Raises NotFound."""
        self._require(channel_id)
        line = self._line(channel_id)
        line.record.by_hand, line.record.until_at = False, None
        await self._book.save_channels([line.record])
        line.machine.alarm_until = 0.0
        self._tell(line, m.ByHand(False))
        return self._view(line)

    def alarm(self, channel_id: str, seconds: float) -> None:
        """An alarm wants it for so long; raises NotFound, BadInput."""
        self._require(channel_id)
        self._tell(self._line(channel_id), m.Alarm(self._clock() + _checked(seconds)))

    async def assign(self, plan_id: str, channel_ids: list[str]) -> None:
        """This plan is that of these channels, and of no others; raises NotFound."""
        for channel_id in channel_ids:
            self._require(channel_id)
        wanted = set(channel_ids)
        changed = [self._line(one) for one in sorted(wanted)]
        changed = [line for line in changed if line.record.plan_id != plan_id]
        gone = [
            line
            for line in self._lines.values()
            if line.record.plan_id == plan_id and line.channel_id not in wanted
        ]
        for line in changed:
            line.record.plan_id = plan_id
        for line in gone:
            line.record.plan_id = ""
        await self._book.save_channels([line.record for line in (*changed, *gone)])
        for line in (*changed, *gone):
            self._tell(line, m.Planned(self._weeks.get(line.record.plan_id)))

    def assigned(self, plan_id: str) -> list[str]:
        return sorted(
            one.channel_id for one in self._lines.values() if one.record.plan_id == plan_id
        )

    def plan_changed(self, plan_id: str, week: Week | None) -> None:
        """The table of a plan is another one; None: it is switched off."""
        self._weeks[plan_id] = week
        for line in self._lines.values():
            if line.record.plan_id == plan_id:
                self._tell(line, m.Planned(week))

    # --- what happens ------------------------------------------------------------------------

    def device_changed(self, device_id: str, state: str) -> None:
        """The registry's word: who is back is recorded again at once."""
        if state != "online":
            return
        for line in list(self._lines.values()):
            route = self._directory.route(line.channel_id)
            if route is not None and route.device_id == device_id:
                self._tell(line, m.DeviceBack())

    def set_room(self, room: bool) -> None:
        """There is room on the disk, or no longer."""
        self._room = room
        for line in list(self._lines.values()):
            self._tell(line, m.Disk(room))

    def growing(self, segment_id: str = "") -> dict[str, SegmentsInfo]:
        """Segment id to how far its file is, of all files that grow."""
        found = {}
        for line in self._lines.values():
            info = self._node.segments(line.stream_id) if line.segment is not None else None
            if line.segment is not None and info is not None and info.path == line.segment.path:
                found[line.segment.segment_id] = info
        return found

    def _stream_closed(self, stream_id: str, failure: Failure) -> None:
        line = self._lines.get(stream_id)
        if line is not None and not self._stopping:
            self._tell(line, m.Broken(failure.reason.value))

    def _on_node_event(self, event: NodeEvent) -> None:
        match event:
            case SegmentOpened():
                self._opened(event)
            case SegmentClosed():
                self._ended(event)
            case SegmentsFailed():
                line = self._lines.get(event.stream_id)
                if line is None:
                    return
                segment, line.segment = line.segment, None
                if segment is not None:
                    self._entries.add(lambda: self.repair(segment))
                if event.full:
                    self.on_full()
                else:
                    log.event(ev.RECORDING_FAILED, channel_id=line.channel_id, reason=event.reason)
                self._tell(line, m.Broken(Cause.DISK_FULL if event.full else Cause.INTERRUPTED))
            case SegmentsMoved():
                line = self._lines.get(event.stream_id)
                if line is not None:
                    self._tell(line, m.Broken(Cause.INTERRUPTED))
                    self._tell(line, m.DeviceBack())  # at once
            case _:
                pass

    def _opened(self, event: SegmentOpened) -> None:
        line = self._lines.get(event.stream_id)
        if line is None:
            return
        at = _civil(event.start)
        segment = line.segment = SegmentRecord(
            self._ids(), line.channel_id, event.path, at, at, video=event.video, audio=event.audio
        )
        self._entries.add(lambda: self._book.add_segment(segment))
        self._tell(line, m.Opened(event.start))

    def _ended(self, event: SegmentClosed) -> None:
        line = self._lines.get(event.stream_id)
        if line is None or line.segment is None or line.segment.path != event.path:
            return
        segment, line.segment = line.segment, None
        segment.end_at, segment.size = _civil(event.end), event.size
        segment.duration_s, segment.state = event.seconds, "done"
        segment.reason = event.reason
        if event.seconds > 0:
            self._entries.add(lambda: self._save(segment))
        else:
            self._entries.add(lambda: self._book.delete_segment(segment.segment_id))
        log.event(
            ev.RECORDING_SEGMENT_WRITTEN,
            channel_id=line.channel_id,
            path=event.path,
            seconds=round(event.seconds, 1),
            size=event.size,
            reason=event.reason,
        )
        self._tell(line, m.Ended(event.end, event.reason in ("length", "format")))

    # --- machines ----------------------------------------------------------------------------

    def _tell(self, line: _Line, event: m.Input) -> None:
        now = self._clock()
        effects = line.machine.handle(event, now)
        for effect in effects:
            match effect:
                case m.Begin():
                    line.wanted = line.again = True
                    self._align(line)
                case m.End():
                    line.wanted, line.again = False, True
                    self._align(line)
                case m.Gap():
                    self._enter_gap(line, effect)
        self._arm(line, now)
        state = (line.machine.state, line.machine.cause)
        if state != line.told:
            line.told = state
            self._changed(line)

    def _arm(self, line: _Line, now: float) -> None:
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        deadline = line.machine.deadline(now)
        if deadline is not None and not self._stopping:
            # Looked at again within the hour: civil time may be set meanwhile.
            wait_s = min(max(deadline - now, 0.0), 3600.0)
            loop = asyncio.get_running_loop()
            line.timer = loop.call_later(wait_s, self._tell, line, m.Tick())

    def _changed(self, line: _Line) -> None:
        view = self._view(line)
        data = {
            "channel_id": view.channel_id,
            "state": view.state.value,
            "cause": view.cause,
            "wanted_by": view.wanted_by,
        }
        self._bus.publish(Event("recording.changed", data))
        if view.state is State.RECORDING:
            log.event(
                ev.RECORDING_STARTED,
                channel_id=line.channel_id,
                path=view.path,
                reason=",".join(view.wanted_by),
            )
        elif view.state is State.IDLE:
            log.event(ev.RECORDING_STOPPED, channel_id=line.channel_id)

    def _enter_gap(self, line: _Line, gap: m.Gap) -> None:
        end = None if gap.end is None else _civil(gap.end)
        record = GapRecord(line.channel_id, _civil(gap.start), end, str(gap.cause))
        self._entries.add(lambda: self._book.save_gap(record))
        log.event(
            ev.RECORDING_GAP,
            channel_id=line.channel_id,
            reason=str(gap.cause),
            seconds=None if gap.end is None else round(gap.end - gap.start, 1),
        )

    # --- doing -------------------------------------------------------------------------------

    def _align(self, line: _Line) -> None:
        if line.work is None and not self._stopping:
            line.work = self._spawn(self._do(line))

    async def _do(self, line: _Line) -> None:
        """Begin or end, whatever is wanted last, one after the other."""
        try:
            while line.again:
                line.again = False
                if line.wanted:
                    await self._begin(line)
                else:
                    self._sessions.keep(line.stream_id, False)
                    await self._node.stop_segments(line.stream_id)
        finally:
            line.work = None

    async def _begin(self, line: _Line) -> None:
        self._sessions.keep(line.stream_id, True)
        try:
            async with self._turn:
                # First the stream: it knows on which node it belongs. Nothing is lost, a recording
                # begins with the last key frame.
                await self._sessions.live(line.channel_id)
                if line.wanted:
                    await self._record(line)
        except (PlatformError, MediaError) as error:
            cause = error.code if isinstance(error, PlatformError) else Cause.INTERRUPTED
            self._tell(line, m.Broken(cause))

    async def _record(self, line: _Line) -> None:
        """See that the node records the stream, and will when it comes again; raises MediaError."""
        found = self._node.segments(line.stream_id)
        if found is not None and found.failure is None:
            return
        if found is not None:
            await self._node.stop_segments(line.stream_id)
        options = self._options
        spec = SegmentSpec(str(options.folder), line.channel_id, options.segment_s, options.zone)
        with contextlib.suppress(RecordingBusy):
            await self._node.record_segments(line.stream_id, spec)

    async def _save(self, segment: SegmentRecord) -> None:
        await self._book.save_segment(segment)
        self.on_whole()

    # --- small helpers -----------------------------------------------------------------------

    def _line(self, channel_id: str) -> _Line:
        return self._lines.get(channel_id) or self._enter(RecordedChannel(channel_id))

    def _enter(self, record: RecordedChannel) -> _Line:
        line = self._lines[record.channel_id] = _Line(record.channel_id, record)
        if not self._room:
            self._tell(line, m.Disk(False))
        return line

    def _require(self, channel_id: str) -> None:
        if self._directory.route(channel_id) is None and channel_id not in self._lines:
            raise NotFound("channel", channel_id)

    def _view(self, line: _Line) -> RecordingView:
        machine, segment = line.machine, line.segment
        idle = machine.state in (State.IDLE, State.RECORDING)
        return RecordingView(
            channel_id=line.channel_id,
            state=machine.state,
            cause=None if idle else str(machine.cause) or None,
            wanted_by=machine.wanted_by(self._clock()),
            plan_id=line.record.plan_id or None,
            until=None if machine.until is None else _civil(machine.until),
            path=None if segment is None else segment.path,
            since=None if segment is None else segment.start_at,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(APP_FAILED, component="recording", exc_info=task.exception())


def _checked(seconds: float) -> float:
    if not 0 < seconds <= MOST_SECONDS:
        raise BadInput(f"seconds is more than 0 and at most {MOST_SECONDS:.0f}", seconds=seconds)
    return seconds


def _civil(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
