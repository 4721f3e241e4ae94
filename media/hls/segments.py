"""Units in the order of their times in, segments and their parts out: what HLS hands to players.

Segments begin at key frames.  The first one settles the target duration, which may not change any
more; a later group of pictures that is longer is cut in its middle.  A part is a fragment of some
tenths of a second; it is closed by the picture that follows it, so its durations are exact, and it
is known at once whether the next part belongs to the same segment.

RFC 8216 3, 6.2.1; RFC 8216bis (draft) 4.4.4.9, appendix B.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from media.output import fmp4
from media.output.fmp4 import VIDEO_TRACK, Run, Sample
from media.output.fmp4_output import SoundClock, runs_of, sound_sample
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat
from media.video.lengths import length_prefixed

PART: Final = CLOCK_HZ * 4 // 10
"""Longest part, where the pictures are not further apart than that."""
SHORTEST: Final = CLOCK_HZ
"""Groups of pictures shorter than this share a segment."""
LEAST_TARGET_S: Final = 2
"""Smallest target duration."""
MOST_FIRST_S: Final = 6
"""The first segment is cut after so long if no key frame comes; so is every later one at the target
duration."""
LISTED: Final = 6
"""Whole segments a playlist names."""
SPARE: Final = 3
"""Segments kept behind the playlist's beginning, for players that are slow to fetch them."""
MOST_BYTES: Final = 64 << 20
"""Bytes kept of one stream; beyond that the oldest segments go early."""
MOST_FRAMES: Final = 512
"""Frames of sound in one part: a picture that stands still closes none."""
NOMINAL: Final = CLOCK_HZ // 25


@dataclass(frozen=True, slots=True)
class Part:
    """A fragment."""

    data: bytes
    duration: int
    """Ticks."""
    independent: bool
    """It begins with a key frame."""


@dataclass(slots=True)
class Segment:
    """Parts one behind the other."""

    number: int
    init: int
    """Number of its initialisation segment."""
    broken: bool
    """Times or formats do not go on from the segment before."""
    begins: int
    """Decoding time of its first unit."""
    parts: list[Part] = field(default_factory=list)
    complete: bool = False
    size: int = 0

    @property
    def duration(self) -> int:
        return sum(part.duration for part in self.parts)

    @property
    def data(self) -> bytes:
        return b"".join(part.data for part in self.parts)


class Segmenter:
    """The segments of one stream."""

    def __init__(self) -> None:
        self.segments: deque[Segment] = deque()
        """Those kept; the last one may be growing."""
        self.inits: dict[int, bytes] = {}
        self.target_s: int | None = None
        """Settled with the first whole segment."""
        self.part_target = PART
        self.breaks_gone = 0
        """Discontinuities of segments that left the playlist."""
        self._video: VideoFormat | None = None
        self._sound: AudioFormat | None = None
        self._init = -1
        self._number = 0
        self._broken = False
        self._breaks: deque[int] = deque()
        self._pictures: list[Sample] = []
        self._frames: list[tuple[int, Sample]] = []
        self._part_begins = 0
        self._last = 0
        self._step = NOMINAL
        self._clock = SoundClock()
        self._fragments = 0

    def set_format(self, video: VideoFormat | None, sound: AudioFormat | None) -> None:
        """From the next unit on, which begins a segment."""
        segment = fmp4.init_segment(video, sound)
        if (video, sound) == (self._video, self._sound) or not segment:
            return
        self.interrupt()
        self._video, self._sound = video, sound
        self._init += 1
        self.inits[self._init] = segment

    def interrupt(self) -> None:
        """What follows does not go on from what was."""
        self._close_segment(self._last + self._step)
        self._broken = self._number > 0

    def push(self, unit: AccessUnit) -> bool:
        """Take a unit in the order of times; True when a part was closed by it."""
        if self._init < 0 or unit.video != (self._video is not None):
            return self._beside(unit)
        if not self._growing:
            if unit.key:
                self._open_segment(unit.dts)
                self._add(unit)
            return False
        step = unit.dts - self._last
        self._finish_last(step)
        closed = True
        if self._ends_segment(unit):
            self._close_segment(unit.dts)
            self._open_segment(unit.dts)
        elif unit.dts + self._step - self._part_begins > self.part_target:
            self._close_part(unit.dts)
        else:
            closed = False
        self._add(unit)
        return closed

    @property
    def next_part(self) -> tuple[int, int]:
        """Segment number and index of the part that will be closed next."""
        segment = self._growing
        return (self._number, 0) if segment is None else (segment.number, len(segment.parts))

    def listed(self) -> list[Segment]:
        """What a playlist names: the last whole segments, and the growing one."""
        whole = [segment for segment in self.segments if segment.complete]
        growing = self._growing
        return whole[-LISTED:] + ([] if growing is None or not growing.parts else [growing])

    def find(self, number: int) -> Segment | None:
        for segment in self.segments:
            if segment.number == number:
                return segment
        return None

    @property
    def _growing(self) -> Segment | None:
        return self.segments[-1] if self.segments and not self.segments[-1].complete else None

    def _beside(self, unit: AccessUnit) -> bool:
        """Sound beside a picture goes into the part that is open."""
        sound = self._sound
        if sound is not None and self._growing is not None and unit.codec is sound.codec:
            at = self._clock.place(unit.dts, sound.sample_rate)
            self._frames.append((at, sound_sample(unit)))
            if len(self._frames) > MOST_FRAMES:
                del self._frames[0]
        return False

    def _ends_segment(self, unit: AccessUnit) -> bool:
        segment = self.segments[-1]
        lasts = unit.dts - segment.begins
        if self._video is None:
            return lasts >= LEAST_TARGET_S * CLOCK_HZ
        if unit.key and lasts >= SHORTEST:
            return True
        # EXTINF, rounded to whole seconds, must not be above the target (RFC 8216 4.3.3.1)
        most = (self.target_s or MOST_FIRST_S) * CLOCK_HZ + CLOCK_HZ * 4 // 10
        return lasts + self._step > most

    def _add(self, unit: AccessUnit) -> None:
        self._last = unit.dts
        if not unit.video:
            self._beside(unit)
            return
        parts, size = length_prefixed(unit)
        self._pictures.append(Sample(parts, size, self._step, unit.pts - unit.dts, unit.key))

    def _finish_last(self, step: int) -> None:
        if step > 0:
            self._step = min(step, 2 * CLOCK_HZ)
        if self._pictures:
            self._pictures[-1].duration = max(step, 1)

    def _open_segment(self, dts: int) -> None:
        self.segments.append(Segment(self._number, self._init, self._broken, dts))
        self._number += 1
        self._broken = False
        self._part_begins = dts

    def _close_part(self, ends: int) -> None:
        segment = self._growing
        runs = []
        if self._pictures:
            runs.append(Run(VIDEO_TRACK, self._part_begins, self._pictures))
        runs += runs_of(self._frames)
        if segment is None or not runs:
            return
        self._fragments += 1
        independent = not self._pictures or self._pictures[0].key
        data = fmp4.fragment(self._fragments, runs)
        segment.parts.append(Part(data, max(ends - self._part_begins, 1), independent))
        segment.size += len(data)
        if self.target_s is None:
            self.part_target = max(self.part_target, segment.parts[-1].duration)
        self._pictures, self._frames = [], []
        self._part_begins = ends

    def _close_segment(self, ends: int) -> None:
        self._close_part(ends)
        segment = self._growing
        if segment is None:
            return
        if not segment.parts:
            self.segments.pop()
            self._number -= 1
            self._broken = self._broken or segment.broken
            return
        segment.complete = True
        if segment.broken:
            self._breaks.append(segment.number)
        if self.target_s is None:
            self.target_s = max(LEAST_TARGET_S, _rounded(segment.duration))
        self._forget_old()

    def _forget_old(self) -> None:
        kept = self.segments
        size = sum(segment.size for segment in kept)
        while len(kept) > LISTED + SPARE or (size > MOST_BYTES and len(kept) > 1):
            gone = kept.popleft()
            size -= gone.size
        used = {segment.init for segment in kept} | {self._init}
        for number in [number for number in self.inits if number not in used]:
            del self.inits[number]
        self._count_breaks()

    def _count_breaks(self) -> None:
        """EXT-X-DISCONTINUITY-SEQUENCE: breaks in front of the first segment that is listed."""
        first = self.listed()[0].number
        while self._breaks and self._breaks[0] < first:
            self._breaks.popleft()
            self.breaks_gone += 1


def _rounded(ticks: int) -> int:
    return (ticks + CLOCK_HZ // 2) // CLOCK_HZ
