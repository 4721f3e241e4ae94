"""The shell of pulling: joins machines, SIP dialing, media node, store and bus.

``live`` is what the API calls: it starts or joins the pull of a stream and returns when a picture
is there, or raises ``LegFailed`` with the leg that broke. ``play`` is the same for a recording,
whose plan comes from the floor above. Everything after that is driven by
events: of the media node, of the device registry, of the dialogs, and by one timer per machine.

What the machines decide is in ``call.py`` and ``pull.py``; what a dialog says is in
``dialing.py``; what a session holds is in ``ledger.py``; opening and performing a call is in
``caller.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from gb28181.cluster.bus import Bus, Event
from gb28181.errors import LegFailed, NotFound
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.node import (
    FormatChangedEvent,
    MediaNode,
    MediaSilent,
    MediaStarted,
    MediaUnsupported,
    NodeEvent,
    ReceiverFailed,
    RecordingFailed,
    SenderClosed,
    SenderConnected,
    SilenceReason,
    SoundUnavailable,
    StreamStatistics,
    ViewerCame,
    ViewerLeft,
    ViewersChanged,
    VoiceEnded,
)
from media.outgoing import ForwardConnected, ForwardEnded
from media.pushing import PushEnded
from media.record.segment import SegmentClosed, SegmentOpened, SegmentsFailed, SegmentsMoved
from sip.message import Response

from . import call_words as calls
from . import pull as pulls
from .caller import Caller, Directory
from .ledger import Session
from .model import (
    EndReason,
    Failure,
    SessionKind,
    SessionState,
    SessionView,
    StreamKey,
    StreamName,
    Transport,
)
from .plan import LivePlan, Next, Plan
from .pull import Pull, PullState, PullTimes
from .watch import MediaWatch

ANSWER_S = 14.8
"""Longest wait of ``live``: the API answers within 15 s in every case."""

TICK_S = 1.0
"""How often ledger and media node are compared."""

SHUTDOWN_S = 3.0
"""How long ``aclose`` waits for the answers to its BYEs."""

_ENDINGS = {
    EndReason.STOPPED: "the session was ended by request",
    EndReason.SHUTDOWN: "the platform is stopping",
    EndReason.FINISHED: "another part of the recording is wanted",
}

log = get_logger("session")


@dataclass(frozen=True, slots=True)
class LiveView:
    """A running stream, as ``POST .../live`` answers it."""

    session: SessionView
    statistics: StreamStatistics | None


def _nobody(_: Session | Failure) -> None:
    """A live picture has no owner who would want to know."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who wanted a recording, and hears what becomes of it. Called in the loop."""

    running: Callable[[Session], None] = _nobody
    """A call shows a picture: the first one, and each that follows."""
    closed: Callable[[Failure], None] = _nobody
    """The stream is over; its data may still be read for the rest of this turn of the loop."""
    keeps: bool = False
    """It counts as a viewer: a download goes on though nobody looks."""
    asks_device: bool = True
    """False: the platform shows it itself, wherever the device is."""


@dataclass(slots=True, eq=False)
class Stream:
    """A pull and what the shell keeps for it."""

    plan: Plan
    pull: Pull
    owner: Owner
    session: Session | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    failure: Failure | None = None

    @property
    def key(self) -> StreamKey:
        return self.plan.key


class SessionService:
    """The sessions of one signalling node."""

    def __init__(
        self, directory: Directory, caller: Caller, node: MediaNode, bus: Bus, times: PullTimes
    ) -> None:
        self._directory = directory
        self._caller = caller
        self._node = node
        self._bus = bus
        self._times = times
        self._streams: dict[str, Stream] = {}
        self._kept: set[str] = set()
        self.on_closed: list[Callable[[str, Failure], None]] = []
        """Hear of every stream that is over, by its id."""
        self._tick: asyncio.TimerHandle | None = None
        self.watch = MediaWatch(node)
        self._stopping = False
        self._all_ended = asyncio.Event()
        caller.on_running = self._call_running
        caller.on_failed = self._call_failed
        caller.on_changed = self._session_changed

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin listening to the media node and comparing it with the ledger."""
        self._node.listen(self._on_node_event)
        self._tick = asyncio.get_running_loop().call_later(TICK_S, self._reconcile)

    async def aclose(self) -> None:
        """BYE to all, wait a little for the answers, let go of everything. Idempotent."""
        self._stopping = True
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        failure = _because(EndReason.SHUTDOWN)
        for stream in list(self._streams.values()):
            self._feed(stream, pulls.Close(failure))
        for session in self._caller.ledger.open():
            self._end(session, failure)
        if self._caller.ledger.open():
            self._all_ended.clear()
            try:
                await asyncio.wait_for(self._all_ended.wait(), SHUTDOWN_S)
            except TimeoutError:
                log.event(ev.SESSION_UNANSWERED_BYES, count=len(self._caller.ledger.open()))
        await self._caller.aclose()

    # --- what the API asks -------------------------------------------------------------------

    async def live(
        self,
        channel_id: str,
        transport: Transport | None = None,
        stream: StreamName = "main",
    ) -> LiveView:
        """A running pull of this picture, begun if need be; raises ``LegFailed``, ``NotFound``."""
        route = self._directory.route(channel_id)
        if route is None:
            raise NotFound("channel", channel_id)
        if self._stopping:
            raise _leg_failed(_because(EndReason.SHUTDOWN))
        key = StreamKey(channel_id, stream)
        pulled = self._streams.get(key.stream_id)
        if pulled is None:
            if not route.online:
                raise _leg_failed(_offline(route.device_id))
            pulled = self._begin(LivePlan(key, transport))
        else:
            self._feed(pulled, pulls.Wanted())
        return await self._shown(pulled, ANSWER_S)

    async def play(self, plan: Plan, owner: Owner, wait_s: float = ANSWER_S) -> LiveView:
        """A stream of its own for a recording; raises ``LegFailed``, ``NotFound``."""
        route = self._directory.route(plan.key.channel_id)
        if route is None and owner.asks_device:
            raise NotFound("channel", plan.key.channel_id)
        if self._stopping:
            raise _leg_failed(_because(EndReason.SHUTDOWN))
        if route is not None and owner.asks_device and not route.online:
            raise _leg_failed(_offline(route.device_id))
        return await self._shown(self._begin(plan, owner), wait_s)

    def running(self, stream_id: str) -> Session | None:
        """The session a stream has now, whatever its state."""
        stream = self._streams.get(stream_id)
        return None if stream is None else stream.session

    async def wanted(self, stream_id: str) -> LiveView:
        """A stream that exists already, with its picture; raises ``NotFound``, ``LegFailed``."""
        stream = self._streams.get(stream_id)
        if stream is None:
            raise NotFound("stream", stream_id)
        self._feed(stream, pulls.Wanted())
        return await self._shown(stream, ANSWER_S)

    def keep(self, stream_id: str, on: bool) -> None:
        """Somebody wants this stream who is no viewer of the node (or no longer): it counts as
        one, so that the stream does not end while nobody looks."""
        (self._kept.add if on else self._kept.discard)(stream_id)
        stream = self._streams.get(stream_id)
        if stream is not None:
            found = self._node.statistics(stream_id)
            self._count(stream, 0 if found is None else found.viewers)

    def leap(self, stream_id: str) -> None:
        """End the current call: the plan has another part to be asked for."""
        stream = self._streams.get(stream_id)
        if stream is None:
            raise NotFound("stream", stream_id)
        if stream.session is not None:
            self._caller.feed(stream.session, calls.End(_because(EndReason.FINISHED)))

    def close(self, stream_id: str) -> None:
        """End a stream at once, whoever looks; one that is over already is no fault."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._feed(stream, pulls.Close(_because(EndReason.STOPPED)))

    async def info(self, session: Session, body: bytes, content_type: str) -> Response:
        """INFO inside a session's dialog; raises ``SipError``, ``Conflict``."""
        return await self._caller.info(session, body, content_type)

    def hold(self, session: Session, on: bool) -> None:
        """The session is paused by request (or no longer): silence is no fault meanwhile."""
        self._caller.hold(session, on)

    def finished(self, session: Session) -> None:
        """The device says that it sent the session's recording to its end."""
        self._caller.feed(session, calls.PeerFinished())

    def of_call(self, call_id: str) -> Session | None:
        """The session of a dialog that is not over."""
        return self._caller.ledger.by_call(call_id)

    def recordings(self, device_id: str = "") -> list[Session]:
        """Sessions of recordings a device sends, of one or of all, that are not over."""
        ledger = self._caller.ledger
        found = ledger.of_device(device_id) if device_id else ledger.open()
        return [one for one in found if one.kind in _RECORDED and one.ask.show is None]

    def views(self, state: SessionState | None = None) -> list[SessionView]:
        """Sessions in this state; without one, those that are not over. Newest first."""
        ledger = self._caller.ledger
        if state is SessionState.ENDED:
            return [self._view(session) for session in ledger.ended()]
        return [
            self._view(session)
            for session in reversed(ledger.open())
            if state is None or session.call.state is state
        ]

    def view(self, session_id: str) -> SessionView:
        """One session, over or not; raises ``NotFound``."""
        return self._view(self._session(session_id))

    def end(self, session_id: str) -> None:
        """End a session at once, whoever watches; raises ``NotFound``."""
        session = self._session(session_id)
        failure = _because(EndReason.STOPPED)
        stream = self._streams.get(session.stream_id)
        # A recording goes on in further calls: any of its sessions stands for all of it.
        recorded = session.kind in _RECORDED
        if stream is not None and (stream.session is session or recorded):
            self._feed(stream, pulls.Close(failure))
        self._end(session, failure)

    def changed(self, session: Session) -> None:
        """A session that is no pull changed its state."""
        self._session_changed(session)

    def _end(self, session: Session, failure: Failure) -> None:
        if session.on_end is not None:
            session.on_end(failure)
        else:
            self._caller.feed(session, calls.End(failure))

    def lend(self, receiver_id: str) -> None:
        """A receiver of the node belongs to somebody who is no session."""
        self._caller.ledger.lent.add(receiver_id)

    def give_back(self, receiver_id: str) -> None:
        """It is closed."""
        self._caller.ledger.lent.discard(receiver_id)

    # --- what devices do ---------------------------------------------------------------------

    def device_changed(self, device_id: str, state: str, cause: str) -> None:
        """The registry's word: offline ends the device's calls, online calls it back."""
        if state == "offline":
            failure = Failure(EndReason.DEVICE_OFFLINE, f"the device went offline ({cause})")
            for session in self._caller.ledger.of_device(device_id):
                if session.ask.show is None:
                    self._end(session, failure)
        elif state == "online":
            for stream in list(self._streams.values()):
                route = self._directory.route(stream.key.channel_id)
                if route is not None and route.device_id == device_id:
                    self._feed(stream, pulls.DeviceBack())

    # --- streams -----------------------------------------------------------------------------

    def _begin(self, plan: Plan, owner: Owner | None = None) -> Stream:
        stream = Stream(plan, Pull(self._now, self._times), owner or Owner())
        self._streams[plan.key.stream_id] = stream
        self._perform(stream, stream.pull.start())
        self._count(stream, 0)
        return stream

    def _count(self, stream: Stream, viewers: int) -> None:
        kept = stream.owner.keeps or stream.key.stream_id in self._kept
        self._feed(stream, pulls.Viewers(viewers + kept))

    async def _shown(self, stream: Stream, wait_s: float) -> LiveView:
        if stream.pull.state is not PullState.RUNNING:
            await self._picture(stream, wait_s)
        if stream.session is None:
            raise _leg_failed(stream.failure or _because(EndReason.STOPPED))
        return LiveView(
            stream.session.view(stream.pull.viewers), self._node.statistics(stream.key.stream_id)
        )

    async def _picture(self, stream: Stream, wait_s: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream.waiters.append(waiter)
        try:
            await asyncio.wait_for(waiter, wait_s)
        except TimeoutError:
            raise _leg_failed(self._why_waiting(stream)) from None
        finally:
            if waiter in stream.waiters:
                stream.waiters.remove(waiter)

    def _why_waiting(self, stream: Stream) -> Failure:
        session = stream.session
        if session is not None and session.call.state is SessionState.WAITING:
            return Failure(EndReason.NO_MEDIA, "the device accepted, but no picture arrived")
        if stream.failure is not None:
            return stream.failure
        return Failure(EndReason.INVITE_TIMEOUT, "the device did not answer the INVITE")

    def _feed(self, stream: Stream, event: pulls.Input) -> None:
        self._perform(stream, stream.pull.handle(event, self._now))
        self._arm(stream)

    def _perform(self, stream: Stream, effects: list[pulls.Effect]) -> None:
        for effect in effects:
            match effect:
                case pulls.StartCall():
                    self._call(stream)
                case pulls.EndCall(failure):
                    if stream.session is not None:
                        self._caller.feed(stream.session, calls.End(failure))
                case pulls.Ready():
                    _resolve(stream.waiters, None)
                case pulls.Denied(failure):
                    stream.failure = failure
                    _resolve(stream.waiters, failure)
                case pulls.Closed(failure):
                    self._closed(stream, failure)
                case _:
                    assert_never(effect)

    def _call(self, stream: Stream) -> None:
        failed_before = stream.failure
        try:
            before = stream.session if stream.session and stream.session.kind in _RECORDED else None
            ask = stream.plan.ask(self._now)
            stream.session = self._caller.call(stream.key, stream.plan.transport, ask, before)
        except LegFailed as error:
            stream.session = None
            failure = Failure(EndReason(error.code), error.message, error.sip_status)
            # Not from here: the pull is still performing the effect that asked for this call.
            asyncio.get_running_loop().call_soon(self._feed, stream, pulls.CallFailed(failure))
            return
        if failed_before is not None:
            log.event(
                ev.SESSION_REINVITED,
                session_id=stream.session.session_id,
                stream_id=stream.key.stream_id,
                device_id=stream.session.device_id,
                call_id=stream.session.call_id,
                reason=failed_before.reason.value,
            )

    def _closed(self, stream: Stream, failure: Failure) -> None:
        stream_id = stream.key.stream_id
        del self._streams[stream_id]
        stream.failure = failure
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
        stream.owner.closed(failure)
        self.watch.closed(stream_id, failure.reason.value)
        self._caller.close_stream(stream_id, failure.reason.value)
        for heard in self.on_closed:
            heard(stream_id, failure)

    def _arm(self, stream: Stream) -> None:
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
        deadline = stream.pull.deadline
        if deadline is not None:
            loop = asyncio.get_running_loop()
            stream.timer = loop.call_at(deadline, self._feed, stream, pulls.Tick())

    # --- news of calls and media -------------------------------------------------------------

    def _call_running(self, session: Session) -> None:
        stream = self._stream_of(session)
        if stream is not None:
            stream.failure = None
            stream.plan.running(self._now)
            stream.owner.running(session)
            self._feed(stream, pulls.CallRunning())

    def _call_failed(self, session: Session, failure: Failure) -> None:
        stream = self._stream_of(session)
        if stream is None:
            return
        stream.failure = failure
        match stream.plan.over(failure, self._now):
            case Next.BROKEN:
                self._feed(stream, pulls.CallFailed(failure))
            case Next.FOLLOWS:
                stream.failure = None
                self._feed(stream, pulls.CallOver())
            case Next.DONE:  # whatever ended the call: all that was wanted is here
                self._feed(stream, pulls.Close(_ALL_SENT))

    def _session_changed(self, session: Session) -> None:
        view = self._view(session)
        self._bus.publish(Event("session.changed", _event_data(view)))
        if not self._caller.ledger.open():
            self._all_ended.set()

    def _on_node_event(self, event: NodeEvent) -> None:
        self.watch.heard(event)
        match event:
            case ViewersChanged():
                stream = self._streams.get(event.stream_id)
                if stream is not None:
                    self._count(stream, event.count)
            case MediaStarted():
                self._media(event.receiver_id, calls.MediaBegan())
            case MediaSilent():
                cause = _SILENCE[event.reason.value].format(seconds=event.seconds)
                silence = event.reason is not SilenceReason.CLOSED
                self._media(event.receiver_id, calls.MediaLost(cause, silence))
            case MediaUnsupported():
                self._media(event.receiver_id, calls.MediaForeign(event.codec))
            case ReceiverFailed():
                self._media(event.receiver_id, calls.MediaLost(event.reason))
            case FormatChangedEvent() | RecordingFailed() | SoundUnavailable() | ForwardEnded():
                pass  # told by the watch, or to whoever records or sends on
            case (
                SegmentOpened()
                | SegmentClosed()
                | SegmentsFailed()
                | SegmentsMoved()
                | ForwardConnected()
                | PushEnded()
            ):
                pass  # told to whoever records or sends streams on
            case SenderConnected() | SenderClosed() | VoiceEnded() | ViewerCame() | ViewerLeft():
                pass  # of those who talk, and of the book of viewers
            case _:
                assert_never(event)

    def _media(self, receiver_id: str, event: calls.Input) -> None:
        session = self._caller.ledger.by_receiver(receiver_id)
        if session is not None:
            self._caller.feed(session, event)

    def _reconcile(self) -> None:
        loop = asyncio.get_running_loop()
        self.watch.look(self._streams)
        self._caller.look()
        receivers = {info.receiver_id for info in self._node.receivers()}
        senders = {info.sender_id for info in self._node.senders()}
        found = self._caller.ledger.reconcile(receivers | senders, loop.time())
        for orphan in found.orphan_receivers:
            log.event(ev.SESSION_RECONCILED, reason=f"{orphan} belonged to nobody")
            if orphan in senders:
                self._caller.close_sender(orphan)
            else:
                self._caller.close_receiver(orphan)
        for session in found.lost_receivers:
            log.event(
                ev.SESSION_RECONCILED,
                session_id=session.session_id,
                stream_id=session.stream_id,
                reason="its receiver is gone",
            )
            if session.on_end is not None:
                session.on_end(Failure(EndReason.MEDIA_STOPPED, "its sender is gone"))
            else:
                self._caller.feed(session, calls.MediaLost("the receiver is gone"))
        self._tick = loop.call_later(TICK_S, self._reconcile)

    # --- small helpers -----------------------------------------------------------------------

    def _stream_of(self, session: Session) -> Stream | None:
        stream = self._streams.get(session.stream_id)
        return stream if stream is not None and stream.session is session else None

    def _session(self, session_id: str) -> Session:
        session = self._caller.ledger.get(session_id)
        if session is None:
            raise NotFound("session", session_id)
        return session

    def _view(self, session: Session) -> SessionView:
        stream = self._stream_of(session)
        return session.view(stream.pull.viewers if stream is not None else 0)


_SILENCE = {
    "never": "no packet came for {seconds:.0f} s",
    "gap": "no packet came for {seconds:.0f} s",
    "closed": "the sender closed its connection",
}


_RECORDED = (SessionKind.PLAYBACK, SessionKind.DOWNLOAD)


_ALL_SENT = Failure(EndReason.FINISHED, "the recording was sent to its end")


def _offline(device_id: str) -> Failure:
    return Failure(EndReason.DEVICE_OFFLINE, f"device {device_id} is offline")


def _because(reason: EndReason) -> Failure:
    return Failure(reason, _ENDINGS[reason])


def _leg_failed(failure: Failure) -> LegFailed:
    return LegFailed(
        failure.leg,
        failure.message,
        sip_status=failure.sip_status,
        detail={"reason": failure.reason.value},
    )


def _resolve(waiters: list[asyncio.Future[None]], failure: Failure | None) -> None:
    pending, waiters[:] = list(waiters), []
    for waiter in pending:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(_leg_failed(failure))


def _event_data(view: SessionView) -> dict[str, object]:
    return {
        "session_id": view.session_id,
        "stream_id": view.stream_id,
        "channel_id": view.channel_id,
        "device_id": view.device_id,
        "state": view.state.value,
        "reason": view.reason,
        "viewers": view.viewers,
    }
