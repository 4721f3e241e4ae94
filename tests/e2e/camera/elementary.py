"""Reads an H.264 or H.265 Annex B file and a raw G.711A file into frames a camera can send."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

_START = re.compile(rb"\x00\x00\x00?\x01")
_SLICES = (1, 5)
_H265_SLICES = range(32)
_H265_KEYS = range(16, 24)


@dataclass(frozen=True, slots=True)
class Frame:
    """One access unit, Annex B, parameter sets in front of a key frame."""

    data: bytes
    key: bool


@dataclass(frozen=True, slots=True)
class Source:
    """What a channel sends, from its first frame on, again and again."""

    frames: tuple[Frame, ...]
    sound: bytes = b""
    fps: int = 25

    def frame(self, number: int) -> Frame:
        return self.frames[number % len(self.frames)]

    def sound_of(self, number: int) -> bytes:
        """The 8 kHz A-law bytes that belong to the time of frame `number`."""
        size = 8000 // self.fps
        if len(self.sound) < size:
            return b""
        at = number * size % (len(self.sound) - len(self.sound) % size)
        return self.sound[at : at + size]


def split_frames(data: bytes, *, h265: bool = False) -> tuple[Frame, ...]:
    """Cut at access unit borders: before anything that is not a later slice of the same picture."""
    slices, keys = (_H265_SLICES, _H265_KEYS) if h265 else (_SLICES, (5,))
    marks = [match.span() for match in _START.finditer(data)]
    frames: list[Frame] = []
    start, have_slice, key = 0, False, False
    for begin, end in marks:
        kind = data[end] >> 1 & 0x3F if h265 else data[end] & 0x1F
        # Its first bit says that this slice is the first of its picture.
        first_slice = kind in slices and bool(data[end + (2 if h265 else 1)] & 0x80)
        if have_slice and (kind not in slices or first_slice):
            frames.append(Frame(data[start:begin], key))
            start, have_slice, key = begin, False, False
        if kind in slices:
            have_slice = True
            key = key or kind in keys
    if have_slice:
        frames.append(Frame(data[start:], key))
    return tuple(frames)


@functools.lru_cache(maxsize=16)
def load(video: Path, sound: Path | None = None, fps: int = 25) -> Source:
    frames = split_frames(video.read_bytes(), h265=video.suffix == ".h265")
    return Source(frames, sound.read_bytes() if sound is not None else b"", fps)
