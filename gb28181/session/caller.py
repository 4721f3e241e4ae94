"""Opening and performing calls: what a call machine decides becomes SIP, ports, rows and logs.

A call is opened in the order that loses nothing when the process dies in between: SSRC, receiver,
row of the dialog, INVITE. It is taken down in the order that a camera can live with: BYE first,
then the port rests. Receivers and streams are closed by tasks; a new call for the same stream
waits for them, so that one stream never has two receivers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, assert_never

from gb28181.errors import Conflict, Leg, LegFailed
from gb28181.store.records import DialogRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError, PortsExhausted
from media.node import MediaNode, ReceiveMode, ReceiverInfo, ReceiverSpec
from media.pulling import Spec
from sip.errors import SipError, TransportFailed
from sip.flow import Flow, host_port
from sip.message import Request, Response

from . import call_words as calls
from .call import LATE_ANSWER_S, Call, CallTimes
from .dialing import Dialer, Invitation
from .fetching import Fetching, Way
from .ledger import Ledger, Session
from .model import LIVE, Ask, EndReason, Failure, SessionState, StreamKey, Transport
from .showing import Showing
from .ssrc import SsrcExhausted, format_ssrc

log = get_logger("session")

DRAIN_LOOK_S = 0.2
DRAIN_QUIET = 3
"""So many looks without a new packet, and nothing is on its way any more."""


class Route(Protocol):
    """How a channel is reached now; made by the device registry."""

    @property
    def device_id(self) -> str: ...
    @property
    def reported_id(self) -> str: ...
    @property
    def online(self) -> bool: ...
    @property
    def flow(self) -> Flow | None: ...
    @property
    def transport(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def source(self) -> Spec | None:
        """Of a camera without SIP: what is fetched in place of an INVITE."""
        ...


class Directory(Protocol):
    """Who knows channels and their devices."""

    def route(self, channel_id: str) -> Route | None: ...


class DialogStore(Protocol):
    """Where dialogs are written through."""

    async def save_dialog(self, record: DialogRecord) -> None: ...
    async def close_dialog(self, call_id: str, reason: str) -> None: ...


def _anywhere(flow: Flow) -> tuple[str, ...]:
    """Media often comes from another address than signalling; its port tells the stream."""
    return ()


NOWHERE = Flow("tcp", ("", 0), ("", 0))
"""Of a camera without SIP, and of what is shown without a device."""
OWN = "platform"
"""The transport of what the platform shows itself."""


@dataclass(slots=True, eq=False)
class _Line:
    """What the shell keeps for a session while its dialog lives."""

    record: DialogRecord
    call: Call
    dialing: Way | None = None
    source: Spec | None = None
    lasts: bool = True
    """There is something to end when this process dies: a dialog of SIP."""
    timer: asyncio.TimerHandle | None = None
    asked_at: float = 0.0
    packets: int = 0
    """What had come when the call was resumed."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Caller:
    """Performs the calls of one signalling node."""

    def __init__(
        self,
        directory: Directory,
        dialer: Dialer,
        ledger: Ledger,
        node: MediaNode,
        store: DialogStore,
        times: CallTimes,
        rest_s: float = 30.0,
        sources_of: Callable[[Flow], tuple[str, ...]] = _anywhere,
    ) -> None:
        """``rest_s``: how long a port rests after its receiver closed. ``sources_of``: the networks
        media of a device may come from; none for any."""
        self.ledger = ledger
        self.on_running: Callable[[Session], None] = _ignore
        self.on_failed: Callable[[Session, Failure], None] = _ignore_failure
        self.on_changed: Callable[[Session], None] = _ignore
        self.on_fetched: Callable[[str, str], None] = _ignore_fetch
        """A camera without SIP was asked: its channel, and why it could not be had, if so."""
        self._directory = directory
        self._dialer = dialer
        self._node = node
        self._store = store
        self._times = times
        self._rest_s = rest_s
        self._sources_of = sources_of
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._teardown: dict[str, set[asyncio.Task[None]]] = {}
        dialer.on_input = self._heard

    async def aclose(self) -> None:
        """Wait for what is being closed; nothing new may be called any more."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2.0)
        for task in list(self._tasks):
            task.cancel()

    # --- opening -----------------------------------------------------------------------------

    def call(
        self,
        key: StreamKey,
        transport: Transport | None,
        ask: Ask = LIVE,
        after: Session | None = None,
    ) -> Session:
        """Begin a call; raises ``LegFailed`` when nothing can even be asked.

        ``after``: its dialog has to be over before the INVITE leaves, because recorders give one
        recording to one call at a time.
        """
        route = self._directory.route(key.channel_id)
        source = None if route is None or ask.show else route.source
        reached = route is not None and route.online and (route.flow or source)
        if not ask.show and not reached:
            raise LegFailed(Leg.DEVICE_OFFLINE, "the device is offline")
        now = asyncio.get_running_loop().time()
        try:
            ssrc = self.ledger.lease_ssrc(now, ask.kind)
        except SsrcExhausted as error:
            raise LegFailed(Leg.NO_PORT, str(error)) from error
        call = Call(now, self._times)
        session = Session(
            session_id=self._dialer.new_id(),
            key=key,
            device_id=route.device_id if route else "",
            reported_id=route.reported_id if route else "",
            ask=ask,
            transport=_way_of(route, transport, ask),
            call_id=self._dialer.new_call_id(),
            ssrc=ssrc,
            call=call,
            started_at=datetime.now(UTC),
        )
        flow = (None if ask.show or route is None else route.flow) or NOWHERE
        line = _Line(self._record(session, flow), call, source=source, asked_at=now)
        line.lasts = source is None and ask.show is None
        self.ledger.add(session)
        self._lines[session.session_id] = line
        before = self._lines.get(after.session_id) if after is not None else None
        place = route.place if route is not None else ""
        self._spawn(self._open(session, line, flow, place, before))
        self._arm(session, line)
        return session

    async def _open(
        self, session: Session, line: _Line, flow: Flow, place: str, before: _Line | None
    ) -> None:
        if before is not None:
            await before.over.wait()
        await self._wait_teardown(session.stream_id)
        mode = _mode(session.transport)
        sources = self._sources_of(flow) if line.lasts else ()
        spec = ReceiverSpec(session.stream_id, mode, session.ssrc, sources, place)
        try:
            info = await self._node.open_receiver(spec)
        except PortsExhausted as error:
            self._lost(session, EndReason.NO_PORT, f"no media port is free: {error}")
            return
        except MediaError as error:
            self._lost(session, EndReason.NO_PORT, f"the media node refused: {error}")
            return
        host = self._dialer.media_host(info.host, flow) if line.lasts else info.host
        local = (host, info.port)
        self.ledger.hold_receiver(session, info.receiver_id, local)
        if session.call.state is SessionState.INVITING:
            line.record.media_port, line.record.node = info.port, self._node.name
            await self._save(line)
        if session.call.state is not SessionState.INVITING:  # ended while we waited
            self.close_receiver(self.ledger.drop_receiver(session), session.stream_id)
            self.feed(session, calls.Unanswered("ended before it was sent"))
            return
        try:
            line.dialing = self._without_sip(session, line.source, info) or self._dialer.invite(
                Invitation(
                    session_id=session.session_id,
                    call_id=session.call_id,
                    local_tag=line.record.local_tag,
                    reported_id=session.reported_id,
                    ssrc=session.ssrc,
                    transport=_transport(session.transport),
                    stream=session.key.stream,
                    media=local,
                    flow=flow,
                    ask=session.ask,
                )
            )
        except TransportFailed as error:
            self.feed(session, calls.Unanswered(str(error)))
            return
        except Exception as error:  # a defect must not leave the session waiting for an answer
            self.feed(session, calls.Unanswered(f"a defect of the platform: {error!r}"))
            raise
        log.event(
            ev.SESSION_INVITING,
            **_names(session),
            channel_id=session.key.channel_id,
            ssrc=format_ssrc(session.ssrc),
            transport=session.transport,
            local=host_port(local) if info.port else None,
        )
        self.on_changed(session)

    def _without_sip(
        self, session: Session, source: Spec | None, info: ReceiverInfo
    ) -> Fetching | Showing | None:
        """Show what the platform has, or have the node fetch the picture of a camera."""

        def tell(event: calls.Input) -> None:
            self._heard(session.session_id, event)

        def told(failure: str) -> None:
            self.on_fetched(session.key.channel_id, failure)

        if session.ask.show is not None:
            return Showing(self._node, info.receiver_id, session.ask.show, tell)
        if source is not None:
            return Fetching(self._node, info.receiver_id, source, tell, told)
        return None

    async def _save(self, line: _Line) -> None:
        """Write the dialog through; a pull ends with this process and leaves nothing to end."""
        if line.lasts:
            await self._store.save_dialog(replace(line.record))

    def _lost(self, session: Session, reason: EndReason, message: str) -> None:
        self.feed(session, calls.End(Failure(reason, message)))
        self.feed(session, calls.Unanswered("never sent"))

    def _record(self, session: Session, flow: Flow) -> DialogRecord:
        return DialogRecord(
            call_id=session.call_id,
            local_tag=self._dialer.new_tag(),
            remote_target=self._dialer.target(session.reported_id, flow),
            local_uri=self._dialer.local_uri,
            remote_uri=self._dialer.remote_uri(session.reported_id),
            transport=flow.transport,
            remote_host=flow.remote[0],
            remote_port=flow.remote[1],
            local_host=flow.local[0],
            local_port=flow.local[1],
            ssrc=session.ssrc,
            session_id=session.session_id,
            stream_id=session.stream_id,
            channel_id=session.key.channel_id,
            device_id=session.device_id,
            kind=session.kind.value,
        )

    # --- performing --------------------------------------------------------------------------

    def feed(self, session: Session, event: calls.Input) -> None:
        """Give a call one input and perform what it decides."""
        line = self._lines.get(session.session_id)
        if line is None:
            return
        now = asyncio.get_running_loop().time()
        for effect in line.call.handle(event, now):
            self._perform(session, line, effect, now)
        if session.session_id in self._lines:
            self._arm(session, line)

    def _perform(self, session: Session, line: _Line, effect: calls.Effect, now: float) -> None:
        match effect:
            case calls.SendAck() | calls.SendBye() | calls.SendCancel():
                _say(line.dialing, effect)
            case calls.Connect(host, port):
                self._spawn(self._connect(session, host, port))
            case calls.CloseReceiver(quarantine):
                # A 200 that comes late may still be followed by media.
                rest_s = self._rest_s + (LATE_ANSWER_S if quarantine else 0.0)
                receiver_id = self.ledger.drop_receiver(session)
                self.close_receiver(receiver_id, session.stream_id, rest_s)
            case calls.Drain():
                self._spawn(self._drain(session))
            case calls.Running():
                duration_ms = round((now - line.asked_at) * 1000)
                log.event(ev.SESSION_LIVE, **_names(session), duration_ms=duration_ms)
                self.on_running(session)
            case calls.Failed(failure):
                _tell_failure(session, failure)
                self.on_failed(session, failure)
            case calls.Changed(state):
                if state is not SessionState.ENDED:  # told once, when the books are closed
                    self.on_changed(session)
            case calls.Ended():
                self._ended(session, line, now)
            case _:
                assert_never(effect)

    def _heard(self, session_id: str, event: calls.Input) -> None:
        """An answer or a BYE of the device."""
        session = self.ledger.get(session_id)
        line = self._lines.get(session_id)
        if session is None or line is None or line.dialing is None:
            return
        first = isinstance(event, calls.Accepted) and not line.record.remote_tag
        if first:
            self._answered(session, line, line.dialing)
        self.feed(session, event)

    async def info(self, session: Session, body: bytes, content_type: str) -> Response:
        """Send INFO inside the session's dialog; raises SipError, and Conflict without a dialog."""
        line = self._lines.get(session.session_id)
        if line is None or line.dialing is None or not line.dialing.stands:
            raise Conflict("session_not_running", f"session {session.session_id} is not running")
        answer: asyncio.Future[Response | SipError] = asyncio.get_running_loop().create_future()

        def heard(result: Response | SipError) -> None:
            if not answer.done():
                answer.set_result(result)

        line.dialing.info(body, content_type, heard)
        # A BYE of the next run has to count on from here.
        line.dialing.fill(line.record)
        self._spawn(self._save(line))
        result = await answer
        if isinstance(result, SipError):
            raise result
        return result

    def hold(self, session: Session, on: bool) -> None:
        """The session was paused (or resumed) by request: silence is no fault meanwhile."""
        line = self._lines.get(session.session_id)
        if line is not None:
            line.packets = self._packets(session)
            self.feed(session, calls.Held(on))

    def look(self) -> None:
        """Once a second: whether what was resumed really goes on."""
        for session in self.ledger.open():
            line = self._lines.get(session.session_id)
            expects = line is not None and line.call.expects_media
            if expects and line is not None and self._packets(session) > line.packets:
                self.feed(session, calls.MediaFlows())

    def _packets(self, session: Session) -> int:
        statistics = self._node.statistics(session.stream_id)
        return 0 if statistics is None else statistics.packets

    async def _drain(self, session: Session) -> None:
        """Wait until no packet came for a while; the call's deadline bounds it."""
        quiet, packets = 0, self._packets(session)
        while quiet < DRAIN_QUIET and session.session_id in self._lines:
            await asyncio.sleep(DRAIN_LOOK_S)
            before, packets = packets, self._packets(session)
            quiet = quiet + 1 if packets == before else 0
        self.feed(session, calls.Drained())

    def bye_received(self, request: Request) -> int:
        """A BYE from outside: the status to answer with (RFC 3261 15.1.2)."""
        session = self.ledger.by_call(request.call_id)
        line = self._lines.get(session.session_id) if session is not None else None
        if line is None or line.dialing is None:
            return 481
        return line.dialing.bye_received(request)

    def _answered(self, session: Session, line: _Line, dialing: Way) -> None:
        record = line.record
        dialing.fill(record)
        record.state = "confirmed"
        session.remote, session.file_size = dialing.media_remote, dialing.file_size
        self._spawn(self._save(line))
        now = asyncio.get_running_loop().time()
        answered_ssrc = dialing.ssrc
        if answered_ssrc is not None and answered_ssrc != session.ssrc and session.receiver_id:
            # The device chose its own (quirk 1): believe it, the port tells the stream anyway.
            self._spawn(self._believe(session.receiver_id, answered_ssrc))
        log.event(
            ev.SESSION_ANSWERED,
            **_names(session),
            status=200,
            ssrc=format_ssrc(answered_ssrc if answered_ssrc is not None else session.ssrc),
            remote=host_port(session.remote) if session.remote else None,
            duration_ms=round((now - line.asked_at) * 1000),
        )

    async def _believe(self, receiver_id: str, ssrc: int) -> None:
        # The receiver may have been closed meanwhile: then nobody needs to know any more.
        with contextlib.suppress(MediaError):
            await self._node.update_receiver(receiver_id, ssrc=ssrc)

    async def _connect(self, session: Session, host: str, port: int) -> None:
        if session.receiver_id is None:
            return
        try:
            await self._node.connect(session.receiver_id, host, port)
        except MediaError as error:
            self.feed(session, calls.MediaLost(f"no connection to {host}:{port}: {error}"))

    def _ended(self, session: Session, line: _Line, now: float) -> None:
        if line.timer is not None:
            line.timer.cancel()
        del self._lines[session.session_id]
        line.over.set()
        failure = session.call.failure
        reason = failure.reason.value if failure else EndReason.STOPPED.value
        self.ledger.end(session, now, datetime.now(UTC))
        self._spawn(self._store.close_dialog(session.call_id, reason))
        log.event(
            ev.SESSION_ENDED,
            **_names(session),
            channel_id=session.key.channel_id,
            reason=reason,
            leg=reason if failure and reason in _LEGS else None,
            status=failure.sip_status if failure else None,
            duration_ms=round((now - line.asked_at) * 1000),
        )
        self.on_changed(session)

    def _arm(self, session: Session, line: _Line) -> None:
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        deadline = line.call.deadline
        if deadline is not None:
            loop = asyncio.get_running_loop()
            line.timer = loop.call_at(deadline, self.feed, session, calls.Tick())

    # --- closing on the media node -----------------------------------------------------------

    def close_receiver(
        self, receiver_id: str | None, stream_id: str = "", rest_s: float | None = None
    ) -> None:
        """Close a receiver in the background; its stream waits for it before the next call."""
        if receiver_id is not None:
            rest_s = self._rest_s if rest_s is None else rest_s
            task = self._spawn(self._node.close_receiver(receiver_id, rest_s=rest_s))
            self._hold_back(stream_id, task)

    def close_sender(self, sender_id: str) -> None:
        """Close a sender nobody holds, in the background."""
        self._spawn(self._node.close_sender(sender_id, rest_s=self._rest_s))

    def close_stream(self, stream_id: str, reason: str) -> None:
        """Close a stream and its viewers in the background."""
        self._hold_back(stream_id, self._spawn(self._node.close_stream(stream_id, reason)))

    def _hold_back(self, stream_id: str, task: asyncio.Task[None]) -> None:
        tasks = self._teardown.setdefault(stream_id, set())
        tasks.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            tasks.discard(finished)
            if not tasks and self._teardown.get(stream_id) is tasks:
                del self._teardown[stream_id]

        task.add_done_callback(done)

    async def _wait_teardown(self, stream_id: str) -> None:
        while tasks := self._teardown.get(stream_id):
            await asyncio.wait(set(tasks))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(ev.APP_FAILED, component="session", error=task.exception())


_LEGS = frozenset(leg.value for leg in Leg)


_TRANSPORTS: dict[str, Transport] = {"tcp-passive": "tcp-passive", "tcp-active": "tcp-active"}


def _transport(name: str) -> Transport:
    return _TRANSPORTS.get(name, "udp")


def _way_of(route: Route | None, transport: Transport | None, ask: Ask) -> str:
    if ask.show is not None or route is None:
        return OWN
    return route.transport if route.source else transport or route.transport


def _mode(name: str) -> ReceiveMode:
    if name == OWN:
        return "fed"
    match name:
        case "rtsp" | "rtmp":
            return name
    return _transport(name)


def _say(dialing: Way | None, effect: calls.SendAck | calls.SendBye | calls.SendCancel) -> None:
    if dialing is None:
        return
    match effect:
        case calls.SendAck():
            dialing.ack()
        case calls.SendBye():
            dialing.bye()
        case calls.SendCancel():
            dialing.cancel()


def _tell_failure(session: Session, failure: Failure) -> None:
    """Ending as wished is no failure; a leg that broke is told before its transaction is over."""
    if failure.reason.value in _LEGS:
        log.event(
            ev.SESSION_FAILED,
            **_names(session),
            leg=failure.leg.value,
            reason=failure.message,
            status=failure.sip_status,
        )


def _names(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "stream_id": session.stream_id,
        "device_id": session.device_id,
        "call_id": session.call_id,
    }


def _ignore(session: Session) -> None:
    """Before the service listens nobody does."""


def _ignore_fetch(channel_id: str, failure: str) -> None:
    """Before the sources listen nobody does."""


def _ignore_failure(session: Session, failure: Failure) -> None:
    """Before the service listens nobody does."""
