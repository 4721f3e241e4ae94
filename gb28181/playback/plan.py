"""Machine of a recording that is wanted: which part the next call asks for.

The wanted time may hold gaps, a call may break, and a device may stop at the end of each of its
files. So the plan knows the recorded spans and how far the recording was sent, and from these says
what the end of a call means: the recording is over, the next span follows, or the same one is
asked for again from where it broke.

How far a recording was sent is told by a meter. For people who look it is the clock, because media
times run differently on different devices; for a file it is the media received.

``now`` is monotonic seconds; positions are UNIX seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gb28181.session.model import (
    Ask,
    EndReason,
    Failure,
    SessionKind,
    Span,
    StreamKey,
    Transport,
)
from gb28181.session.plan import Next

SLACK_S = 3.0
"""This close to the end of a span it counts as sent: devices cut at key frames."""
NEAR_S = 10.0
"""How much earlier than expected the file after the one just sent may begin."""
_QUIET_ENDS = (EndReason.MEDIA_STOPPED, EndReason.DEVICE_BYE)


class Meter(Protocol):
    """How many seconds of recorded time the current call has sent; below 0 when backwards."""

    def begin(self, now: float) -> None: ...
    def seconds(self, now: float) -> float: ...


class ClockMeter:
    """Recorded time by the clock, the speed and the pauses."""

    def __init__(self) -> None:
        self.scale = 1.0
        self.paused = False
        self._done = 0.0
        self._since: float | None = None

    def begin(self, now: float) -> None:
        self._done, self._since = 0.0, None if self.paused else now

    def seconds(self, now: float) -> float:
        running = 0.0 if self._since is None else (now - self._since) * self.scale
        return self._done + running

    def pause(self, now: float) -> None:
        self._done, self._since, self.paused = self.seconds(now), None, True

    def resume(self, now: float) -> None:
        if self.paused:
            self._since, self.paused = now, False

    def run(self, scale: float, now: float) -> None:
        """Another speed from now on; it also ends a pause, as PLAY does."""
        self._done, self._since = self.seconds(now), now
        self.scale, self.paused = scale, False

    def move(self, seconds: float, now: float) -> None:
        """The device went to another place of the call's span."""
        self._done, self._since, self.paused = seconds, now, False


class MediaMeter:
    """Recorded time by the media that was received."""

    def __init__(self, received_s: Callable[[], float]) -> None:
        self._received_s = received_s
        self._before = 0.0

    def begin(self, now: float) -> None:
        self._before = self._received_s()

    def seconds(self, now: float) -> float:
        return max(0.0, self._received_s() - self._before)


class RecordingPlan:
    """The calls that bring one recording."""

    def __init__(
        self,
        key: StreamKey,
        transport: Transport | None,
        kind: SessionKind,
        wanted: Span,
        meter: Meter,
        *,
        spans: Sequence[Span] = (),
        files: Sequence[Span] = (),
        start: float | None = None,
        speed: int = 1,
    ) -> None:
        """``spans``: the recorded stretches of ``wanted``, where known. ``files``: how the device
        cut them. ``start``: where to begin, when not at the beginning."""
        self.key = key
        self.transport = transport
        self.wanted = wanted
        self._kind = kind
        self._meter = meter
        self._spans = list(spans) or [wanted]
        self._files = list(files)
        self._speed = speed
        self._from = float(self._spans[0].start if start is None else start)
        self._asked = self._spans[0]
        self._runs = False
        self._leap: float | None = None
        self._settle()

    def __repr__(self) -> str:
        return f"<RecordingPlan {self.key.stream_id} {self._asked} from {self._from:.0f}>"

    @property
    def asked(self) -> Span:
        """``t=`` of the current call."""
        return self._asked

    def position(self, now: float) -> float:
        """How far the recording was sent."""
        moved = self._meter.seconds(now) if self._runs else 0.0
        return min(max(self._from + moved, float(self._spans[0].start)), float(self._asked.end))

    # --- session.plan.Plan -------------------------------------------------------------------

    def ask(self, now: float) -> Ask:
        self._runs = False
        self._asked = Span(int(self._from), self._span_at(self._from).end)
        return Ask(self._kind, self._asked, self._speed)

    def running(self, now: float) -> None:
        self._runs = True
        self._meter.begin(now)

    def over(self, failure: Failure, now: float) -> Next:
        at = self.position(now)
        self._runs = False
        if self._leap is not None and failure.reason is EndReason.FINISHED:
            self._from, self._leap = self._leap, None
            self._settle()
            return Next.FOLLOWS
        ended = failure.reason is EndReason.FINISHED
        if not ended and failure.reason in _QUIET_ENDS:
            ended = at >= self._asked.end - SLACK_S  # it only forgot to say so
        if not ended:
            self._from = at
            self._settle()
            return Next.BROKEN
        return self._next(at)

    def _next(self, at: float) -> Next:
        if at < self._asked.start + SLACK_S and self._meter_backwards():
            return Next.DONE
        following = self._next_file(at)
        if following is None:
            following = next((s.start for s in self._spans if s.start >= self._asked.end), None)
        if following is None:
            return Next.DONE
        self._from = float(following)
        return Next.FOLLOWS

    def _next_file(self, at: float) -> int | None:
        """Where the device goes on when it stopped at the end of a file inside the span."""
        for file in self._files:
            start = max(file.start, self._asked.start)
            inside = self._asked.start < start < self._asked.end
            if inside and start >= at - NEAR_S and file.end - at > SLACK_S:
                return start
        return None

    def _meter_backwards(self) -> bool:
        return isinstance(self._meter, ClockMeter) and self._meter.scale < 0

    # --- what control asks -------------------------------------------------------------------

    def reaches(self, position: float) -> bool:
        """Whether the current call can go there by itself."""
        return self._runs and self._asked.start <= position < self._asked.end

    def went(self, position: float, now: float) -> None:
        """The device went there inside the current call."""
        if isinstance(self._meter, ClockMeter):
            self._meter.move(position - self._from, now)

    def leap(self, position: float) -> None:
        """The next call begins there; the caller ends the current one."""
        self._leap = position

    # --- small helpers -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Begin inside a recorded span: a start in a gap is the beginning of what follows."""
        span = self._span_at(self._from)
        last = float(span.end - 1)
        self._from = min(max(self._from, float(span.start)), last)

    def _span_at(self, position: float) -> Span:
        """The span a position lies in, else the next one, else the last."""
        return next((s for s in self._spans if position < s.end), self._spans[-1])
