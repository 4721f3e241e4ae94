"""The shell of pushing: a machine for each push, performed with sessions, media node and store.

A push is a viewer of its stream: it begins the pull and keeps it running. While it waits it is
none, so a camera whose target is away is let go like one nobody looks at.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import Any, Protocol, cast

from gb28181.cluster.bus import Bus, Event
from gb28181.errors import BadInput, Busy, Conflict, NotFound, PlatformError
from gb28181.pushes import machine as m
from gb28181.pushes.address import Target, read_target
from gb28181.pushes.machine import PushMachine, Side, State
from gb28181.session.caller import Directory
from gb28181.session.model import StreamKey, StreamName
from gb28181.session.service import SessionService
from gb28181.store.pushes import PushRecord
from gb28181.store.records import utc_now
from gb28181.telemetry import events_push as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from media.errors import MediaConnectFailed, MediaError, MediaTimeout
from media.node import MediaNode, NodeEvent
from media.pushing import PushEnded, PushInfo, PushRefused, PushSpec, PushStatistics
from sip.flow import host_port

AT_ONCE = 16
"""Pushes that are begun at one time; the others wait for their turn."""
UNREADABLE = "its address cannot be read with this key file: enter it again"

log = get_logger("push")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How pushes are made."""

    limit: int = 64
    allow: tuple[str, ...] = ()
    """Networks that may be connected to though they are this host's own or special ones."""


@dataclass(frozen=True, slots=True)
class PushView:
    """A push as API and events tell it. Octets count since the platform started."""

    push_id: str
    channel_id: str
    stream: str
    stream_id: str
    protocol: str
    target: str
    state: str
    waits_for: str | None
    reason: str | None
    since: datetime
    bytes_out: int
    dropped_frames: int
    last_error: str | None
    last_error_at: datetime | None
    created_at: datetime


class Book(Protocol):
    """Where pushes are kept."""

    async def all(self) -> list[PushRecord]: ...
    async def add(self, record: PushRecord) -> None: ...
    async def remove(self, push_id: str) -> None: ...


class Push:
    """A record, its machine, and what is open for it."""

    def __init__(self, record: PushRecord, target: Target | None, now: float) -> None:
        self.record = record
        self.target = target
        self.key = StreamKey(record.channel_id, cast(StreamName, record.stream))
        self.machine = PushMachine(now, random)
        self.info: PushInfo | None = None
        self.since = utc_now()
        """Of the state it is in."""
        self.told = ""
        """The reason that stands in the log."""
        self.last_error: str | None = None if target is not None else UNREADABLE
        self.last_error_at: datetime | None = None
        self.bytes_before = self.dropped_before = 0
        """Of connections that are over."""
        self.timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Push {self.record.push_id} {self.machine.state} {self.record.target}>"


class PushService:
    """The pushes of one signalling node."""

    def __init__(
        self,
        sessions: SessionService,
        directory: Directory,
        node: MediaNode,
        book: Book,
        bus: Bus,
        options: PushOptions,
        new_id: Callable[[], str],
    ) -> None:
        self._sessions = sessions
        self._directory = directory
        self._node = node
        self._book = book
        self._bus = bus
        self._options = options
        self._new_id = new_id
        self._pushes: dict[str, Push] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes_gone = 0
        self._closing = False

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring those of earlier runs back, and begin with them."""
        self._node.listen(self._heard)
        for record in await self._book.all():
            try:
                target = None if record.url is None else read_target(record.url)
            except BadInput:
                target = None
            self._enter(record, target)

    async def aclose(self) -> None:
        """End what runs; what was entered stays. Idempotent."""
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for push in self._pushes.values():
            if push.timer is not None:
                push.timer.cancel()
            if push.info is not None:
                await self._let_go(push.info)
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    # --- what the API asks -------------------------------------------------------------------

    async def create(self, key: StreamKey, url: str) -> PushView:
        """Bring a stream to a target from now on. Raises BadInput, NotFound, Conflict, Busy."""
        target = read_target(url)
        if self._directory.route(key.channel_id) is None:
            raise NotFound("channel", key.channel_id)
        for other in self._pushes.values():
            if other.target is not None and other.target.url == target.url:
                push_id = other.record.push_id
                raise Conflict("target_taken", "something is pushed there already", push=push_id)
        if len(self._pushes) >= self._options.limit:
            raise Busy("pushes_exhausted", f"{len(self._pushes)} pushes are entered already")
        record = PushRecord(
            self._new_id(), key.channel_id, key.stream, target.shown, url.strip(), utc_now()
        )
        push = Push(record, target, self._now)
        self._pushes[record.push_id] = push  # holds the place while the row is written
        try:
            await self._book.add(record)
        except BaseException:
            del self._pushes[record.push_id]
            raise
        log.event(ev.PUSH_CREATED, **_named(record))
        self._feed(push, m.Tick())
        return self._view(push)

    async def remove(self, push_id: str, channel_id: str | None = None) -> None:
        """End one for good. Raises NotFound."""
        push = self._of(push_id, channel_id)
        await self._book.remove(push_id)
        if self._pushes.pop(push_id, None) is None:
            return  # two asked for the same
        log.event(ev.PUSH_REMOVED, **_named(push.record))
        self._bytes_gone += self._view(push).bytes_out
        self._feed(push, m.Stop())

    async def remove_all(self, channel_id: str) -> None:
        """End those of a channel for good. Raises NotFound for a channel that is none."""
        for view in self.views(channel_id):
            await self.remove(view.push_id)

    def view(self, push_id: str, channel_id: str | None = None) -> PushView:
        """One of them. Raises NotFound."""
        return self._view(self._of(push_id, channel_id))

    def views(self, channel_id: str | None = None) -> list[PushView]:
        """All, or those of a channel, oldest first. Raises NotFound for a channel that is none."""
        found = [
            self._view(push)
            for push in self._pushes.values()
            if channel_id in (None, push.record.channel_id)
        ]
        if not found and channel_id is not None and self._directory.route(channel_id) is None:
            raise NotFound("channel", channel_id)
        return found

    def by_state(self) -> Counter[str]:
        """How many stand where."""
        return Counter(push.machine.state.value for push in self._pushes.values())

    @property
    def bytes_out(self) -> int:
        """Of all, those that were taken away included."""
        return self._bytes_gone + sum(self._view(push).bytes_out for push in self._pushes.values())

    # --- what happens elsewhere --------------------------------------------------------------

    def device_changed(self, device_id: str, state: str) -> None:
        """A device that is back is a reason to try at once."""
        if state != "online":
            return
        for push in list(self._pushes.values()):
            route = self._directory.route(push.record.channel_id)
            if route is not None and route.device_id == device_id:
                self._feed(push, m.Back())

    def _heard(self, event: NodeEvent) -> None:
        if not isinstance(event, PushEnded):
            return
        for push in list(self._pushes.values()):
            if push.info is not None and push.info.push_id == event.push_id:
                self._feed(push, m.Ended(self._clean(push, event.reason)))

    # --- performing --------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _enter(self, record: PushRecord, target: Target | None) -> None:
        push = self._pushes[record.push_id] = Push(record, target, self._now)
        self._feed(push, m.Tick())

    def _feed(self, push: Push, event: m.Input) -> None:
        if self._closing or push.target is None:
            return
        before = push.machine.state
        for effect in push.machine.handle(event, self._now):
            match effect:
                case m.Try(target_first):
                    self._spawn(self._try(push, push.target, target_first))
                case m.Close():
                    self._close(push)
        if push.machine.state is not before:
            self._changed(push)
        self._arm(push)

    def _arm(self, push: Push) -> None:
        if push.timer is not None:
            push.timer.cancel()
        due = push.machine.deadline
        loop = asyncio.get_running_loop()
        push.timer = None if due is None else loop.call_at(due, self._feed, push, m.Tick())

    async def _try(self, push: Push, target: Target, target_first: bool) -> None:
        spec = PushSpec(
            push.key.stream_id, target.url, target.user, target.password, self._options.allow
        )
        async with self._gate:
            if push.machine.state is State.OVER:
                return
            try:
                if target_first and self._sessions.running(push.key.stream_id) is None:
                    await self._node.pushing.reach(spec)
                await self._sessions.live(push.key.channel_id, None, push.key.stream)
                push.info = await self._node.pushing.open(spec)
            except PlatformError as error:
                self._feed(push, m.Failed(Side.SOURCE, error.message))
            except MediaError as error:
                self._feed(push, m.Failed(_side(error), self._clean(push, str(error))))
            except Exception as error:  # a defect must not leave this push where it stands
                log.event(APP_FAILED, component="pushes", error=error)
                self._feed(push, m.Failed(Side.SOURCE, f"a defect of the platform: {error!r}"))
            else:
                self._feed(push, m.Opened())

    def _close(self, push: Push) -> None:
        info, push.info = push.info, None
        if info is None:
            return
        found = self._seen(info)
        push.bytes_before += found.bytes_out
        push.dropped_before += found.dropped_frames
        self._spawn(self._let_go(info))

    async def _let_go(self, info: PushInfo) -> None:
        try:
            await self._node.pushing.close(info.push_id)
        except MediaError:
            return  # it went with its worker

    def _changed(self, push: Push) -> None:
        machine, named = push.machine, _named(push.record)
        push.since = utc_now()
        if machine.state is State.PUSHING and push.info is not None:
            push.told = ""
            log.event(ev.PUSH_STARTED, **named, remote=host_port(push.info.remote))
        elif machine.state is State.WAITING:
            push.last_error, push.last_error_at = machine.reason, push.since
            if machine.reason != push.told:
                push.told = machine.reason
                side = None if machine.side is None else machine.side.value
                log.event(ev.PUSH_WAITING, **named, waits_for=side, reason=machine.reason)
        view = self._view(push)
        data: dict[str, Any] = {
            "push_id": view.push_id,
            "channel_id": view.channel_id,
            "stream": view.stream,
            "target": view.target,
            "state": view.state,
            "waits_for": view.waits_for,
            "reason": view.reason,
        }
        self._bus.publish(Event("push.changed", data))

    # --- small helpers -----------------------------------------------------------------------

    def _of(self, push_id: str, channel_id: str | None) -> Push:
        push = self._pushes.get(push_id)
        if push is None or channel_id not in (None, push.record.channel_id):
            raise NotFound("push", push_id)
        return push

    def _seen(self, info: PushInfo) -> PushStatistics:
        found = self._node.pushing.statistics(info.push_id)
        return found or PushStatistics(info.push_id, 0, 0)

    def _clean(self, push: Push, reason: str) -> str:
        return reason if push.target is None else push.target.clean(reason)

    def _view(self, push: Push) -> PushView:
        record, machine = push.record, push.machine
        seen = PushStatistics("", 0, 0) if push.info is None else self._seen(push.info)
        side = machine.side.value if machine.side is not None else None
        return PushView(
            record.push_id,
            record.channel_id,
            record.stream,
            push.key.stream_id,
            record.target.partition(":")[0],
            record.target,
            machine.state.value,
            side,
            (machine.reason if push.target is not None else UNREADABLE) or None,
            push.since,
            push.bytes_before + seen.bytes_out,
            push.dropped_before + seen.dropped_frames,
            push.last_error,
            push.last_error_at,
            record.created_at,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(APP_FAILED, component="pushes", error=task.exception())


def _named(record: PushRecord) -> dict[str, str]:
    return {
        "push_id": record.push_id,
        "channel_id": record.channel_id,
        "target": record.target,
    }


def _side(error: MediaError) -> Side:
    """Who is to blame that a push could not be opened."""
    late = isinstance(error, MediaTimeout) and error.kind == "answer"
    if late or isinstance(error, MediaConnectFailed | PushRefused):
        return Side.TARGET
    return Side.SOURCE
