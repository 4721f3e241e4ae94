"""Downloads: recordings of devices as MP4 files.

A download is a stream nobody looks at: its units go into a spool file, and when the device has sent
everything, a process of its own makes the MP4 of it. When the link breaks, the call is repeated
from where it broke for as long as any broken stream; after that the download is *broken*, keeps
what it has, and goes on when the device is back, when somebody asks, and after a restart.

Each device sends a bounded number at a time; more wait their turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from gb28181.cluster.bus import Bus, Event
from gb28181.errors import Busy, Conflict, Leg, LegFailed, NotFound, PlatformError
from gb28181.session.caller import Directory
from gb28181.session.ledger import Session
from gb28181.session.model import (
    EndReason,
    Failure,
    SessionKind,
    StreamKey,
    Transport,
)
from gb28181.session.service import ANSWER_S, Owner, SessionService
from gb28181.store.downloads import DownloadRecord
from gb28181.store.errors import StoreUnavailable
from gb28181.store.records import utc_now
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.node import MediaNode, NodeEvent, RecordingFailed

from .archive import Archive
from .files import Files, Maker, NotMade
from .plan import SLACK_S, MediaMeter, RecordingPlan
from .progress import ACTIVE, MAY_GO_ON, DownloadLimits, DownloadState, DownloadView, view_of
from .records import boundaries, spans
from .service import RECORDS_WAIT_S, span_of

NOTE_S = 5.0
"""How often the position of a running download is written."""
PURGE_S = 3600.0
CLOSE_S = 3.0

log = get_logger("playback")


class Book(Protocol):
    """Where downloads are kept."""

    async def all(self) -> list[DownloadRecord]: ...
    async def add(self, record: DownloadRecord) -> None: ...
    async def save(self, record: DownloadRecord) -> None: ...
    async def remove(self, download_id: str) -> None: ...


@dataclass(slots=True, eq=False)
class _Job:
    """A download and what the shell keeps for it."""

    record: DownloadRecord
    first: asyncio.Future[None]
    """Whether the device sends; for the one who asked."""
    plan: RecordingPlan | None = None
    session: Session | None = None
    over: asyncio.Future[Failure] | None = None
    task: asyncio.Task[None] | None = None
    maker: Maker | None = None
    removed: bool = False
    disk: str = ""
    """Why the disk ended it."""
    error: PlatformError | None = None
    """Why the device sent nothing; told when the row says so, too."""

    @property
    def stream_id(self) -> str:
        return f"download-{self.record.download_id}"

    @property
    def state(self) -> DownloadState:
        return DownloadState(self.record.state)


class DownloadService:
    """The downloads of one node."""

    def __init__(
        self,
        sessions: SessionService,
        archive: Archive,
        directory: Directory,
        node: MediaNode,
        book: Book,
        bus: Bus,
        folder: Path,
        ids: Callable[[], str],
        limits: DownloadLimits | None = None,
    ) -> None:
        self._sessions = sessions
        self._archive = archive
        self._directory = directory
        self._node = node
        self._book = book
        self._bus = bus
        self._ids = ids
        self._limits = limits or DownloadLimits()
        self._files = Files(folder, self._limits.reserve)
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take over what earlier runs left: finished ones as they are, the others to go on."""
        for record in await self._book.all():
            job = self._enter(record)
            if job.state in ACTIVE:
                record.state, record.reason = DownloadState.BROKEN, EndReason.PREVIOUS_RUN.value
                await self._book.save(record)
        await self._files.prepare(self._jobs)
        for job in self._jobs.values():
            route = self._directory.route(job.record.channel_id)
            if job.state is DownloadState.BROKEN and route is not None and route.online:
                self._queue(job)
        self._node.listen(self._on_node_event)
        self._spawn(self._keep_house())

    async def aclose(self) -> None:
        """Let running ones be what they are; the next start continues them."""
        self._stopping = True
        for job in self._jobs.values():
            if job.maker is not None:
                job.maker.kill()
        running = {job.task for job in self._jobs.values() if job.task is not None}
        if running:
            await asyncio.wait(running, timeout=CLOSE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what the API asks -------------------------------------------------------------------

    async def order(
        self,
        channel_id: str,
        start: datetime,
        end: datetime,
        speed: int = 1,
        transport: Transport | None = None,
    ) -> DownloadView:
        """Begin a download, or queue it; raises ``LegFailed``, ``NotFound``, ``BadInput``,
        ``Busy``."""
        wanted = span_of(start, end)
        route = self._directory.route(channel_id)
        if route is None:
            raise NotFound("channel", channel_id)
        if not route.online or self._stopping:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {route.device_id} is offline")
        waiting = self._of_device(route.device_id, DownloadState.QUEUED)
        if len(waiting) >= self._limits.queued:
            raise Busy("downloads_queued", f"{len(waiting)} downloads wait for this device")
        self._require_room()
        record = DownloadRecord(
            self._ids(), channel_id, route.device_id, start, end, speed, transport or ""
        )
        record.position = float(wanted.start)
        await self._book.add(record)
        job = self._enter(record)
        self._next(record.device_id)
        if job.task is not None:
            await self._begun(job)
        return self._view(job)

    def views(self, state: DownloadState | None = None, channel_id: str = "") -> list[DownloadView]:
        """Downloads, newest first."""
        return [
            self._view(job)
            for job in reversed(self._jobs.values())
            if (state is None or job.state is state)
            and (not channel_id or job.record.channel_id == channel_id)
        ]

    def view(self, download_id: str) -> DownloadView:
        """One download; raises ``NotFound``."""
        return self._view(self._find(download_id))

    def file(self, download_id: str) -> Path:
        """The finished file; raises ``NotFound``, and ``Conflict`` while it is not finished."""
        job = self._find(download_id)
        if job.state is not DownloadState.DONE:
            raise Conflict("download_not_done", f"download {download_id} is {job.state.value}")
        return self._files.target(download_id)

    async def resume(self, download_id: str) -> DownloadView:
        """Go on with a broken or failed one; raises ``Conflict``, ``LegFailed``."""
        job = self._find(download_id)
        if job.state not in (DownloadState.BROKEN, DownloadState.FAILED):
            raise Conflict("download_not_broken", f"download {download_id} is {job.state.value}")
        route = self._directory.route(job.record.channel_id)
        if route is None or not route.online:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {job.record.device_id} is offline")
        self._queue(job)
        if job.task is not None:
            await self._begun(job)
        return self._view(job)

    async def remove(self, download_id: str) -> None:
        """Cancel a download, whatever its state, and remove its file; raises ``NotFound``."""
        job = self._find(download_id)
        job.removed = True
        if job.maker is not None:
            job.maker.kill()
        self._sessions.close(job.stream_id)
        task = job.task
        if task is not None:
            await asyncio.wait({task}, timeout=CLOSE_S)
            task.cancel()
        self._jobs.pop(download_id, None)
        await self._book.remove(download_id)
        await self._files.remove(download_id)
        self._bus.publish(Event("download.removed", {"download_id": download_id}))
        self._next(job.record.device_id)

    def device_changed(self, device_id: str, state: str) -> None:
        """The registry's word: who is back goes on with what broke."""
        if state == "online" and not self._stopping:
            for job in self._of_device(device_id, DownloadState.BROKEN):
                self._queue(job)

    # --- turns -------------------------------------------------------------------------------

    def _enter(self, record: DownloadRecord) -> _Job:
        job = _Job(record, asyncio.get_running_loop().create_future())
        self._jobs[record.download_id] = job
        return job

    def _queue(self, job: _Job) -> None:
        job.record.state, job.record.reason, job.record.message = DownloadState.QUEUED, "", ""
        job.record.ended_at = None
        job.first = asyncio.get_running_loop().create_future()
        self._next(job.record.device_id)

    def _next(self, device_id: str) -> None:
        """Begin what may run now."""
        busy = sum(
            1
            for job in self._jobs.values()
            if job.record.device_id == device_id and job.task is not None
        )
        for job in self._of_device(device_id, DownloadState.QUEUED):
            if busy >= self._limits.per_device or self._stopping:
                break
            if job.task is None:
                busy += 1
                job.task = self._spawn(self._run(job))

    def _of_device(self, device_id: str, state: DownloadState) -> list[_Job]:
        return [
            job
            for job in self._jobs.values()
            if job.record.device_id == device_id and job.state is state
        ]

    async def _begun(self, job: _Job) -> None:
        """Wait until the device sends; raises the ``LegFailed`` of a first call that fails."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(job.first), ANSWER_S)

    # --- one download ------------------------------------------------------------------------

    async def _run(self, job: _Job) -> None:
        try:
            failure = await self._receive(job)
            if failure.reason is EndReason.FINISHED and not job.removed:
                await self._finish(job)
            elif not job.removed:
                await self._stopped(job, failure)
        except StoreUnavailable as error:
            log.event(ev.DOWNLOAD_ENDED, **_names(job), state="broken", reason=str(error))
        finally:
            self._tell_refusal(job)
            job.task = job.session = job.plan = None
            if not self._stopping and not job.removed:
                self._next(job.record.device_id)

    async def _receive(self, job: _Job) -> Failure:
        """Until the device sent everything, or something ended it."""
        record = job.record
        try:
            self._require_room()
            await self._node.record(job.stream_id, str(self._files.spool(record.download_id)))
        except (PlatformError, MediaError) as error:
            job.disk = str(error)
            job.error = Busy("disk_full", str(error))
            return Failure(EndReason.STOPPED, str(error))
        try:
            await self._change(job, DownloadState.RUNNING)
            job.over = asyncio.get_running_loop().create_future()
            job.plan = await self._plan(job)
            owner = Owner(
                running=lambda session: self._running(job, session),
                closed=lambda failure: _settle(job.over, failure),
                keeps=True,
            )
            try:
                await self._sessions.play(job.plan, owner)
            except LegFailed as error:
                job.error = error
                if not job.over.done():
                    self._sessions.close(job.stream_id)
                    return Failure(EndReason(error.code), error.message, error.sip_status)
                return job.over.result()
            return await self._watch(job, job.over)
        finally:
            if job.plan is not None:
                record.position = max(record.position, job.plan.position(self._now))
            await self._node.stop_recording(job.stream_id)

    async def _plan(self, job: _Job) -> RecordingPlan:
        record = job.record
        known = await self._archive.lately(
            record.channel_id, record.start_at, record.end_at, RECORDS_WAIT_S
        )

        def received_s() -> float:
            found = self._node.recording(job.stream_id)
            return 0.0 if found is None else found.seconds

        transport: Any = record.transport or None
        return RecordingPlan(
            StreamKey(record.channel_id, "main", job.stream_id),
            transport,
            SessionKind.DOWNLOAD,
            span_of(record.start_at, record.end_at),
            MediaMeter(received_s),
            spans=spans(known, record.start_at, record.end_at),
            files=boundaries(known),
            start=record.position,
            speed=record.speed,
        )

    async def _watch(self, job: _Job, over: asyncio.Future[Failure]) -> Failure:
        """Note the position now and then, until it is over."""
        while True:
            done, _ = await asyncio.wait({over}, timeout=NOTE_S)
            if done:
                return over.result()
            if job.plan is not None:
                job.record.position = job.plan.position(self._now)
                await self._change(job, DownloadState.RUNNING)
            if not self._files.has_room():
                job.disk = "the disk is nearly full"
                self._sessions.close(job.stream_id)

    def _running(self, job: _Job, session: Session) -> None:
        job.session = session
        self._told(job, None)

    def _tell_refusal(self, job: _Job) -> None:
        refused = job.error
        job.error = None
        if refused is not None:
            self._told(job, refused)

    def _told(self, job: _Job, error: PlatformError | None) -> None:
        if job.first.done():
            return
        if error is None:
            job.first.set_result(None)
        else:
            job.first.set_exception(error)
            job.first.exception()  # nobody may wait for it

    async def _stopped(self, job: _Job, failure: Failure) -> None:
        """It ended without all of it: broken when the rest can be had another time."""
        size = await self._files.size(job.record.download_id)
        goes_on = failure.reason in MAY_GO_ON and not job.disk
        state = DownloadState.BROKEN if goes_on else DownloadState.FAILED
        job.record.message = job.disk or failure.message
        job.record.reason = "disk_full" if job.disk else failure.reason.value
        await self._change(job, state)
        log.event(
            ev.DOWNLOAD_ENDED,
            **_names(job),
            state=state.value,
            reason=job.record.message,
            size=size,
        )
        job.disk = ""

    async def _finish(self, job: _Job) -> None:
        """Make the file, in a process of its own."""
        await self._change(job, DownloadState.FINISHING)
        job.maker = await self._files.make(job.record.download_id)
        try:
            told = await job.maker.made()
        except NotMade as error:
            if self._stopping:  # the next start makes it
                await self._change(job, DownloadState.BROKEN)
            elif not job.removed:
                failure = Failure(EndReason.UNSUPPORTED_CODEC, f"no file: {error}")
                await self._stopped(job, failure)
            return
        if job.removed:
            return
        record = job.record
        record.size, record.sha256 = told["size"], told["sha256"]
        record.duration_s = told["duration_s"]
        record.video, record.audio = told["video"] or "", told["audio"] or ""
        record.reason, record.message = "", _shortfall(record)
        await self._change(job, DownloadState.DONE)
        await self._files.remove_spool(record.download_id)
        log.event(ev.DOWNLOAD_ENDED, **_names(job), state="done", size=record.size)

    async def _change(self, job: _Job, state: DownloadState) -> None:
        over = state not in ACTIVE
        job.record.state = state.value
        job.record.ended_at = utc_now() if over else None
        if job.removed:
            return
        await self._book.save(job.record)
        view = self._view(job)
        self._bus.publish(
            Event(
                "download.changed",
                {
                    "download_id": view.download_id,
                    "channel_id": view.channel_id,
                    "device_id": view.device_id,
                    "state": view.state.value,
                    "progress": view.progress,
                    "reason": view.reason,
                },
            )
        )

    # --- disk --------------------------------------------------------------------------------

    def _on_node_event(self, event: NodeEvent) -> None:
        if isinstance(event, RecordingFailed):
            job = self._jobs.get(event.stream_id.removeprefix("download-"))
            if job is not None:
                job.disk = event.reason
                self._sessions.close(job.stream_id)

    def _require_room(self) -> None:
        if not self._files.has_room():
            raise Busy("disk_full", "the disk of the platform is nearly full")

    async def _keep_house(self) -> None:
        """Remove what was kept long enough."""
        while True:
            until = utc_now() - timedelta(seconds=self._limits.keep_s)
            for job in list(self._jobs.values()):
                if job.record.ended_at is not None and job.record.ended_at < until:
                    await self.remove(job.record.download_id)
            await asyncio.sleep(PURGE_S)

    # --- small helpers -----------------------------------------------------------------------

    def _find(self, download_id: str) -> _Job:
        job = self._jobs.get(download_id)
        if job is None:
            raise NotFound("download", download_id)
        return job

    def _view(self, job: _Job) -> DownloadView:
        record = job.record
        found = self._node.recording(job.stream_id)
        position = record.position if job.plan is None else job.plan.position(self._now)
        return view_of(
            record,
            received=found.size if found is not None else 0,
            position=max(position, record.position),
            session_id=None if job.session is None else job.session.session_id,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(ev.APP_FAILED, component="downloads", exc_info=task.exception())


def _shortfall(record: DownloadRecord) -> str:
    """What people should know of a file that is shorter than the time they asked for."""
    wanted = (record.end_at - record.start_at).total_seconds()
    if record.duration_s >= wanted - 2 * SLACK_S:
        return ""
    return f"the device sent {record.duration_s:.0f} s of the {wanted:.0f} s asked for"


def _settle(over: asyncio.Future[Failure] | None, failure: Failure) -> None:
    if over is not None and not over.done():
        over.set_result(failure)


def _names(job: _Job) -> dict[str, Any]:
    return {
        "download_id": job.record.download_id,
        "channel_id": job.record.channel_id,
        "device_id": job.record.device_id,
    }
