"""What a device does about its registration and its heartbeat, without sockets and clocks.

`handle(input, now) -> effects` and a `deadline`. The states:

    IDLE --START--> REGISTERING --200--> ONLINE --time--> REFRESHING --200--> ONLINE
                        | refused, no answer                 | refused, no answer
                        v                                    v
                     WAITING --time--> REGISTERING        WAITING
    ONLINE, REFRESHING --heartbeats unanswered or refused--> REGISTERING
    ONLINE, REFRESHING --STOP--> LEAVING --answer--> GONE;   any state --DIE--> GONE
    any state but GONE --BOOT--> BOOTING --time--> REGISTERING

A refusal is answered with a pause of at least the configured one plus a random part
(GB/T 28181-2022 7.1 c), a heartbeat that is refused (403: the platform does not know us) with a
registration at once. The heartbeat goes on during a refresh. RFC 3261 10.2, 22.3;
GB/T 28181-2022 9.1, 9.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    IDLE = "idle"
    REGISTERING = "registering"
    ONLINE = "online"
    REFRESHING = "refreshing"
    WAITING = "waiting"
    BOOTING = "booting"
    LEAVING = "leaving"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Times:
    expires_s: float = 3600.0
    """Asked for; what is granted counts."""
    keepalive_s: float = 60.0
    """0: no heartbeat."""
    keepalive_jitter: float = 0.1
    """Share of the interval by which a heartbeat comes earlier at most."""
    misses: int = 3
    """Unanswered heartbeats in a row before registering again."""
    retry_s: float = 60.0
    """Pause after a failed registration; up to half of it is added at random."""
    refresh: bool = True
    """False: the registration runs out before the next one."""
    reregister: bool = True
    """False: a heartbeat that is refused or not answered changes nothing."""


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    pass


@dataclass(frozen=True, slots=True)
class Stop:
    """Take the registration back and end."""


@dataclass(frozen=True, slots=True)
class Die:
    """End without a word."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection to the platform is gone."""


@dataclass(frozen=True, slots=True)
class Boot:
    """Go away without a word, and register again after so many seconds."""

    away_s: float


@dataclass(frozen=True, slots=True)
class Again:
    """Register again at once, though the registration still holds."""


@dataclass(frozen=True, slots=True)
class Retime:
    """Another heartbeat interval, s."""

    keepalive_s: float


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    status: int
    """0: no answer came."""
    challenge: str = ""
    stale: bool = False
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class KeepaliveAnswer:
    status: int
    """0: no answer came."""


@dataclass(frozen=True, slots=True)
class Tick:
    pass


Input = Start | Stop | Die | Lost | Boot | Again | Retime | RegisterAnswer | KeepaliveAnswer | Tick

# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRegister:
    expires: int
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class SendKeepalive:
    pass


@dataclass(frozen=True, slots=True)
class CameOnline:
    pass


@dataclass(frozen=True, slots=True)
class WentOffline:
    reason: str


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """A registration failed that was to bring the device online."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come."""


Effect = SendRegister | SendKeepalive | CameOnline | WentOffline | NotRegistered | Ended

_CHALLENGES = (401, 407)
_LIVE = (State.ONLINE, State.REFRESHING)
_REFRESH_FROM, _REFRESH_SPREAD = 0.7, 0.15
"""A refresh goes out between 70 % and 85 % of the granted time."""
_EXPIRED = 1.1
"""Share of the granted time after which it has run out for sure."""


class Machine:
    """One device."""

    __slots__ = ("_challenges", "_dice", "_keepalive_at", "_misses", "_next_at", "_times", "state")

    def __init__(self, times: Times, dice: Callable[[], float]) -> None:
        """`dice` gives numbers between 0 and 1."""
        self._times = times
        self._dice = dice
        self.state = State.IDLE
        self._challenges = 0
        self._misses = 0
        self._next_at: float | None = None
        """Of the refresh, or of the next try."""
        self._keepalive_at: float | None = None

    def __repr__(self) -> str:
        return f"<Machine {self.state} misses={self._misses}>"

    @property
    def is_online(self) -> bool:
        return self.state in _LIVE

    @property
    def deadline(self) -> float | None:
        if self._next_at is None or self._keepalive_at is None:
            return self._next_at if self._keepalive_at is None else self._keepalive_at
        return min(self._next_at, self._keepalive_at)

    def handle(self, given: Input, now: float) -> list[Effect]:
        match given:
            case Tick():
                return self._tick(now)
            case KeepaliveAnswer():
                return self._keepalive_answered(given, now)
            case RegisterAnswer():
                return self._register_answered(given, now)
            case Start():
                return self._register(State.REGISTERING) if self.state is State.IDLE else []
            case Lost():
                return self._lost(now)
            case Stop():
                return self._stop()
            case Die():
                return self._end()
            case Boot() | Again() | Retime():
                return self._told(given, now)

    def _told(self, given: Boot | Again | Retime, now: float) -> list[Effect]:
        match given:
            case Boot(away_s):
                return self._boot(away_s, now)
            case Again():
                return self._register(State.REFRESHING) if self.state is State.ONLINE else []
            case Retime(keepalive_s):
                return self._retime(keepalive_s, now)

    # --- time ---------------------------------------------------------------------------------

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._keepalive_at is not None and now >= self._keepalive_at:
            self._keepalive_at = now + self._beat()
            effects.append(SendKeepalive())
        if self._next_at is not None and now >= self._next_at:
            after = State.REFRESHING if self.state is State.ONLINE else State.REGISTERING
            effects += self._register(after)
        return effects

    def _beat(self) -> float:
        times = self._times
        return times.keepalive_s * (1 - times.keepalive_jitter * self._dice())

    # --- registration -------------------------------------------------------------------------

    def _register(self, state: State, challenge: str = "") -> list[Effect]:
        self.state = state
        self._next_at = None
        expires = 0 if state is State.LEAVING else int(self._times.expires_s)
        return [SendRegister(expires, challenge)]

    def _register_answered(self, answer: RegisterAnswer, now: float) -> list[Effect]:
        if self.state not in (State.REGISTERING, State.REFRESHING, State.LEAVING):
            return []
        # A second challenge is good only when the nonce was too old.
        again = self._challenges == 0 or (answer.stale and self._challenges < 3)
        if answer.status in _CHALLENGES and answer.challenge and again:
            self._challenges += 1
            return self._register(self.state, answer.challenge)
        self._challenges = 0
        if self.state is State.LEAVING:
            return self._end()
        if 200 <= answer.status < 300:
            return self._registered(answer, now)
        reason = f"REGISTER: {answer.status}" if answer.status else "REGISTER: no answer"
        return self._failed(reason, now)

    def _registered(self, answer: RegisterAnswer, now: float) -> list[Effect]:
        fresh = self.state is State.REGISTERING
        granted = answer.expires if answer.expires is not None else self._times.expires_s
        self.state = State.ONLINE
        share = _REFRESH_FROM + _REFRESH_SPREAD * self._dice() if self._times.refresh else _EXPIRED
        self._next_at = now + granted * share
        if fresh:
            self._misses = 0
            # The first heartbeat comes anywhere in the interval: thousands that register at once
            # must not beat at once for ever.
            if self._times.keepalive_s:
                self._keepalive_at = now + self._times.keepalive_s * self._dice()
        return [CameOnline()] if fresh else []

    def _failed(self, reason: str, now: float) -> list[Effect]:
        was_online = self.is_online
        self.state = State.WAITING
        self._keepalive_at = None
        self._next_at = now + self._times.retry_s * (1 + self._dice() / 2)
        return [WentOffline(reason) if was_online else NotRegistered(reason)]

    # --- heartbeat ----------------------------------------------------------------------------

    def _keepalive_answered(self, answer: KeepaliveAnswer, now: float) -> list[Effect]:
        if not self.is_online:
            return []
        if 200 <= answer.status < 300 or not self._times.reregister:
            self._misses = 0
            return []
        if 400 <= answer.status < 500 and answer.status != 408:
            return self._again(f"keepalive: {answer.status}")
        self._misses += 1
        if self._misses < self._times.misses:
            return []
        return self._again("keepalive: no answer")

    def _again(self, reason: str) -> list[Effect]:
        """Register anew at once; a refresh under way becomes this registration."""
        under_way = self.state is State.REFRESHING
        self._keepalive_at = None
        effects: list[Effect] = [WentOffline(reason)]
        if under_way:
            self.state = State.REGISTERING
            return effects
        return effects + self._register(State.REGISTERING)

    # --- ends ---------------------------------------------------------------------------------

    def _lost(self, now: float) -> list[Effect]:
        if self.state in (State.IDLE, State.GONE, State.WAITING, State.BOOTING):
            return []
        if self.state is State.LEAVING:
            return self._end()
        was_online = self.is_online
        self.state = State.WAITING
        self._challenges = 0
        self._keepalive_at = None
        # An interval before a lost connection is opened again (9.1.1 f), shorter than after a
        # refusal: nobody has told us to stay away.
        self._next_at = now + min(self._times.retry_s, 2.0) * (1 + self._dice())
        return [WentOffline("connection lost")] if was_online else []

    def _stop(self) -> list[Effect]:
        if self.is_online:
            self._keepalive_at = None
            self._challenges = 0
            return self._register(State.LEAVING)
        return [] if self.state is State.LEAVING else self._end()

    def _boot(self, away_s: float, now: float) -> list[Effect]:
        if self.state is State.GONE:
            return []
        was_online = self.is_online
        self.state = State.BOOTING
        self._challenges = 0
        self._keepalive_at = None
        self._next_at = now + away_s
        return [WentOffline("boot")] if was_online else []

    def _retime(self, keepalive_s: float, now: float) -> list[Effect]:
        self._times = replace(self._times, keepalive_s=keepalive_s)
        if self._keepalive_at is not None:
            self._keepalive_at = min(self._keepalive_at, now + keepalive_s)
        return []

    def _end(self) -> list[Effect]:
        if self.state is State.GONE:
            return []
        self.state = State.GONE
        self._next_at = self._keepalive_at = None
        return [Ended()]
