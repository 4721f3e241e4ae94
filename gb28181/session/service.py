"""The shell of live pulling: joins machines, SIP dialing, media node, store and bus.

``live`` is what the API calls: it starts or joins the pull of a stream and returns when a picture
is there, or raises ``LegFailed`` with the leg that broke. Everything after that is driven by
events: of the media node, of the device registry, of the dialogs, and by one timer per machine.

What the machines decide is in ``call.py`` and ``pull.py``; what a dialog says is in
``dialing.py``; what a session holds is in ``ledger.py``; opening and performing a call is in
``caller.py``.
"""

from __future__ import annotations

import asyncio
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
    StreamStatistics,
    ViewersChanged,
)

from . import call as calls
from . import pull as pulls
from .caller import Caller, Directory
from .ledger import Session
from .model import (
    EndReason,
    Failure,
    SessionState,
    SessionView,
    StreamKey,
    StreamName,
    Transport,
)
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
}

log = get_logger("session")


@dataclass(frozen=True, slots=True)
class LiveView:
    """A running stream, as ``POST .../live`` answers it."""

    session: SessionView
    statistics: StreamStatistics | None


@dataclass(slots=True, eq=False)
class Stream:
    """A pull and what the shell keeps for it."""

    key: StreamKey
    transport: Transport | None
    pull: Pull
    session: Session | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    failure: Failure | None = None


class SessionService:
    """Live sessions of one signalling node."""

    def __init__(
        self, directory: Directory, caller: Caller, node: MediaNode, bus: Bus, times: PullTimes
    ) -> None:
        self._directory = directory
        self._caller = caller
        self._node = node
        self._bus = bus
        self._times = times
        self._streams: dict[str, Stream] = {}
        self._tick: asyncio.TimerHandle | None = None
        self._watch = MediaWatch(node)
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
            self._caller.feed(session, calls.End(failure))
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
                raise _leg_failed(
                    Failure(EndReason.DEVICE_OFFLINE, f"device {route.device_id} is offline")
                )
            pulled = self._begin(key, transport)
        else:
            self._feed(pulled, pulls.Wanted())
        if pulled.pull.state is not PullState.RUNNING:
            await self._picture(pulled)
        if pulled.session is None:
            raise _leg_failed(pulled.failure or _because(EndReason.STOPPED))
        return LiveView(
            pulled.session.view(pulled.pull.viewers), self._node.statistics(key.stream_id)
        )

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
        if stream is not None and stream.session is session:
            self._feed(stream, pulls.Close(failure))
        self._caller.feed(session, calls.End(failure))

    # --- what devices do ---------------------------------------------------------------------

    def device_changed(self, device_id: str, state: str, cause: str) -> None:
        """The registry's word: offline ends the device's calls, online calls it back."""
        if state == "offline":
            failure = Failure(EndReason.DEVICE_OFFLINE, f"the device went offline ({cause})")
            for session in self._caller.ledger.of_device(device_id):
                self._caller.feed(session, calls.End(failure))
        elif state == "online":
            for stream in list(self._streams.values()):
                route = self._directory.route(stream.key.channel_id)
                if route is not None and route.device_id == device_id:
                    self._feed(stream, pulls.DeviceBack())

    # --- streams -----------------------------------------------------------------------------

    def _begin(self, key: StreamKey, transport: Transport | None) -> Stream:
        stream = Stream(key, transport, Pull(self._now, self._times))
        self._streams[key.stream_id] = stream
        self._perform(stream, stream.pull.start())
        self._arm(stream)
        return stream

    async def _picture(self, stream: Stream) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream.waiters.append(waiter)
        try:
            await asyncio.wait_for(waiter, ANSWER_S)
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
            stream.session = self._caller.call(stream.key, stream.transport)
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
        self._watch.closed(stream_id, failure.reason.value)
        self._caller.close_stream(stream_id, failure.reason.value)

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
            self._feed(stream, pulls.CallRunning())

    def _call_failed(self, session: Session, failure: Failure) -> None:
        stream = self._stream_of(session)
        if stream is not None:
            stream.failure = failure
            self._feed(stream, pulls.CallFailed(failure))

    def _session_changed(self, session: Session) -> None:
        view = self._view(session)
        self._bus.publish(Event("session.changed", _event_data(view)))
        if not self._caller.ledger.open():
            self._all_ended.set()

    def _on_node_event(self, event: NodeEvent) -> None:
        self._watch.heard(event)
        match event:
            case ViewersChanged():
                stream = self._streams.get(event.stream_id)
                if stream is not None:
                    self._feed(stream, pulls.Viewers(event.count))
            case MediaStarted():
                self._media(event.receiver_id, calls.MediaBegan())
            case MediaSilent():
                cause = _SILENCE[event.reason.value].format(seconds=event.seconds)
                self._media(event.receiver_id, calls.MediaLost(cause))
            case MediaUnsupported():
                self._media(event.receiver_id, calls.MediaForeign(event.codec))
            case ReceiverFailed():
                self._media(event.receiver_id, calls.MediaLost(event.reason))
            case FormatChangedEvent():
                pass  # told by the watch
            case _:
                assert_never(event)

    def _media(self, receiver_id: str, event: calls.Input) -> None:
        session = self._caller.ledger.by_receiver(receiver_id)
        if session is not None:
            self._caller.feed(session, event)

    def _reconcile(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch.look(self._streams)
        receivers = (info.receiver_id for info in self._node.receivers())
        found = self._caller.ledger.reconcile(receivers, loop.time())
        for receiver_id in found.orphan_receivers:
            log.event(ev.SESSION_RECONCILED, reason=f"receiver {receiver_id} belonged to nobody")
            self._caller.close_receiver(receiver_id)
        for session in found.lost_receivers:
            log.event(
                ev.SESSION_RECONCILED,
                session_id=session.session_id,
                stream_id=session.stream_id,
                reason="its receiver is gone",
            )
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
