"""Machine of one push: tried until it runs, and again whenever it ends, until it is taken away.

    state       TICK at the deadline   OPENED    FAILED    ENDED     BACK          STOP
    waiting     connecting             -         -         -         due at once   over
    connecting  -                      pushing   waiting   -         -             over
    pushing     -                      -         -         waiting   -             over
    over        -                      over      -         -         -             -

A dash changes nothing. Pauses double while nothing holds; a push that ran for a while begins with
the first pause again. When the target was the one that could not be had, the next attempt looks for
it before the camera is called: a server that is away for days must not cost pictures nobody takes.
A push that opens when it is over already is closed. ``now`` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RETRY_S: Final = 1.0
"""Before a push that ended or failed is tried again; doubled each time."""
LONGEST_RETRY_S: Final = 60.0
STABLE_S: Final = 10.0
"""A push that ran so long begins with the first pause again."""
SPREAD: Final = 0.2
"""A pause is longer or shorter by up to this part, so that many do not come at once."""


class State(StrEnum):
    """Where a push stands."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    PUSHING = "pushing"
    OVER = "over"


class Side(StrEnum):
    """Who keeps a push waiting."""

    SOURCE = "source"
    """The camera's picture cannot be had."""
    TARGET = "target"
    """The other server cannot be had, or refuses."""


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The target takes pictures."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt came to nothing."""

    side: Side
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What ran does not run any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Back:
    """The camera is there (again)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """An operator took it away."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Opened | Failed | Ended | Back | Stop | Tick


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Try:
    """Want the stream, and open the push."""

    target_first: bool
    """Where the stream does not run, see whether the target takes a connection before."""


@dataclass(frozen=True, slots=True)
class Close:
    """Let go of what is open."""


Effect = Try | Close


class PushMachine:
    """One push."""

    def __init__(self, now: float, dice: Callable[[], float]) -> None:
        """`dice` gives a number from 0 to 1."""
        self.state = State.WAITING
        self.side: Side | None = None
        """Who keeps it waiting, when that is known."""
        self.reason = ""
        """Why it waits; empty while it runs, and before the first attempt."""
        self._dice = dice
        self._due = now
        self._pause_s = RETRY_S
        self._ran_since = 0.0

    def __repr__(self) -> str:
        return f"<PushMachine {self.state} {self.reason}>"

    @property
    def deadline(self) -> float | None:
        """When `Tick` is due, or None."""
        return self._due if self.state is State.WAITING else None

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        match self.state, event:
            case State.WAITING, Tick() if now >= self._due:
                self.state = State.CONNECTING
                return [Try(target_first=self.side is Side.TARGET)]
            case State.WAITING, Back():
                self._due, self._pause_s = now, RETRY_S
            case State.CONNECTING, Opened():
                self.state, self.side, self.reason = State.PUSHING, None, ""
                self._ran_since = now
            case State.CONNECTING, Failed(side, reason):
                self._wait(side, reason, now)
            case State.PUSHING, Ended(reason):
                if now - self._ran_since >= STABLE_S:
                    self._pause_s = RETRY_S
                self._wait(None, reason, now)
                return [Close()]
            case State.OVER, Opened():
                return [Close()]
            case State.WAITING | State.CONNECTING | State.PUSHING, Stop():
                ran = self.state is State.PUSHING
                self.state = State.OVER
                return [Close()] if ran else []
        return []

    def _wait(self, side: Side | None, reason: str, now: float) -> None:
        self.state, self.side, self.reason = State.WAITING, side, reason
        spread = 1 + SPREAD * (2 * self._dice() - 1)
        self._due = now + self._pause_s * spread
        self._pause_s = min(2 * self._pause_s, LONGEST_RETRY_S)
