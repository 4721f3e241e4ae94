"""A subscription seen by the subscriber (RFC 6665 §4.1): when to SUBSCRIBE, when to give up.

A machine: facts in, effects out, one deadline. It builds no request and owns no dialog; the shell
sends what `Subscribe` says, in the dialog there is or in a new one.

How long it holds is what the notifier grants: in the 2xx, shortened (never lengthened) by the
`expires` of a NOTIFY. A refresh goes out before that, early enough for a second try. 481 to a
refresh means the dialog is gone: a new one begins. Other failures of a refresh leave the
subscription in force until it expires. What a peer will not do (403, 405, 489, `rejected`) is not
asked again until something changes: `Restart`.
"""

from dataclasses import dataclass
from enum import Enum, auto

FINAL_STATUSES = frozenset({403, 404, 405, 416, 489, 501, 603, 604})
"""Answers to a first SUBSCRIBE that the same SUBSCRIBE would get again."""
FINAL_REASONS = frozenset({"rejected", "noresource", "invariant"})
"""RFC 6665 §4.1.3: terminated, and not to be tried again."""
LATER_REASONS = frozenset({"probation", "giveup"})
_SHORTEST = 5.0
"""A notifier that grants seconds is not refreshed more often than this."""
_LIVED = 30.0
"""A subscription that lived so long did not fail at once: the pause starts small again."""


class State(Enum):
    """What the subscription is doing."""

    IDLE = auto()
    """Not begun, or its peer cannot be reached."""
    PENDING = auto()
    """A first SUBSCRIBE is under way."""
    ACTIVE = auto()
    REFRESHING = auto()
    """In force, and a refresh is under way."""
    WAITING = auto()
    """A pause before the next attempt."""
    REFUSED = auto()
    """The peer will not; nothing happens until `Restart`."""
    CLOSING = auto()
    """The SUBSCRIBE that ends it is under way."""
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; all of them can be set."""

    expires: int = 600
    """What we ask for."""
    lead: float = 60.0
    """A refresh goes out so long before the end, at most half of the time granted."""
    pause: float = 5.0
    """Before the second attempt; doubled each time."""
    longest_pause: float = 600.0


# --- inputs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restart:
    """Begin: for the first time, after the peer came back, or because somebody asked.

    `dialog`: the peer is the same as before and may still know the dialog.
    """

    dialog: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 2xx. `expires` as the notifier granted it; None when it did not say."""

    expires: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Another final answer; `after` is Retry-After or Min-Expires where it came."""

    status: int
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer, or it could not be sent."""


@dataclass(frozen=True, slots=True)
class Notified:
    """A NOTIFY of this dialog with its Subscription-State."""

    terminated: bool = False
    expires: int | None = None
    reason: str = ""
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The peer has gone; its timers stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Restart | Accepted | Refused | Unanswered | Notified | Unreachable | Stop | Tick


# --- effects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send a SUBSCRIBE. `fresh`: in a new dialog; `expires` 0 ends the subscription."""

    fresh: bool
    expires: int


@dataclass(frozen=True, slots=True)
class Changed:
    """In force, or not any more; `reason` says why not."""

    state: State
    reason: str = ""


Effect = Subscribe | Changed


class Subscription:
    """One subscription; `handle` it, and call it again with `Tick` at `deadline`."""

    def __init__(self, times: Times | None = None) -> None:
        self.times = times or Times()
        self.state = State.IDLE
        self.expires_at: float | None = None
        """When the notifier lets go of it; None when it is not in force."""
        self.deadline: float | None = None
        self.attempts = 0
        """Failures in a row."""
        self._asked = self.times.expires
        self._since = 0.0
        self._has_dialog = False
        self._stopping = False
        self._told = False
        self._refresh_failures = 0

    def __repr__(self) -> str:
        return f"<Subscription {self.state.name} until {self.expires_at}>"

    @property
    def in_force(self) -> bool:
        return self.state in (State.ACTIVE, State.REFRESHING)

    def resume(self, expires_at: float, now: float) -> None:
        """A subscription of a run before, with its dialog; `Restart(dialog=True)` refreshes it."""
        if expires_at > now:
            self._has_dialog, self.expires_at = True, expires_at

    def forget_dialog(self) -> None:
        """The dialog is of no use any more: the next SUBSCRIBE begins a new one."""
        self._has_dialog = False

    def ask_for(self, expires: int) -> None:
        """Another time from the next SUBSCRIBE on."""
        self._asked = expires

    def handle(self, given: Input, now: float) -> list[Effect]:
        """Take a fact; what is to be done about it."""
        effects = self._handle(given, now)
        for effect in effects:
            if isinstance(effect, Changed):
                self._told = effect.state is State.ACTIVE
        return effects

    def _handle(self, given: Input, now: float) -> list[Effect]:
        match given:
            case Restart(dialog):
                return self._restart(dialog, now)
            case Accepted(expires):
                return self._accepted(expires, now)
            case Refused(status, after):
                return self._refused(status, after, now)
            case Unanswered():
                return self._unanswered(now)
            case Notified():
                return self._notified(given, now)
            case Unreachable():
                return self._unreachable()
            case Stop():
                return self._stop(now)
            case Tick():
                return self._tick(now)

    # --- beginning and ending -------------------------------------------------------------------

    def _restart(self, dialog: bool, now: float) -> list[Effect]:
        if self.state in (State.PENDING, State.REFRESHING, State.CLOSING) or self._stopping:
            return []
        self.attempts = self._refresh_failures = 0
        known = dialog and self._has_dialog
        if known and self.expires_at is not None and self.expires_at > now:
            return self._refresh()
        return self._begin()

    def _begin(self) -> list[Effect]:
        self.state, self.expires_at, self.deadline = State.PENDING, None, None
        self._has_dialog = False
        return [Subscribe(True, self._asked)]

    def _refresh(self) -> list[Effect]:
        self.state, self.deadline = State.REFRESHING, self.expires_at
        return [Subscribe(False, self._asked)]

    def _stop(self, now: float) -> list[Effect]:
        match self.state:
            case State.PENDING | State.REFRESHING:
                self._stopping = True
                return []
            case State.CLOSING | State.CLOSED:
                return []
        alive = self.expires_at is not None and self.expires_at > now
        if self._has_dialog and alive:
            return self._close()
        return self._end("stopped")

    def _close(self) -> list[Effect]:
        self.state, self.deadline, self._stopping = State.CLOSING, None, False
        return [Subscribe(False, 0)]

    def _end(self, reason: str) -> list[Effect]:
        self.state, self.deadline, self.expires_at = State.CLOSED, None, None
        self._has_dialog = self._stopping = False
        return [Changed(State.CLOSED, reason)]

    def _unreachable(self) -> list[Effect]:
        if self.state is State.CLOSED:
            return []
        if self.state is State.CLOSING or self._stopping:
            return self._end("unreachable")
        was = self.in_force
        self.state, self.deadline = State.IDLE, None
        return [Changed(State.IDLE, "unreachable")] if was else []

    # --- answers --------------------------------------------------------------------------------

    def _accepted(self, expires: int | None, now: float) -> list[Effect]:
        if self.state is State.CLOSING:
            return self._end("stopped")
        granted = self._asked if expires is None else min(expires, self._asked)
        if self.state not in (State.PENDING, State.REFRESHING):
            # a NOTIFY came before the 2xx and said the same, or something else has overtaken it
            return self._notified(Notified(expires=granted), now)
        self._refresh_failures = 0
        if granted <= 0:
            return self._fail("granted nothing", None, now)
        was, self.state = self.state, State.ACTIVE
        self._has_dialog = True
        if was is State.PENDING:
            self._since = now
        self._hold(now + granted, now)
        if self._stopping:
            return self._close()
        self.attempts = 0 if was is State.REFRESHING else self.attempts
        return [] if self._told else [Changed(State.ACTIVE)]

    def _hold(self, until: float, now: float) -> None:
        self.expires_at = until
        left = until - now
        self.deadline = now + max(_SHORTEST, left - min(self.times.lead, left / 2))

    def _refused(self, status: int, after: int | None, now: float) -> list[Effect]:
        if self.state is State.CLOSING or (self._stopping and self.state is State.PENDING):
            return self._end("stopped")
        if self.state is State.REFRESHING:
            if status == 481 or (400 <= status < 500 and status not in (401, 408, 423, 480, 429)):
                return (
                    self._end("stopped")
                    if self._stopping
                    else [
                        Changed(State.PENDING, f"answered {status}"),
                        *self._begin(),
                    ]
                )
            if status != 423:
                return self._refresh_failed(now)
        elif self.state is not State.PENDING:
            return []
        if status == 423 and after is not None and self._asked < after <= 86_400:
            self._asked = after
            return self._begin() if self.state is State.PENDING else self._refresh()
        if status in FINAL_STATUSES:
            return self._give_up(f"answered {status}")
        pause = None if status == 423 else after
        return self._fail(f"answered {status}", pause, now)

    def _unanswered(self, now: float) -> list[Effect]:
        if self.state is State.CLOSING or (self._stopping and self.state is State.PENDING):
            return self._end("stopped")
        if self.state is State.REFRESHING:
            return self._refresh_failed(now)
        return self._fail("no answer", None, now) if self.state is State.PENDING else []

    def _refresh_failed(self, now: float) -> list[Effect]:
        """§4.1.2.2: it holds until its end; try again before that, then anew."""
        if self._stopping:
            return self._close()
        self._refresh_failures += 1
        assert self.expires_at is not None
        pause = min(
            self.times.longest_pause, self.times.pause * 2 ** min(16, self._refresh_failures - 1)
        )
        if now + pause >= self.expires_at:
            return self._fail("expired", None, now)
        self.state, self.deadline = State.ACTIVE, now + pause
        return []

    def _give_up(self, reason: str) -> list[Effect]:
        self.state, self.deadline, self.expires_at = State.REFUSED, None, None
        self._has_dialog = False
        return [Changed(State.REFUSED, reason)]

    def _fail(self, reason: str, after: float | None, now: float) -> list[Effect]:
        pause = min(self.times.longest_pause, self.times.pause * 2 ** min(16, self.attempts))
        if after is not None and after > 0:
            pause = max(pause, min(float(after), 86_400.0))
        self.attempts += 1
        self.state, self.deadline, self.expires_at = State.WAITING, now + pause, None
        self._has_dialog = False
        return [Changed(State.WAITING, reason)]

    # --- notifications and time -----------------------------------------------------------------

    def _notified(self, given: Notified, now: float) -> list[Effect]:
        if given.terminated:
            return self._terminated(given, now)
        if self.state is State.PENDING:
            return self._accepted(given.expires, now)  # §4.1.2.4: it may come before the 2xx
        if self.state in (State.ACTIVE, State.REFRESHING):
            until = self.expires_at
            if given.expires and until is not None and now + given.expires < until:
                if self.state is State.ACTIVE:
                    self._hold(now + given.expires, now)
                else:
                    self.expires_at = self.deadline = now + given.expires
        return []

    def _terminated(self, given: Notified, now: float) -> list[Effect]:
        if self.state is State.CLOSING or (self._stopping and self.state is State.REFRESHING):
            return self._end("stopped")
        if self.state not in (State.ACTIVE, State.REFRESHING, State.PENDING):
            return []
        reason = given.reason.lower()
        if reason in FINAL_REASONS:
            return self._give_up(reason)
        if reason in LATER_REASONS or now - self._since < _LIVED or self.state is State.PENDING:
            return self._fail(reason or "terminated", given.after, now)
        self.attempts = 0
        return [Changed(State.PENDING, reason or "terminated"), *self._begin()]

    def _tick(self, now: float) -> list[Effect]:
        if self.deadline is None or now < self.deadline:
            return []
        match self.state:
            case State.ACTIVE:
                if self.expires_at is not None and now >= self.expires_at:
                    return [Changed(State.PENDING, "expired"), *self._begin()]
                if now - self._since >= _LIVED:
                    self.attempts = 0
                return self._refresh()
            case State.REFRESHING:
                # the notifier has let go of it while our refresh is still without an answer
                self.deadline = None
                return [Changed(State.REFRESHING, "expired")]
            case State.WAITING:
                return self._begin()
        self.deadline = None
        return []
