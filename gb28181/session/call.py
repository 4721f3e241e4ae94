"""Machine of one INVITE dialog: one session of the API.

What can go wrong between asking a camera and having its picture, each with one answer:

- no final answer in time: the caller is told at once, but the dialog may still come alive. CANCEL
  goes out only after a 1xx (RFC 3261 9.1); a late 200 is ACKed and BYEd. SSRC and port stay held
  until the transaction is over, because that late 200 would use them.
- refused: over at once.
- accepted, but no media, or a codec nobody can carry, or media that stops: BYE.
- the device says BYE: over.

States and what leaves them::

    INVITING  --200-->  WAITING  --first picture-->  RUNNING
        \\__________________\\________________________\\--> CLOSING --BYE answered--> ENDED

A call for a recording knows two things more. While it is *held* (paused by request) silence is no
fault. When the device says that all was sent, what is still on its way is *drained* before the BYE.

The machine performs nothing: ``handle`` returns effects. ``now`` is monotonic seconds.
GB/T 28181-2022 9.2; RFC 3261 13, 15; RFC 6026.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .call_words import (
    Accepted,
    ByeDone,
    Changed,
    CloseReceiver,
    Connect,
    Drain,
    Drained,
    Effect,
    End,
    Ended,
    Failed,
    Held,
    Input,
    MediaBegan,
    MediaFlows,
    MediaForeign,
    MediaLost,
    PeerBye,
    PeerFinished,
    Refused,
    Running,
    SendAck,
    SendBye,
    SendCancel,
    Tick,
    Unanswered,
)
from .model import EndReason, Failure, SessionState

CLOSING_S = 4.0
"""Longest wait for the answer to our BYE before the session counts as ended."""

LATE_ANSWER_S = 40.0
"""Longest wait for a final answer to an INVITE given up; longer than 64*T1 (32 s)."""

DRAIN_S = 10.0
"""Longest wait for what is still on its way after the device said that all was sent."""


@dataclass(frozen=True, slots=True)
class CallTimes:
    """Time-outs of a call, in seconds."""

    invite_s: float = 8.0
    media_s: float = 10.0
    total_s: float = 14.0
    """From INVITE to picture at the most; the API answers within 15 s in every case."""


class Call:
    """One INVITE dialog from the first INVITE to the end of the last transaction."""

    def __init__(self, now: float, times: CallTimes | None = None) -> None:
        self.times = times or CallTimes()
        self.state = SessionState.INVITING
        self.failure: Failure | None = None
        self.deadline: float | None = now + min(self.times.invite_s, self.times.total_s)
        self._give_up_at = now + self.times.total_s
        self._answered = False
        self._invite_over = False
        self._receiver_open = True
        self._media_seen = False
        self._draining = False
        self._held = False
        self._silent = False

    def __repr__(self) -> str:
        reason = f" {self.failure.reason}" if self.failure else ""
        return f"<Call {self.state}{reason}>"

    @property
    def expects_media(self) -> bool:
        """It was resumed after a silence: whoever sees packets says ``MediaFlows``."""
        return self._silent and not self._held

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        match event:
            case Accepted():
                return self._accepted(event, now)
            case Refused() | Unanswered():
                return self._final(_refusal(event))
            case MediaBegan():
                return self._began()
            case MediaLost():
                return self._media_lost(event, now)
            case MediaForeign() | End():
                return self._end(_ending(event), now)
            case PeerBye():
                return self._peer_bye()
            case PeerFinished() | Drained() | Held() | MediaFlows():
                return self._recording(event, now)
            case ByeDone():
                return self._over() if self.state is SessionState.CLOSING else []
            case Tick():
                return self._tick(now)

    # --- answers -----------------------------------------------------------------------------

    def _accepted(self, event: Accepted, now: float) -> list[Effect]:
        if self._answered:  # a repeated 200 means our ACK was lost (RFC 3261 13.2.2.4)
            return [SendAck()]
        self._answered = self._invite_over = True
        if self.state is SessionState.CLOSING:  # given up meanwhile: accept it, then end it
            return [SendAck(), *self._bye(now)]
        if self.state is not SessionState.INVITING:
            return [SendAck()]
        if event.problem is not None:
            failure = Failure(EndReason.INVITE_REJECTED, event.problem, 200)
            return [SendAck(), *self._end(failure, now)]
        self.state = SessionState.WAITING
        self.deadline = min(now + self.times.media_s, self._give_up_at)
        effects: list[Effect] = [SendAck(), Changed(self.state)]
        if event.connect is not None:
            effects.append(Connect(*event.connect))
        return [*effects, *self._began()] if self._media_seen else effects

    def _final(self, failure: Failure) -> list[Effect]:
        self._invite_over = True
        if self.state is SessionState.ENDED or self._answered:
            return []
        return [*self._fail(failure), *self._over()]

    # --- media -------------------------------------------------------------------------------

    def _began(self) -> list[Effect]:
        # A camera may send before its 200 arrives: the answer decides, then the picture counts.
        self._media_seen = True
        if self.state is not SessionState.WAITING:
            return []
        self.state = SessionState.RUNNING
        if not self._draining:
            self.deadline = None
        return [Changed(self.state), Running()]

    def _media_lost(self, event: MediaLost, now: float) -> list[Effect]:
        match self.state:
            case SessionState.RUNNING if self._held and event.silence:
                self._silent = True
                return []
            case SessionState.RUNNING:
                return self._end(self._stopped(event.cause), now)
            case SessionState.WAITING:
                return self._end(Failure(EndReason.NO_MEDIA, event.cause), now)
            case _:
                return []

    # --- recordings --------------------------------------------------------------------------

    def _recording(
        self, event: PeerFinished | Drained | Held | MediaFlows, now: float
    ) -> list[Effect]:
        if self.state not in (SessionState.WAITING, SessionState.RUNNING):
            return []
        match event:
            case PeerFinished() if not self._draining:
                self._draining, self.deadline = True, now + DRAIN_S
                return [Drain()]
            case Drained() if self._draining:
                return self._drained(now)
            case Held(on):
                self._held = on
                if not self._draining and self.state is SessionState.RUNNING:
                    self.deadline = now + self.times.media_s if self.expects_media else None
            case MediaFlows() if self.expects_media and not self._draining:
                self._silent, self.deadline = False, None
        return []

    def _drained(self, now: float) -> list[Effect]:
        if self.state is SessionState.WAITING:
            failure = Failure(EndReason.NO_MEDIA, "the recording ended before a picture came")
            return self._end(failure, now)
        return self._end(_FINISHED, now)

    def _stopped(self, cause: str) -> Failure:
        return _FINISHED if self._draining else Failure(EndReason.MEDIA_STOPPED, cause)

    # --- endings -----------------------------------------------------------------------------

    def _peer_bye(self) -> list[Effect]:
        if self.state is SessionState.ENDED:
            return []
        failure = Failure(EndReason.DEVICE_BYE, "the device ended the session")
        if self._draining and self.state is SessionState.RUNNING:
            failure = _FINISHED
        return [*self._fail(failure), *self._over()]

    def _end(self, failure: Failure, now: float) -> list[Effect]:
        if self.state in (SessionState.CLOSING, SessionState.ENDED):
            return []
        effects = self._fail(failure)
        self.state = SessionState.CLOSING
        effects.append(Changed(self.state))
        if self._answered:
            return [*effects, *self._bye(now)]
        self.deadline = now + LATE_ANSWER_S
        return [*effects, SendCancel(), *self._close_receiver(quarantine=True)]

    def _bye(self, now: float) -> list[Effect]:
        self.deadline = now + CLOSING_S
        return [SendBye(), *self._close_receiver()]

    def _close_receiver(self, *, quarantine: bool = False) -> list[Effect]:
        if not self._receiver_open:
            return []
        self._receiver_open = False
        return [CloseReceiver(quarantine)]

    def _fail(self, failure: Failure) -> list[Effect]:
        if self.failure is not None:
            return []
        self.failure = failure
        return [Failed(failure)]

    def _over(self) -> list[Effect]:
        if self.state is SessionState.ENDED:
            return []
        self.state, self.deadline = SessionState.ENDED, None
        return [*self._close_receiver(), Changed(self.state), Ended()]

    def _tick(self, now: float) -> list[Effect]:
        if self.deadline is None or now < self.deadline:
            return []
        if self._draining and self.state is not SessionState.CLOSING:
            return self._drained(now)
        expire: dict[SessionState, Callable[[], list[Effect]]] = {
            SessionState.INVITING: lambda: self._end(
                Failure(EndReason.INVITE_TIMEOUT, "the device did not answer the INVITE"), now
            ),
            SessionState.WAITING: lambda: self._end(
                Failure(EndReason.NO_MEDIA, "the device accepted, but no picture arrived"), now
            ),
            SessionState.RUNNING: lambda: self._end(
                self._stopped("nothing came after it was resumed"), now
            ),
            SessionState.CLOSING: self._over,
        }
        return expire[self.state]()


_FINISHED = Failure(EndReason.FINISHED, "the recording was sent to its end")


def _refusal(event: Refused | Unanswered) -> Failure:
    if isinstance(event, Unanswered):
        return Failure(EndReason.INVITE_TIMEOUT, f"no answer to INVITE ({event.cause})")
    message = f"the device refused: {event.status} {event.phrase}".rstrip()
    return Failure(EndReason.INVITE_REJECTED, message, event.status)


def _ending(event: MediaForeign | End) -> Failure:
    if isinstance(event, End):
        return event.failure
    return Failure(EndReason.UNSUPPORTED_CODEC, f"codec {event.codec} cannot be carried")
