"""Machine of one talk: a source of speech, its targets, and when it is over.

Recorded speech begins when every target is settled (it hears, or it failed), so that no loudspeaker
misses the beginning; its end ends the talk. A microphone may come and go: without one, a settled
talk waits a while, because a browser reconnects, and ends then. A talk whose last target is gone is
over in any case.

The machine performs nothing: ``handle`` returns effects. ``now`` is monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .reasons import Reason


class Source(StrEnum):
    """Where speech comes from."""

    MICROPHONE = "microphone"
    FILE = "file"


class TalkState(StrEnum):
    """Where a talk stands."""

    STARTING = "starting"
    """No target hears yet."""
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """How many targets are on their way, hear, or are over."""

    pending: int
    running: int
    over: int


@dataclass(frozen=True, slots=True)
class MicrophoneOpened:
    """Somebody speaks."""


@dataclass(frozen=True, slots=True)
class MicrophoneClosed:
    """Nobody does any more."""


@dataclass(frozen=True, slots=True)
class Played:
    """The recorded speech was played to its end."""


@dataclass(frozen=True, slots=True)
class End:
    """It shall be over."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Counts | MicrophoneOpened | MicrophoneClosed | Played | End | Tick


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Begin the recorded speech."""


@dataclass(frozen=True, slots=True)
class EndTargets:
    """End every target."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Changed:
    """It stands elsewhere now."""

    state: TalkState


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody hears any more: let go of everything."""


Effect = Play | EndTargets | Changed | Over


class Conversation:
    """One talk."""

    def __init__(self, source: Source, wait_s: float) -> None:
        """``wait_s``: how long a settled talk waits for a microphone."""
        self.source = source
        self.state = TalkState.STARTING
        self.reason: Reason | None = None
        """Why it ended; None when its targets ended one by one."""
        self.deadline: float | None = None
        self._wait_s = wait_s
        self._settled = False
        self._played = False
        self._speaks = False

    def __repr__(self) -> str:
        return f"<Conversation {self.source} {self.state}>"

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        if self.state is TalkState.ENDED:
            return []
        match event:
            case Counts():
                return self._counted(event, now)
            case MicrophoneOpened():
                self._speaks, self.deadline = True, None
                return []
            case MicrophoneClosed():
                self._speaks = False
                self._wait(now)
                return []
            case Played():
                return self._end(Reason.FINISHED)
            case End(reason):
                return self._end(reason)
            case Tick():
                late = self.deadline is not None and now >= self.deadline
                return self._end(Reason.MICROPHONE_GONE) if late else []

    def _counted(self, counts: Counts, now: float) -> list[Effect]:
        if not counts.pending and not counts.running:
            return self._over()
        effects: list[Effect] = []
        if counts.running and self.state is TalkState.STARTING:
            effects += self._go(TalkState.RUNNING)
        if not counts.pending and not self._settled:
            self._settled = True
            self._wait(now)
        if self._settled and self.source is Source.FILE and not self._played:
            self._played = True
            effects.append(Play())
        return effects

    def _wait(self, now: float) -> None:
        waits = self._settled and not self._speaks and self.source is Source.MICROPHONE
        self.deadline = now + self._wait_s if waits else None

    def _end(self, reason: Reason) -> list[Effect]:
        if self.state is TalkState.ENDING:
            return []
        self.reason, self.deadline = reason, None
        return [*self._go(TalkState.ENDING), EndTargets(reason)]

    def _over(self) -> list[Effect]:
        self.deadline = None
        return [*self._go(TalkState.ENDED), Over()]

    def _go(self, state: TalkState) -> list[Effect]:
        self.state = state
        return [Changed(state)]
