"""Performs what the leg of one target decides: MESSAGE, dialog, port, row, session, log.

Opened in the order that loses nothing when the process dies in between: SSRC, port, row of the
dialog, then the 200 (or our INVITE). The port stands before the 200 leaves, because some devices
connect before they send their ACK.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, assert_never

from gb28181.errors import Busy, DeviceRefused, DeviceTimeout, LegFailed, PlatformError
from gb28181.manscdp.commands.broadcast import BroadcastNotify, BroadcastResponse
from gb28181.session.ledger import Session
from gb28181.session.model import Failure, Transport
from gb28181.session.ssrc import SsrcExhausted
from gb28181.store.records import DialogRecord
from gb28181.telemetry import events
from gb28181.telemetry import events_talk as ev
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.node import SenderSpec
from media.voice.audio import PCMA
from sip.errors import ParseError, TransportFailed
from sip.flow import Flow, host_port
from sip.options import ServerTransaction

from . import leg_words as legs
from .books import Desk, enter, row
from .dialogs import Incoming, Outgoing
from .leg import Leg
from .leg_words import Step, Way
from .offer import OfferRefused, Wanted, read_answer, write_answer, write_talk
from .reasons import Reason, Why, why_ended
from .targets import Target

log = get_logger("talk")


@dataclass(slots=True, eq=False)
class Line:
    """One target of one talk."""

    desk: Desk
    talk_id: str
    """Also the id of its voice on the media node."""
    target: Target
    way: Way
    on_change: Callable[[Line], None]
    on_heard: Callable[[bytes], None] | None = None
    leg: Leg = field(init=False)
    session: Session | None = None
    wanted: Wanted | None = None
    running_at: datetime | None = None
    ended_at: datetime | None = None
    _incoming: Incoming | None = None
    _outgoing: Outgoing | None = None
    _record: DialogRecord | None = None
    _timer: asyncio.TimerHandle | None = None
    _asked_at: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.leg = Leg(self.way, self.desk.times)

    def __repr__(self) -> str:
        return f"<Line {self.target.target_id} {self.leg!r}>"

    @property
    def call_id(self) -> str | None:
        call = self._incoming or self._outgoing
        return None if call is None else call.call_id

    @property
    def packets(self) -> int:
        """Sent so far."""
        held = self.session.receiver_id if self.session is not None else None
        found = self.desk.node.sender_statistics(held) if held is not None else None
        return 0 if found is None else found.packets

    # --- what others say ---------------------------------------------------------------------

    def begin(self) -> None:
        """Its turn has come."""
        self._asked_at = _now()
        self.feed(legs.Ask())

    def end(self, why: Why) -> None:
        """It shall be over."""
        self.feed(legs.End(why))

    def invited(self, tx: ServerTransaction, flow: Flow, wanted: Wanted) -> None:
        """The device calls, with an offer whose address was found good."""
        try:
            self._incoming = Incoming(self.desk.dialer, tx, flow, self.feed)
        except ParseError as error:
            tx.respond(error.status_hint)
            return
        self.wanted = wanted
        self.leg.listens_for_device(wanted.transport == "tcp-passive")
        self.feed(legs.Invited())

    def again(self, tx: ServerTransaction, wanted: Wanted) -> None:
        """A re-INVITE: the same once more is confirmed, anything else is not acceptable."""
        call, old = self._incoming, self.wanted
        status = call.judge(tx.request) if call is not None else 481
        if status is not None:
            tx.respond(status)
            return
        same = old is not None and (wanted.transport, wanted.port, wanted.payload) == (
            old.transport,
            old.port,
            old.payload,
        )
        if not same or call is None:
            tx.respond(488)
        else:
            call.confirm(tx, self._answer_body())

    def judge(self, tx_request: Any) -> int | None:
        """A request of the device inside the dialog: None when it is good."""
        call = self._incoming or self._outgoing
        return 481 if call is None else call.judge(tx_request)

    # --- the machine -------------------------------------------------------------------------

    def feed(self, event: legs.Input) -> None:
        """Give the leg one input and perform what it decides."""
        if self.leg.step is Step.ENDED and not isinstance(event, legs.Accepted):
            return
        for effect in self.leg.handle(event, _now()):
            self._perform(effect)
        self._arm()

    def _perform(self, effect: legs.Effect) -> None:
        match effect:
            case legs.Notify():
                self._spawn(self._notify())
            case legs.Open():
                self._spawn(self._open())
            case legs.Answer() | legs.Refuse() | legs.Invite():
                self._call(effect)
            case legs.SendAck() | legs.SendCancel() | legs.SendBye():
                self._say(effect)
            case legs.Aim():
                self._spawn(self._aim())
            case legs.Close():
                self._close()
            case legs.Changed(step):
                self._changed(step)
            case legs.Failed(why):
                self._failed(why)
            case legs.Ended():
                self._ended()
            case _:
                assert_never(effect)

    def _call(self, effect: legs.Answer | legs.Refuse | legs.Invite) -> None:
        incoming, outgoing, session = self._incoming, self._outgoing, self.session
        match effect:
            case legs.Answer() if incoming is not None:
                incoming.answer(self._answer_body())
            case legs.Refuse(status) if incoming is not None:
                incoming.refuse(status)
            case legs.Invite() if outgoing is not None and session is not None:
                media = session.local or ("", 0)
                body = write_talk(self.desk.server_id, media, _mode(session), session.ssrc)
                try:
                    outgoing.invite(body, session.ssrc, self.desk.server_id)
                except TransportFailed as error:
                    self.feed(legs.Declined(Why(Reason.INVITE_TIMEOUT, str(error))))

    def _answer_body(self) -> bytes:
        assert self.session is not None, "answered before it was open"
        assert self.wanted is not None, "answered what nobody asked"
        media = self.session.local or ("", 0)
        return write_answer(self.desk.server_id, media, self.wanted, self.session.ssrc)

    def _say(self, effect: legs.SendAck | legs.SendCancel | legs.SendBye) -> None:
        call = self._incoming or self._outgoing
        match effect:
            case legs.SendBye() if call is not None:
                call.bye()
            case legs.SendAck() if self._outgoing is not None:
                self._outgoing.ack()
            case legs.SendCancel() if self._outgoing is not None:
                self._outgoing.cancel()

    # --- steps that take time ----------------------------------------------------------------

    async def _notify(self) -> None:
        message = BroadcastNotify("", self.target.code, self.desk.server_id)
        try:
            answer = await self.desk.queries.ask(
                self.target.device_id, message, timeout=self.desk.response_s
            )
        except PlatformError as error:
            self.feed(legs.Declined(_unanswered(error)))
            return
        response = answer.first
        if isinstance(response, BroadcastResponse) and not response.ok:
            self.feed(legs.Declined(Why(Reason.RESULT_ERROR)))
        else:
            self.feed(legs.Agreed())

    async def _open(self) -> None:
        """SSRC, sender and row; a leg that ended meanwhile lets go of them."""
        flow = self.desk.devices.flow_of(self.target.device_id)
        if self._gone():
            return
        if flow is None:
            self.end(Why(Reason.DEVICE_OFFLINE))
            return
        if self.way is Way.TALK:
            self._outgoing = Outgoing(self.desk.dialer, self.target.code, flow, self.feed)
            self._outgoing.on_answer = self._read_answer
        try:
            self.session = session = self._enter()
        except SsrcExhausted as error:
            self.end(Why(Reason.NO_PORT, str(error)))
            return
        spec = SenderSpec(
            self.talk_id,
            _mode(session),
            session.ssrc,
            PCMA if self.wanted is None else self.wanted.payload,
            (flow.remote[0], *self.desk.allow),
        )
        try:
            info = await self.desk.node.open_sender(spec, self.on_heard)
        except MediaError as error:
            self.end(Why(Reason.NO_PORT, str(error)))
            return
        local = (self.desk.dialer.media_host(info.host, flow), info.port)
        self.desk.ledger.hold_receiver(session, info.sender_id, local)
        if not self._gone():
            call = self._incoming or self._outgoing
            assert call is not None, "no dialog yet"
            self._record = row(self.desk, session, self.target, call, flow)
            await self.desk.store.save_dialog(replace(self._record))
        if self._gone():
            self._close()
            await self.desk.store.close_dialog(session.call_id, self._reason())
            return
        self.feed(legs.Opened())

    def _gone(self) -> bool:
        """It ended while we waited."""
        return self.leg.over

    async def _aim(self) -> None:
        session, wanted = self.session, self.wanted
        if session is None or wanted is None or session.receiver_id is None:
            return
        try:
            await self.desk.node.aim_sender(session.receiver_id, wanted.host, wanted.port)
        except MediaError as error:
            self.feed(legs.Lost(Why(Reason.NO_CONNECTION, str(error))))
            return
        self.feed(legs.Reached())

    def _read_answer(self, body: bytes) -> Why | None:
        """The 200 to our INVITE: where the device wants to hear."""
        session = self.session
        flow = self.desk.devices.flow_of(self.target.device_id)
        if session is None or flow is None:
            return Why(Reason.DEVICE_OFFLINE)
        try:
            wanted = read_answer(body, _mode(session))
        except OfferRefused as error:
            return error.why
        host = self.desk.dialer.addresses.usable(wanted.host, flow.remote[0])
        if host is None:
            return Why(Reason.ADDRESS_REFUSED, wanted.host[:64])
        self.wanted = wanted.at(host)
        self.leg.listens_for_device(wanted.transport == "tcp-passive")
        session.remote = (host, wanted.port)
        return None

    # --- what is told ------------------------------------------------------------------------

    def _enter(self) -> Session:
        """A session in the ledger; raises SsrcExhausted."""
        assert self.call_id is not None, "no dialog yet"
        return enter(
            self.desk, self.target, self.wanted, self.call_id, self.leg, self._ended_from_outside
        )

    def _ended_from_outside(self, failure: Failure) -> None:
        self.end(why_ended(failure))

    def _changed(self, step: Step) -> None:
        if step is Step.RUNNING:
            self._running()
        if self.session is not None and step is not Step.ENDED:  # its end is told by the ledger
            self.desk.session_changed(self.session)
        if step is not Step.ENDED:
            self.on_change(self)

    def _running(self) -> None:
        self.running_at = datetime.now(UTC)
        session, record, call = self.session, self._record, self._incoming or self._outgoing
        if session is None or record is None or call is None:
            return
        call.fill(record)
        record.state = "confirmed"
        self._spawn(self.desk.store.save_dialog(replace(record)))
        log.event(
            ev.TALK_TARGET_RUNNING,
            **self._names(),
            transport=session.transport,
            remote=host_port(session.remote) if session.remote else None,
            duration_ms=round((_now() - self._asked_at) * 1000),
        )

    def _failed(self, why: Why) -> None:
        if why.failed:
            log.event(
                ev.TALK_TARGET_FAILED,
                **self._names(),
                reason=why.reason.value,
                detail=why.detail or None,
                status=why.sip_status,
            )

    def _close(self) -> None:
        held = self.desk.ledger.drop_receiver(self.session) if self.session is not None else None
        if held is not None:
            self._spawn(self.desk.node.close_sender(held, rest_s=self.desk.rest_s))

    def _ended(self) -> None:
        self.ended_at = datetime.now(UTC)
        session = self.session
        if session is not None:
            self.desk.ledger.end(session, _now(), self.ended_at)
            self._spawn(self.desk.store.close_dialog(session.call_id, self._reason()))
            self.desk.session_changed(session)
            log.event(
                ev.TALK_TARGET_ENDED,
                **self._names(),
                reason=self._reason(),
                duration_ms=round((_now() - self._asked_at) * 1000),
            )
        self.on_change(self)

    def _reason(self) -> str:
        why = self.leg.why
        return (why.reason if why is not None else Reason.STOPPED).value

    def _names(self) -> dict[str, Any]:
        session = self.session
        return {
            "talk_id": self.talk_id,
            "target_id": self.target.target_id,
            "device_id": self.target.device_id,
            "session_id": None if session is None else session.session_id,
            "call_id": self.call_id,
        }

    # --- time and tasks ----------------------------------------------------------------------

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.leg.deadline
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(deadline, self.feed, legs.Tick())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(events.APP_FAILED, component="talk", error=task.exception())
            self.end(Why(Reason.FAULT))

    async def settle(self) -> None:
        """Wait for what is being closed, a moment at most."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2.0)
        for task in list(self._tasks):
            task.cancel()


def _unanswered(error: PlatformError) -> Why:
    """What became of the notification."""
    if isinstance(error, DeviceRefused):
        return Why(Reason.NOTIFY_REFUSED, error.message, error.sip_status)
    if isinstance(error, DeviceTimeout):
        taken = error.sip_status == 200
        return Why(Reason.NO_RESPONSE if taken else Reason.NOTIFY_TIMEOUT, "", error.sip_status)
    if isinstance(error, LegFailed):
        return Why(Reason.DEVICE_OFFLINE)
    if isinstance(error, Busy):
        return Why(Reason.BUSY, error.message)
    return Why(Reason.FAULT, error.message)


def _mode(session: Session) -> Transport:
    return session.transport  # type: ignore[return-value]


def _now() -> float:
    return asyncio.get_running_loop().time()
