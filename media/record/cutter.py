"""Units in, the bytes of segment files out: where a file begins, what is in it, where it ends.

A file begins at a key frame and ends at the first one after its length, where the formats change,
or where units stop coming. It is written in fragments of about a second, each whole in itself, so
that a file that ends anywhere is good up to its last fragment. Behind the header some room is kept
free: when the file is whole, an index of its fragments (`sidx`) takes the place, and players know
its length and can jump.

Times in a file begin at zero. Where it lies in civil time is told by when its pictures arrived,
which needs no trust in the camera's clock. A sound that appears later, or changes, comes with the
next file: until then the old header counts.

ISO/IEC 14496-12 8.8 (fragments), 8.16.3 (sidx).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from media.output import fmp4
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Run, Sample
from media.output.fmp4_output import SoundClock, runs_of, sound_sample
from media.output.interleave import Interleaver
from media.record.fragments import INDEX, sidx
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat
from media.video.lengths import length_prefixed

FRAGMENT: Final = CLOCK_HZ
"""A fragment is closed after so long, and by a key frame after half of it."""
GAP: Final = 5 * CLOCK_HZ
"""Units that are further apart than this are in two files."""
GAP_S: Final = GAP / CLOCK_HZ
MOST_BYTES: Final = 8 << 20
"""A fragment is closed when it has so many bytes, however short it is."""
STEPPED_S: Final = 3.0
"""When a file lasted this much longer or shorter by the clock than by its pictures, the clock was
set; then the pictures count."""
NOMINAL: Final = CLOCK_HZ // 25
SPARE_ENTRIES: Final = 64
_FREE: Final = struct.Struct(">I4s")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file begins with these bytes."""

    start: float
    video: VideoFormat | None
    audio: AudioFormat | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """The next fragment of the file."""

    data: bytes
    end: float
    ticks: int
    """Media time in the file, with it."""
    pictures: int
    """In it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The file is over; the index goes to its place."""

    end: float
    at: int
    index: bytes
    reason: str


Out = Opened | Written | Closed


class Cutter:
    """The files of one stream, one after the other; `now` is civil time in UNIX seconds."""

    def __init__(self, length_s: float) -> None:
        self._length = round(length_s * CLOCK_HZ)
        self._entries = round(length_s) + SPARE_ENTRIES
        self._order = Interleaver()
        self._told: tuple[VideoFormat | None, AudioFormat | None] = (None, None)
        self._video: VideoFormat | None = None
        self._sound: AudioFormat | None = None
        self._begun = False  # a key frame came, units are collected
        self._opened = False  # the header of this file is out
        self._start = 0.0
        self._follows: float | None = None  # where the file before ended, if this one goes on
        self._base = 0
        self._ends = 0
        self._last = 0
        self._step = NOMINAL
        self._fragment_begins = 0
        self._pictures: list[Sample] = []
        self._frames: list[tuple[int, Sample]] = []
        self._bytes = 0
        self._clock = SoundClock()
        self._number = 0
        self._index: list[tuple[int, int, bool]] = []  # bytes, ticks, begins with a key frame
        self._index_at = 0
        self._anchor = (0, 0.0)  # a decoding time, and when it arrived

    @property
    def is_open(self) -> bool:
        """Whether units of a file are collected or written."""
        return self._begun

    # --- coming in ---------------------------------------------------------------------------

    def set_format(
        self, video: VideoFormat | None, sound: AudioFormat | None, now: float
    ) -> list[Out]:
        """What units are from now on."""
        outs: list[Out] = []
        if video != self._told[0] and self._begun:
            outs = self._end("format", now)
        self._told = (video, sound)
        self._order.both = video is not None and sound is not None
        if not self._opened:
            self._video, self._sound = video, sound
        return outs

    def begin(self, units: list[AccessUnit], now: float) -> list[Out]:
        """Units of the past, the newest of which arrived just now."""
        main = [unit for unit in units if self._is_main(unit)]
        if main:
            self._anchor = (main[-1].dts, now)
        kept = [unit for unit in units if self._is_carried(unit)]
        return [out for unit in self._order.begin(kept) for out in self._take(unit)]

    def push(self, unit: AccessUnit, now: float) -> list[Out]:
        """The next unit, as it arrives."""
        if self._is_main(unit):
            self._anchor = (unit.dts, now)
        elif not self._is_carried(unit):
            return []
        return [out for one in self._order.push(unit) for out in self._take(one)]

    def tick(self, now: float) -> list[Out]:
        """Now and then: a file nothing comes for any more is over."""
        if self._begun and now - self._anchor[1] > GAP_S:
            return self._end("interrupted", now)
        return []

    def interrupt(self, now: float) -> list[Out]:
        """Another sender: its units do not go on from what was."""
        return self._end("interrupted", now)

    def close(self, now: float) -> list[Out]:
        """Nobody wants more."""
        return self._end("stopped", now)

    # --- files -------------------------------------------------------------------------------

    def _is_main(self, unit: AccessUnit) -> bool:
        """Whether the unit is of the track that says where files and fragments begin."""
        return unit.video == (self._told[0] is not None)

    def _is_carried(self, unit: AccessUnit) -> bool:
        sound = self._told[1]
        return unit.video or (sound is not None and unit.codec is sound.codec)

    def _take(self, unit: AccessUnit) -> list[Out]:
        if not self._is_main(unit):
            self._beside(unit)
            return []
        if not self._begun:
            if unit.key:
                self._begin_file(unit.dts)
                self._add(unit)
            return []
        step = unit.dts - self._last
        if step > GAP or step <= 0:
            outs = self._finish("interrupted", self._last + self._step)
            return [*outs, *self._take(unit)]
        self._finish_last(step)
        outs = []
        if unit.key and unit.dts - self._base >= self._length:
            outs = self._finish("length", unit.dts)
            self._begin_file(unit.dts, goes_on=True)
        elif unit.key and self._opened and self._told != (self._video, self._sound):
            outs = self._finish("format", unit.dts)
            self._begin_file(unit.dts, goes_on=True)
        elif self._is_full(unit):
            outs = self._close_fragment(unit.dts)
        self._add(unit)
        return outs

    def _is_full(self, unit: AccessUnit) -> bool:
        lasts = unit.dts - self._fragment_begins
        return (
            lasts >= FRAGMENT or (unit.key and lasts >= FRAGMENT // 2) or self._bytes > MOST_BYTES
        )

    def _begin_file(self, dts: int, *, goes_on: bool = False) -> None:
        self._follows = self._told_end() if goes_on else None
        self._begun, self._opened = True, False
        self._video, self._sound = self._told
        self._base = self._fragment_begins = self._last = dts
        self._ends = 0
        self._number = 0
        self._index = []
        self._clock = SoundClock()

    def _add(self, unit: AccessUnit) -> None:
        self._last = unit.dts
        if not unit.video:
            self._add_sound(unit)
            return
        parts, size = length_prefixed(unit)
        self._bytes += size
        self._pictures.append(Sample(parts, size, self._step, unit.pts - unit.dts, unit.key))

    def _beside(self, unit: AccessUnit) -> None:
        """Sound beside a picture, while the file's header knows it."""
        if self._begun and self._sound is not None and self._sound == self._told[1]:
            self._add_sound(unit)

    def _add_sound(self, unit: AccessUnit) -> None:
        if self._sound is None or unit.dts < self._base:
            return
        at = self._clock.place(unit.dts - self._base, self._sound.sample_rate)
        self._frames.append((at, sound_sample(unit)))
        self._bytes += len(unit.data)

    def _finish_last(self, step: int) -> None:
        self._step = min(step, 2 * CLOCK_HZ)
        if self._pictures:
            self._pictures[-1].duration = step

    # --- coming out --------------------------------------------------------------------------

    def _end(self, reason: str, now: float) -> list[Out]:
        """Close the file with all that came for it."""
        outs = [out for unit in self._order.drain() for out in self._take(unit)]
        return [*outs, *self._finish(reason, self._last + self._step)]

    def _finish(self, reason: str, ends: int) -> list[Out]:
        if not self._begun:
            return []
        outs = self._close_fragment(ends)
        self._begun = False
        if not self._opened:
            return outs
        self._opened = False
        index = _index(self._video is not None, self._merged(), self._spare())
        return [*outs, Closed(self._told_end(), self._index_at, index, reason)]

    def _close_fragment(self, ends: int) -> list[Out]:
        runs = []
        if self._pictures:
            runs.append(Run(VIDEO_TRACK, self._fragment_begins - self._base, self._pictures))
        runs += runs_of(self._frames)
        if not runs:
            return []
        outs: list[Out] = []
        if not self._opened:
            opened = self._open()
            if opened is None:
                return []
            outs.append(opened)
        self._number += 1
        data = fmp4.fragment(self._number, runs)
        pictures = len(self._pictures)
        is_key = not pictures or self._pictures[0].key
        self._index.append((len(data), ends - self._fragment_begins, is_key))
        self._pictures, self._frames, self._bytes = [], [], 0
        self._fragment_begins = ends
        self._ends = ends
        outs.append(Written(data, self._told_end(), ends - self._base, pictures))
        return outs

    def _open(self) -> Opened | None:
        """The header; None when no file can be made of this (parameter sets are missing)."""
        header = fmp4.init_segment(self._video, self._sound)
        if not header:
            self._pictures, self._frames, self._bytes = [], [], 0
            self._begun = False
            return None
        self._opened = True
        self._start = self._civil(self._base) if self._follows is None else self._follows
        self._index_at = len(header)
        room = _free(self._spare())
        return Opened(self._start, self._video, self._sound, header + room)

    def _civil(self, dts: int) -> float:
        at, when = self._anchor
        return when - (at - dts) / CLOCK_HZ

    def _told_end(self) -> float:
        lasts = (self._ends - self._base) / CLOCK_HZ
        end = self._civil(self._ends)
        return end if abs(end - self._start - lasts) <= STEPPED_S else self._start + lasts

    def _spare(self) -> int:
        return INDEX.size + 12 * self._entries + _FREE.size

    def _merged(self) -> list[tuple[int, int, bool]]:
        """The index: from key frame to key frame, and no more entries than there is room for."""
        merged: list[tuple[int, int, bool]] = []
        for size, ticks, is_key in self._index:
            if merged and not is_key:
                before = merged[-1]
                merged[-1] = (before[0] + size, before[1] + ticks, before[2])
            else:
                merged.append((size, ticks, is_key))
        while len(merged) > self._entries:
            merged = [
                (a[0] + b[0], a[1] + b[1], a[2])
                for a, b in zip(merged[::2], [*merged[1::2], (0, 0, True)], strict=False)
            ]
        return merged


def _index(video: bool, entries: list[tuple[int, int, bool]], room: int) -> bytes:
    """The index, and what is left of its room as free space behind it."""
    left = room - INDEX.size - 12 * len(entries)
    return sidx(entries, VIDEO_TRACK if video else AUDIO_TRACK, behind=left) + _free(left)


def _free(size: int) -> bytes:
    return _FREE.pack(size, b"free") + bytes(size - _FREE.size)
