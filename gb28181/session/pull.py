"""Machine of one stream: keeps a call alive while somebody looks, and no longer.

One picture is pulled once, whoever looks. The pull starts the first call, tells everybody who
waits how it went, and afterwards decides from two facts, *how many look* and *does the call run*:

- nobody looks for ``linger_s``: end the call, close the stream.
- the call broke while somebody looks (camera restarted, network gone): keep the viewers, call again
  with growing pauses, at the latest give up ``window_s`` after the trouble began.
- the call broke and nobody looks: close at once, a later request starts afresh.
- the call's part of a recording is over and another one follows: call at once, whoever looks.

``now`` is monotonic seconds; the machine performs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .model import EndReason, Failure

LONGEST_PAUSE_S = 8.0
"""The pause before the next call doubles up to this while the trouble lasts."""

STABLE_S = 10.0
"""A call that ran this long ends the trouble: the next break gets a full window again."""


class PullState(StrEnum):
    """Where a stream stands."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    """The call broke while somebody looks; the next one is due or under way."""
    CLOSED = "closed"


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody asked for the stream."""


@dataclass(frozen=True, slots=True)
class CallRunning:
    """The current call shows a picture."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """The current call gives no picture (any more)."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class CallOver:
    """The current call has done its part, the next one follows."""


@dataclass(frozen=True, slots=True)
class Viewers:
    """So many look now."""

    count: int


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """The device is online (again)."""


@dataclass(frozen=True, slots=True)
class Close:
    """Over, whoever looks."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Wanted | CallRunning | CallFailed | CallOver | Viewers | DeviceBack | Close | Tick


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartCall:
    """Invite the device."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the current call."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Ready:
    """Tell those who wait that the picture is there."""


@dataclass(frozen=True, slots=True)
class Denied:
    """Tell those who wait that it is not."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream is over: its viewers end."""

    failure: Failure


Effect = StartCall | EndCall | Ready | Denied | Closed


@dataclass(frozen=True, slots=True)
class PullTimes:
    """Time-outs of a stream, in seconds."""

    linger_s: float = 30.0
    """Without a viewer, before the call is ended."""
    window_s: float = 30.0
    """With viewers, calling again before the stream is given up."""
    offline_s: float = 30.0
    """With viewers, waiting for a device that is offline."""
    pause_s: float = 0.5
    """Before the first repeated call."""


class Pull:
    """One stream, from the first request to the last viewer's leaving."""

    def __init__(self, now: float, times: PullTimes | None = None) -> None:
        self.times = times or PullTimes()
        self.state = PullState.STARTING
        self.viewers = 0
        self._idle_since = now
        self._calling = False
        self._ran_since: float | None = None
        self._trouble_since: float | None = None
        self._tries = 0
        self._next_call: float | None = None
        self._last: Failure | None = None

    def __repr__(self) -> str:
        return f"<Pull {self.state} viewers={self.viewers} tries={self._tries}>"

    @property
    def deadline(self) -> float | None:
        """When ``Tick`` is due, or None."""
        if self.state is PullState.CLOSED:
            return None
        due = []
        if self.viewers == 0 and self.state is not PullState.STARTING:
            due.append(self._idle_since + self.times.linger_s)
        if self.state is PullState.PAUSED and not self._calling:
            due.append(self._give_up_at())
            if self._next_call is not None:
                due.append(self._next_call)
        return min(due) if due else None

    def start(self) -> list[Effect]:
        """The first call."""
        self._calling = True
        return [StartCall()]

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        if self.state is PullState.CLOSED:
            return []
        match event:
            case Wanted():
                self._idle_since = max(self._idle_since, now)
                return [Ready()] if self.state is PullState.RUNNING else []
            case CallRunning():
                return self._running(now)
            case CallFailed():
                return self._failed(event.failure, now)
            case CallOver():
                return self._call()
            case Viewers():
                return self._counted(event.count, now)
            case DeviceBack():
                waits = self.state is PullState.PAUSED and not self._calling
                return self._call() if waits and now < self._give_up_at() else self._tick(now)
            case Close():
                return self._close(event.failure)
            case Tick():
                return self._tick(now)

    def _running(self, now: float) -> list[Effect]:
        if self.state is PullState.STARTING:
            self._idle_since = now  # a slow camera does not eat its viewers' time to arrive
        self.state, self._calling, self._next_call = PullState.RUNNING, False, None
        self._ran_since = now
        return [Ready()]

    def _failed(self, failure: Failure, now: float) -> list[Effect]:
        self._last, self._calling = failure, False
        ran_since, self._ran_since = self._ran_since, None
        if self.state is PullState.STARTING or self.viewers == 0:
            return self._close(failure, calling=False)
        if self._trouble_since is None or (ran_since is not None and now - ran_since >= STABLE_S):
            self._trouble_since, self._tries = now, 0
        self.state = PullState.PAUSED
        if now >= self._give_up_at():
            return self._close(failure, calling=False)
        pause_s = min(self.times.pause_s * 2**self._tries, LONGEST_PAUSE_S)
        self._tries += 1
        self._next_call = None if self._is_offline() else now + pause_s
        return []

    def _is_offline(self) -> bool:
        return self._last is not None and self._last.reason is EndReason.DEVICE_OFFLINE

    def _give_up_at(self) -> float:
        since = self._trouble_since if self._trouble_since is not None else self._idle_since
        return since + (self.times.offline_s if self._is_offline() else self.times.window_s)

    def _counted(self, count: int, now: float) -> list[Effect]:
        if count == 0 and self.viewers > 0:
            self._idle_since = now
        self.viewers = count
        if count == 0 and self.state is PullState.PAUSED and not self._calling:
            return self._close(self._last or _NOBODY, calling=False)
        return []

    def _tick(self, now: float) -> list[Effect]:
        if self.state is PullState.STARTING:
            return []  # the call's own time-outs end it
        if self.viewers == 0 and now >= self._idle_since + self.times.linger_s:
            return self._close(_NOBODY)
        if self.state is not PullState.PAUSED or self._calling:
            return []
        if now >= self._give_up_at():
            return self._close(self._last or _NOBODY, calling=False)
        if self._next_call is not None and now >= self._next_call:
            return self._call()
        return []

    def _call(self) -> list[Effect]:
        self._calling, self._next_call, self._ran_since = True, None, None
        return [StartCall()]

    def _close(self, failure: Failure, *, calling: bool = True) -> list[Effect]:
        waiting = self.state in (PullState.STARTING, PullState.PAUSED)
        self.state = PullState.CLOSED
        effects: list[Effect] = [Denied(failure)] if waiting else []
        if calling:
            effects.append(EndCall(failure))
        return [*effects, Closed(failure)]


_NOBODY = Failure(EndReason.NO_VIEWERS, "nobody looks any more")
