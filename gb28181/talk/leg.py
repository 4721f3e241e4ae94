"""Machine of one target: from the word that speech is for it to the end of its dialog.

A broadcast takes five steps, and a device can stop at each of them::

    QUEUED --> ASKING --Response OK--> AWAITING --its INVITE--> CONNECTING --> RUNNING
                  |  (its INVITE may overtake its Response)        |  our 200, its ACK, and over TCP
                  |________________________________________________|  the connection
                                                                   v
                                                     CLOSING --BYE answered--> ENDED

A talk of 2016 has no notification: we send the INVITE, and its 200 counts as INVITE and ACK in one.

Of the many ways to fail each has its own reason. Two need time to be told apart: a broken TCP
connection is usually followed by BYE, which is then the reason; and BYE within three seconds
of the start means something else (a codec the device cannot play) than BYE later on.

BYE must not overtake the ACK of our 200 (RFC 3261 15), so it waits for it a moment.

The machine performs nothing: ``handle`` returns effects. ``now`` is monotonic seconds.
GB/T 28181-2022 9.12.1; RFC 3261 13, 15.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.session.model import Failure, SessionState

from .leg_words import (
    Accepted,
    Acked,
    Agreed,
    Aim,
    Answer,
    Ask,
    ByeDone,
    Changed,
    Close,
    Declined,
    Effect,
    End,
    Ended,
    Failed,
    Input,
    Invite,
    Invited,
    Lost,
    Notify,
    Open,
    Opened,
    PeerBye,
    PeerCancel,
    Reached,
    Refuse,
    SendAck,
    SendBye,
    SendCancel,
    Step,
    Tick,
    Way,
)
from .reasons import Reason, Why

EARLY_S = 3.0
"""BYE of a device so soon after the start means that it cannot play what it gets."""

HANGUP_S = 1.0
"""After its TCP connection broke, a BYE of the device is waited for: then that is the reason."""

ACK_S = 2.0
"""Our BYE waits for the ACK of our 200 at most so long."""

CLOSING_S = 4.0
"""Longest wait for the answer to our BYE."""

LATE_ANSWER_S = 40.0
"""Longest wait for a final answer to an INVITE given up; longer than 64*T1 (32 s)."""


@dataclass(frozen=True, slots=True)
class LegTimes:
    """Time-outs of a target, in seconds."""

    invite_s: float = 10.0
    """For the device's INVITE after its Response; for its answer to ours."""
    connect_s: float = 8.0
    """For ACK and TCP connection."""


_STATES = {
    Step.CONNECTING: SessionState.WAITING,
    Step.RUNNING: SessionState.RUNNING,
    Step.CLOSING: SessionState.CLOSING,
    Step.ENDED: SessionState.ENDED,
}


class Leg:
    """One target from the queue to the end of its dialog."""

    def __init__(self, way: Way, times: LegTimes | None = None, *, listens: bool = False) -> None:
        """``listens``: over TCP the device connects to us; set with ``listens_for_device``."""
        self.way = way
        self.times = times or LegTimes()
        self.step = Step.QUEUED
        self.why: Why | None = None
        self.deadline: float | None = None
        self.running_since: float | None = None
        self._device_connects = listens
        self._called = False
        """An INVITE came or went: there is something to be answered or cancelled."""
        self._open = False
        self._answered = False
        """The 200 left, or came."""
        self._acked = False
        self._reached = False
        self._bye_waits = False
        self._lost: Why | None = None

    def __repr__(self) -> str:
        return f"<Leg {self.way} {self.step}{f' {self.why.reason}' if self.why else ''}>"

    @property
    def state(self) -> SessionState:
        """As sessions call it."""
        return _STATES.get(self.step, SessionState.INVITING)

    @property
    def failure(self) -> Failure | None:
        return None if self.why is None else self.why.failure

    @property
    def awaits_invite(self) -> bool:
        """An INVITE of the device would be for this leg."""
        asked = self.step in (Step.ASKING, Step.AWAITING)
        return self.way is Way.BROADCAST and asked and not self._called

    @property
    def over(self) -> bool:
        return self.step in (Step.CLOSING, Step.ENDED)

    def listens_for_device(self, on: bool) -> None:
        """Over TCP the device connects to us: nothing is to be aimed."""
        self._device_connects = on

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        match event:
            case Ask() | Agreed() | Invited() | Opened():
                return self._forward(event, now)
            case Accepted():
                return self._accepted(event, now)
            case Acked():
                return self._was_acked(now)
            case Reached():
                self._reached = self._reached or self._open
                return self._maybe_running(now)
            case Lost() | Declined() | PeerBye() | PeerCancel():
                return self._trouble(event, now)
            case End():
                return self._end(event.why, now)
            case ByeDone():
                return self._over() if self.step is Step.CLOSING else []
            case Tick():
                return self._tick(now)

    # --- forward -----------------------------------------------------------------------------

    def _forward(self, event: Ask | Agreed | Invited | Opened, now: float) -> list[Effect]:
        match event:
            case Ask() if self.step is Step.QUEUED and self.way is Way.BROADCAST:
                return [*self._go(Step.ASKING), Notify()]
            case Ask() if self.step is Step.QUEUED:
                return [*self._go(Step.CONNECTING), Open()]
            case Agreed() if self.step is Step.ASKING:
                self.deadline = now + self.times.invite_s
                return self._go(Step.AWAITING)
            case Invited() if self.awaits_invite:
                self._called, self.deadline = True, None
                return [*self._go(Step.CONNECTING), Open()]
            case Opened() if self.step is Step.CONNECTING and not self._open:
                self._open = True
                return self._opened(now)
            case _:
                return []

    def _opened(self, now: float) -> list[Effect]:
        if self.way is Way.TALK:
            self._called, self.deadline = True, now + self.times.invite_s
            return [Invite()]
        self._answered, self.deadline = True, now + self.times.connect_s
        return [Answer()]

    def _accepted(self, event: Accepted, now: float) -> list[Effect]:
        if self.way is not Way.TALK or not self._called:
            return []
        if self._answered:  # a repeated 200 means our ACK was lost (RFC 3261 13.2.2.4)
            return [SendAck()]
        self._answered = self._acked = True
        if self.step is Step.CLOSING:  # given up meanwhile: accept it, then end it
            return [SendAck(), *self._bye(now)]
        if self.step is not Step.CONNECTING:
            return [SendAck()]
        if event.why is not None:
            return [SendAck(), *self._end(event.why, now)]
        self.deadline = now + self.times.connect_s
        aim: list[Effect] = [] if self._device_connects else [Aim()]
        return [SendAck(), *aim, *self._maybe_running(now)]

    def _was_acked(self, now: float) -> list[Effect]:
        if self.way is not Way.BROADCAST or self._acked or not self._answered:
            return []
        self._acked = True
        if self._bye_waits:
            return self._bye(now)
        if self.step is not Step.CONNECTING:
            return []
        aim: list[Effect] = [] if self._device_connects else [Aim()]
        return [*aim, *self._maybe_running(now)]

    def _maybe_running(self, now: float) -> list[Effect]:
        # A device may connect before its ACK; it hears from then on, but ACK makes it a call.
        if self.step is not Step.CONNECTING or not (self._acked and self._reached):
            return []
        self.deadline, self.running_since = None, now
        return self._go(Step.RUNNING)

    # --- trouble -----------------------------------------------------------------------------

    def _trouble(self, event: Lost | Declined | PeerBye | PeerCancel, now: float) -> list[Effect]:
        match event:
            case Declined(why) if self.way is Way.BROADCAST:
                # Once it has called, what its Response says is of no account any more.
                return self._end(why, now) if self.step is Step.ASKING else []
            case Declined(why):
                return [] if self._answered else [*self._fail(why), *self._over()]
            case Lost(why) if self._open and not self.over:
                if self._lost is None:
                    self._lost, self.deadline = why, now + HANGUP_S
                return []
            case PeerCancel() if self.way is Way.BROADCAST and self._called and not self._answered:
                return [*self._fail(Why(Reason.CANCELLED)), *self._over()]
            case PeerBye() if self._answered:
                return self._peer_bye(now)
            case _:
                return []

    def _peer_bye(self, now: float) -> list[Effect]:
        if self.step is Step.ENDED:
            return []
        since = self.running_since
        early = since is None or now - since < EARLY_S
        reason = Reason.DEVICE_BYE_EARLY if early else Reason.DEVICE_BYE
        return [*self._fail(Why(reason)), *self._over()]

    def _end(self, why: Why, now: float) -> list[Effect]:
        if self.over:
            return []
        effects = self._fail(why)
        if not self._called:
            return [*effects, *self._over()]
        if self.way is Way.BROADCAST and not self._answered:
            status = 503 if why.reason is Reason.NO_PORT else 480
            return [*effects, Refuse(status), *self._over()]
        effects += self._go(Step.CLOSING)
        if not self._answered:
            self.deadline = now + LATE_ANSWER_S
            return [*effects, SendCancel(), *self._close()]
        if not self._acked:
            self._bye_waits, self.deadline = True, now + ACK_S
            return [*effects, *self._close()]
        return [*effects, *self._bye(now)]

    def _bye(self, now: float) -> list[Effect]:
        self._bye_waits, self.deadline = False, now + CLOSING_S
        return [SendBye(), *self._close()]

    def _close(self) -> list[Effect]:
        if not self._open:
            return []
        self._open = False
        return [Close()]

    def _fail(self, why: Why) -> list[Effect]:
        if self.why is not None:
            return []
        self.why = why
        return [Failed(why)]

    def _over(self) -> list[Effect]:
        if self.step is Step.ENDED:
            return []
        self.deadline = None
        return [*self._close(), *self._go(Step.ENDED), Ended()]

    def _go(self, step: Step) -> list[Effect]:
        self.step = step
        return [Changed(step)]

    # --- time --------------------------------------------------------------------------------

    def _tick(self, now: float) -> list[Effect]:
        if self.deadline is None or now < self.deadline:
            return []
        if self.step is Step.CLOSING:
            return self._bye(now) if self._bye_waits else self._over()
        if self._lost is not None:
            return self._end(self._lost, now)
        return self._end(self._too_late(), now)

    def _too_late(self) -> Why:
        if self.step is Step.AWAITING:
            return Why(Reason.NO_INVITE, f"waited {self.times.invite_s:.0f} s")
        if not self._answered:
            return Why(Reason.INVITE_TIMEOUT, f"waited {self.times.invite_s:.0f} s")
        reason = Reason.NO_CONNECTION if self._acked else Reason.NO_ACK
        return Why(reason, f"waited {self.times.connect_s:.0f} s")
