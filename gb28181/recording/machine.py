"""Machine of one recorded channel: whether it is to be recorded now, and what is missing.

Three may want it: its plan, somebody by hand, an alarm for a while. While one of them does, the
stream is wanted and recorded; when it breaks it is wanted again with growing pauses, and at once
when the device is back. A full disk pauses everything. Time in which recording was wanted and no
file grew is a *gap*, with the cause it began with.

`now` is civil time in UNIX seconds, because plans are; the machine performs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .weekly import Week

RETRY_S = 5.0
"""Before a stream that could not be had is wanted again; doubled each time."""
LONGEST_RETRY_S = 60.0
GRACE_S = 15.0
"""So long a camera may take to begin before a gap is told while it lasts."""
LEAST_GAP_S = 3.0
"""Less is no gap: a stream does not begin at once."""


class State(StrEnum):
    """Where the recording of a channel stands."""

    IDLE = "idle"
    """Nobody wants it."""
    STARTING = "starting"
    """It is wanted, and no file grows yet."""
    RECORDING = "recording"
    BROKEN = "broken"
    """The stream cannot be had; it is tried again."""
    PAUSED = "paused"
    """The disk is full."""


class Cause(StrEnum):
    """Causes of gaps besides the reasons of sessions that ended."""

    STARTING = "starting"
    DISK_FULL = "disk_full"
    INTERRUPTED = "interrupted"
    PLATFORM = "platform"


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """This is the plan from now on; None: there is none."""

    week: Week | None


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody wants it until a moment (None: until it is stopped), or no longer."""

    on: bool
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm wants it until a moment."""

    until: float


@dataclass(frozen=True, slots=True)
class Disk:
    """There is room on the disk, or no longer."""

    room: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A file grows."""

    start: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A file is whole; `goes_on`: the next one begins where it ended."""

    end: float
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream, or the writing, came to its end."""

    cause: str


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """The device is online (again)."""


@dataclass(frozen=True, slots=True)
class GapLeft:
    """A run before left a gap that lasts."""

    start: float
    cause: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Planned | ByHand | Alarm | Disk | Opened | Ended | Broken | DeviceBack | GapLeft | Tick


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Want the stream, and record it."""


@dataclass(frozen=True, slots=True)
class End:
    """Record no more, let the stream go."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is recorded from `start` on, or was until `end`."""

    start: float
    end: float | None
    cause: str


Effect = Begin | End | Gap


class ChannelRecording:
    """The recording of one channel."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self.by_hand = False
        self.until: float | None = None
        """Of a recording by hand."""
        self.alarm_until = 0.0
        self.cause = ""
        """Why nothing is recorded, while nothing is."""
        self._week: Week | None = None
        self._room = True
        self._retry_at: float | None = None
        self._pause = RETRY_S
        self._missing_since: float | None = None
        self._gap_told = False
        self._gap_cause = ""

    def __repr__(self) -> str:
        return f"<ChannelRecording {self.state} {self.cause}>"

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to remember about the channel."""
        return self._week is not None or self.by_hand or self.state is not State.IDLE

    def wanted_by(self, now: float) -> list[str]:
        """`plan`, `hand`, `alarm`: who wants it now."""
        found = []
        if self._week is not None and self._week.covers(now):
            found.append("plan")
        if self.by_hand and (self.until is None or now < self.until):
            found.append("hand")
        if now < self.alarm_until:
            found.append("alarm")
        return found

    def deadline(self, now: float) -> float | None:
        """When `Tick` is due, or None."""
        due: list[float | None] = [self._retry_at]
        if self._week is not None:
            due.append(self._week.next_change(now))
        if self.by_hand:
            due.append(self.until)
        if now < self.alarm_until:
            due.append(self.alarm_until)
        if self._missing_since is not None and not self._gap_told:
            due.append(self._missing_since + GRACE_S)
        return min((moment for moment in due if moment is not None), default=None)

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        effects: list[Effect] = []
        match event:
            case Planned() | ByHand() | Alarm() | Disk():
                self._wish(event)
            case Opened(start):
                effects = self._opened(start)
            case Ended(end, goes_on):
                effects = self._ended(end, goes_on)
            case Broken(cause):
                self._broken(cause, now)
            case DeviceBack():
                if self.state is State.BROKEN:
                    self._retry_at, self._pause = now, RETRY_S
            case GapLeft(start, cause):
                self._missing_since, self._gap_told = start, True
                self._gap_cause = self.cause = cause
            case Tick():
                pass
        return [*effects, *self._settle(now)]

    # --- what is wanted ----------------------------------------------------------------------

    def _wish(self, event: Planned | ByHand | Alarm | Disk) -> None:
        match event:
            case Planned(week):
                self._week = week
            case ByHand(on, until):
                self.by_hand, self.until = on, until
            case Alarm(until):
                self.alarm_until = max(self.alarm_until, until)
            case Disk(room):
                self._room = room

    def _settle(self, now: float) -> list[Effect]:
        """Bring what is done in line with what is wanted."""
        if self.by_hand and self.until is not None and now >= self.until:
            self.by_hand, self.until = False, None
        effects: list[Effect] = []
        if not self.wanted_by(now):
            if self.state is not State.IDLE:
                effects.append(End())
            self.state, self._retry_at = State.IDLE, None
            return [*effects, *self._end_gap(now)]
        if self._missing_since is None and self.state is not State.RECORDING:
            self._missing_since, self._gap_told = now, False
        if not self._room:
            if self.state is not State.PAUSED:
                effects.append(End())
            self.state, self._retry_at = State.PAUSED, None
            self.cause = Cause.DISK_FULL
            if self._missing_since is None:
                self._missing_since = now
            return [*effects, *self._tell_gap(now, at_once=True)]
        due = self._retry_at is not None and now >= self._retry_at
        if self.state in (State.IDLE, State.PAUSED) or due:
            if self.state is State.IDLE:
                self.cause, self._pause = self.cause or Cause.STARTING, RETRY_S
            self.state, self._retry_at = State.STARTING, None
            effects.append(Begin())
        return [*effects, *self._tell_gap(now)]

    def _broken(self, cause: str, now: float) -> None:
        if self.state in (State.IDLE, State.PAUSED, State.BROKEN):
            return  # broken already: the same trouble is told by the stream and by who wanted it
        if self.state is State.RECORDING or self._missing_since is None:
            self._missing_since, self._gap_told = now, False
        self.state, self.cause = State.BROKEN, cause
        self._retry_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_RETRY_S)

    # --- what is missing ---------------------------------------------------------------------

    def _opened(self, start: float) -> list[Effect]:
        if self.state in (State.IDLE, State.PAUSED):
            return []  # the last word of a recording that was ended
        self.state, self._retry_at, self._pause = State.RECORDING, None, RETRY_S
        effects = self._end_gap(start)
        self.cause = ""
        return effects

    def _ended(self, end: float, goes_on: bool) -> list[Effect]:
        if self.state is State.RECORDING and not goes_on:
            self.state, self.cause = State.STARTING, Cause.INTERRUPTED
            self._missing_since, self._gap_told = end, False
        elif self._missing_since is not None and not self._gap_told and not goes_on:
            self._missing_since = end
        return []

    def _tell_gap(self, now: float, *, at_once: bool = False) -> list[Effect]:
        since = self._missing_since
        if since is None or self._gap_told or not (at_once or now >= since + GRACE_S):
            return []
        self._gap_told, self._gap_cause = True, self.cause or Cause.STARTING
        return [Gap(since, None, self._gap_cause)]

    def _end_gap(self, at: float) -> list[Effect]:
        since, self._missing_since = self._missing_since, None
        told, self._gap_told = self._gap_told, False
        if since is None or not (told or at - since > LEAST_GAP_S):
            return []
        cause = self._gap_cause if told else self.cause or Cause.STARTING
        return [Gap(since, max(at, since), cause)]
