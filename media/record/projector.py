"""Machine that shows recorded units at their time: forwards, faster, slower, paused, elsewhere.

state     what it does                               left by
--------  -----------------------------------------  ---------------------------------------------
loading   asks for units, its clock stands           units: showing; no more: over
showing   gives each unit when it is due             pause, nobody looks, nothing loaded, the end
standing  shows the first picture, its clock stands  resume, somebody looks
over      nothing                                    another place

Units of one file after the other become one stream: their times are joined (what was not recorded
takes no time), and divided by the speed, so that the stream always runs as fast as the clock, as
that of a camera does. Every picture is shown once, at any speed. Sound is given at speed 1 and is
silence at any other, so that players, which wait for sound they were told of, go on. Where no
silence can be made of its format, the sound is taken out of the stream meanwhile.

It shows a picture, then waits until somebody looks: nobody misses the beginning. ``now`` is
monotonic seconds, places in the recording are UNIX seconds, times in the stream are 90 kHz.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final

from media.record.unpack import Part
from media.sound.silence import Silence, silent_frame
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, FormatChanged, VideoFormat

SLOWEST: Final = 0.25
FASTEST: Final = 8.0
AHEAD_S: Final = 2.0
"""So much is read ahead, by the clock of who looks."""
MOST_AHEAD: Final = 8 << 20
"""And no more bytes than this, besides what one reading brings."""
LATE_S: Final = 1.0
"""Units that are later than this are not caught up: the clock is set back."""
STEP_S: Final = 0.02
"""Units are given at most so often."""
NOMINAL: Final = CLOCK_HZ // 25
FIRST_SOUND: Final = CLOCK_HZ * 5 // 4
"""Of sound alone so much is shown at first: a stream without pictures begins after a second."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A part of one file."""

    file: str
    starts: float
    """UNIX time of the file's beginning."""
    video: VideoFormat | None
    audio: AudioFormat | None
    part: Part
    until: float = inf
    """UNIX time from which on the file that follows has the same, and is shown."""


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """A receiver takes what is shown from now on: show it from where it was."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was asked for came; no strips: there is nothing more."""

    turn: int
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """Whether somebody looks."""

    on: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Stand still."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on, at the speed of before."""


@dataclass(frozen=True, slots=True)
class Run:
    """Go on at this speed, `SLOWEST` to `FASTEST`."""

    speed: float


@dataclass(frozen=True, slots=True)
class Seek:
    """Go on from the key frame before this place."""

    at: float


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = Begin | Loaded | Watched | Pause | Resume | Run | Seek | Tick


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Show:
    """Give these to the receiver, in this order."""

    outs: tuple[AccessUnit | FormatChanged, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Read on, from the key frame before a place where one is given; answered by `Loaded`."""

    turn: int
    at: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """All was shown."""


Effect = Show | Load | Finished


@dataclass(slots=True)
class _Entry:
    """A unit that waits for its time."""

    at: int
    """Joined time."""
    civil: float
    unit: AccessUnit
    video: VideoFormat | None
    audio: AudioFormat | None


class Projector:
    """One stretch of time of one channel."""

    def __init__(self, start: float, end: float) -> None:
        self.speed = 1.0
        self.paused = False
        self.over = False
        self._start, self._end = start, end
        self._at = start  # the last unit shown
        self._watched = False
        self._shown = False  # the first picture at this place
        self._turn = 0
        self._loading = False
        self._run_out = False
        self._queue: deque[_Entry] = deque()
        self._bytes = 0
        # Joining files.
        self._file = ""
        self._file_ends = 0
        self._offset = 0
        self._joined_ends = 0
        self._joined_sound = -1
        # From joined time to the stream's.
        self._from, self._to = 0, 0
        self._fresh = True  # the next unit says what is joined time here
        # The stream's clock.
        self._clock_at = 0
        self._since: float | None = None
        self._last = {True: -1, False: -1}  # by `AccessUnit.video`
        self._told: tuple[VideoFormat | None, AudioFormat | None] | None = None
        self._recorded: tuple[VideoFormat | None, AudioFormat | None] = (None, None)
        self._silence: Silence | None = None
        self._next_at = 0.0

    def __repr__(self) -> str:
        return f"<Projector at={self._at:.1f} speed={self.speed} queue={len(self._queue)}>"

    @property
    def position(self) -> float:
        """Where it is, UNIX seconds."""
        return min(max(self._at, self._start), self._end)

    @property
    def buffered(self) -> int:
        """Bytes that wait for their time."""
        return self._bytes

    @property
    def deadline(self) -> float | None:
        """When `Tick` is due, or None."""
        if self.over or self._since is None:
            return None
        if not self._queue:
            return self._next_at if self._run_out else None
        due = self._since + (self._out(self._queue[0].at) - self._clock_at) / CLOCK_HZ
        return max(due, self._next_at)

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input; returns what to do, in order."""
        effects: list[Effect] = []
        match event:
            case Begin():
                self._told = None
                effects += self._jump(self._at, now)
            case Seek(at):
                self._stop(now)
                self.paused, self._at = False, at
                effects += self._jump(at, now)
            case Loaded():
                self._loaded(event, now)
            case Watched(on):
                self._watched = on
            case Pause():
                self.paused = True
            case Resume():
                self.paused = False
            case Run(speed):
                self._set_speed(speed, now)
            case Tick():
                pass
        return [*effects, *self._go_on(now)]

    # --- time --------------------------------------------------------------------------------

    def _clock(self, now: float) -> int:
        """The stream's time."""
        ran = 0.0 if self._since is None else now - self._since
        return self._clock_at + round(ran * CLOCK_HZ)

    def _stop(self, now: float) -> None:
        self._clock_at, self._since = self._clock(now), None

    def _set(self, at: int, now: float) -> None:
        """It is this time now."""
        self._clock_at = at
        self._since = None if self._since is None else now

    def _out(self, at: int) -> int:
        """The stream's time of a joined time."""
        return self._to + round((at - self._from) / self.speed)

    def _set_speed(self, speed: float, now: float) -> None:
        clock = self._clock(now)
        if not self._fresh:
            self._from = self._from + round((clock - self._to) * self.speed)
            self._to = clock
        self.speed, self.paused = speed, False

    # --- loading -----------------------------------------------------------------------------

    def _jump(self, at: float, now: float) -> list[Effect]:
        self._stop(now)
        self._queue.clear()
        self._bytes = 0
        self._shown = self._run_out = self.over = False
        self._fresh = True
        return self._ask(at)

    def _ask(self, at: float | None) -> list[Effect]:
        self._turn += 1
        self._loading = True
        return [Load(self._turn, at)]

    def _loaded(self, event: Loaded, now: float) -> None:
        if event.turn != self._turn:
            return
        self._loading = False
        self._run_out = not event.strips
        for strip in event.strips:
            self._join(strip)

    def _join(self, strip: Strip) -> None:
        part = strip.part
        if strip.file != self._file or part.begins != self._file_ends:
            self._offset = self._joined_ends - part.begins
        self._file, self._file_ends = strip.file, part.ends
        shown = min((strip.until - strip.starts) * CLOCK_HZ, part.ends)
        self._joined_ends = max(round(shown), part.begins) + self._offset
        for unit in part.units:
            civil = strip.starts + unit.dts / CLOCK_HZ
            if civil >= strip.until:
                continue
            if civil >= self._end:
                self._run_out = True
                continue
            at = unit.dts + self._offset
            if not unit.video:
                at = max(at, self._joined_sound + 1)
                self._joined_sound = at
            self._queue.append(_Entry(at, civil, unit, strip.video, strip.audio))
            self._bytes += len(unit.data)

    def _wants(self) -> bool:
        if self._loading or self._run_out or self.over or self._bytes >= MOST_AHEAD:
            return False
        if not self._queue:
            return True
        lasts = (self._queue[-1].at - self._queue[0].at) / self.speed
        return lasts < AHEAD_S * CLOCK_HZ

    # --- showing -----------------------------------------------------------------------------

    def _go_on(self, now: float) -> list[Effect]:
        outs: list[AccessUnit | FormatChanged] = []
        if self._queue and not self._shown:
            self._show_first(outs, now)
        runs = self._shown and self._watched and not self.paused and not self.over
        if self._since is None and runs:
            self._since = now
        elif self._since is not None:
            self._show_due(outs, now)
            if not runs:
                self._stop(now)
        effects: list[Effect] = [Show(tuple(outs))] if outs else []
        if self._run_out and not self._queue and not self.over and not self._loading:
            self.over = True
            self._stop(now)
            return [*effects, Finished()]
        return [*effects, *self._ask(None)] if self._wants() else effects

    def _show_first(self, outs: list[AccessUnit | FormatChanged], now: float) -> None:
        """The first picture of a place, whether the clock runs or not."""
        head = self._queue[0]
        if self._fresh:
            later = self._last[True] + NOMINAL if max(self._last.values()) >= 0 else 0
            self._from, self._to = head.at, max(self._clock(now), later, self._last[False] + 1)
            self._fresh = False
        while self._queue and not self._shown:
            entry = self._queue.popleft()
            self._give(entry, outs)
            self._set(self._out(entry.at), now)
            is_first = entry.unit.video if entry.video else entry.at - self._from >= FIRST_SOUND
            self._shown = is_first or (self._run_out and not self._queue)

    def _show_due(self, outs: list[AccessUnit | FormatChanged], now: float) -> None:
        if self._queue:
            due = self._out(self._queue[0].at)
            if self._clock(now) - due > LATE_S * CLOCK_HZ:
                self._set(due, now)
        clock = self._clock(now)
        while self._queue and self._out(self._queue[0].at) <= clock:
            self._give(self._queue.popleft(), outs)
        self._next_at = now + STEP_S

    def _give(self, entry: _Entry, outs: list[AccessUnit | FormatChanged]) -> None:
        self._bytes -= len(entry.unit.data)
        self._at = entry.civil
        self._recorded = (entry.video, entry.audio)
        out = self._out(entry.at)
        self._tell(out, outs)
        unit = entry.unit
        if not unit.video and self.speed != 1.0:
            return
        if not unit.video and self._last[False] >= out:
            return  # silence lasted a little longer
        out = max(out, self._last[unit.video] + 1)
        self._last[unit.video] = out
        shown = out + round((unit.pts - unit.dts) / self.speed)
        outs.append(AccessUnit(unit.video, unit.codec, shown, out, unit.key, unit.data))

    def _tell(self, out: int, outs: list[AccessUnit | FormatChanged]) -> None:
        """The formats where they change, and silence in place of sound."""
        video, audio = self._recorded
        silent = audio is not None and self.speed != 1.0
        if audio is not None and silent and not silent_frame(audio):
            audio, silent = None, False
        if self._told != (video, audio):
            if self._told is not None and self._told[1] != audio:
                self._silence = None
            self._told = (video, audio)
            outs.append(FormatChanged(video, audio))
        if not silent or audio is None:
            self._silence = None
            return
        if self._silence is None:
            self._silence = Silence(audio, max(out, self._last[False] + 1))
        frames = self._silence.until(out)
        if frames:
            outs += frames
            self._last[False] = self._silence.ends - 1
