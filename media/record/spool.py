"""A file of access units: what a recording is while it grows.

Units are appended as they come and nothing is ever rewritten, so a file that ends anywhere (power
cut, disk full) is good up to its last whole entry, and one that is whole can be continued. From it
a player's file is made at the end (`mp4.py`).

Entries: one byte of kind, four of length, the payload. A *break* says that another sender follows:
its times may have jumped, and it may repeat what was sent before.

A codec: no file is opened here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, Final

from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

MAGIC: Final = b"GBSPOOL1"
HEAD: Final = Struct("!BI")
TIMES: Final = Struct("!BBqq")
MOST: Final = 64 << 20
"""An entry beyond this is no entry: the file is damaged from here."""
_CODECS: Final = tuple(Codec)
_VIDEO, _KEY = 1, 2


class Kind(IntEnum):
    """What an entry holds."""

    FORMAT = 1
    UNIT = 2
    BREAK = 3


@dataclass(frozen=True, slots=True)
class Break:
    """Another sender follows."""


Entry = AccessUnit | FormatChanged | Break


def encode(entry: Entry) -> bytes:
    """The bytes of an entry."""
    if isinstance(entry, AccessUnit):
        flags = (_VIDEO if entry.video else 0) | (_KEY if entry.key else 0)
        times = TIMES.pack(flags, _CODECS.index(entry.codec), entry.pts, entry.dts)
        return HEAD.pack(Kind.UNIT, len(times) + len(entry.data)) + times + entry.data
    if isinstance(entry, Break):
        return HEAD.pack(Kind.BREAK, 0)
    payload = json.dumps(
        {"video": _video_out(entry.video), "audio": _audio_out(entry.audio)}
    ).encode()
    return HEAD.pack(Kind.FORMAT, len(payload)) + payload


def decode(kind: int, payload: bytes) -> Entry | None:
    """The entry of a kind and its payload; None when it is none."""
    try:
        if kind == Kind.UNIT:
            flags, codec, pts, dts = TIMES.unpack_from(payload)
            return AccessUnit(
                bool(flags & _VIDEO),
                _CODECS[codec],
                pts,
                dts,
                bool(flags & _KEY),
                payload[TIMES.size :],
            )
        if kind == Kind.BREAK:
            return Break()
        if kind == Kind.FORMAT:
            told = json.loads(payload)
            return FormatChanged(_video_in(told["video"]), _audio_in(told["audio"]))
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError):
        return None
    except Exception as error:
        if type(error).__name__ == "error":  # struct.error: too short
            return None
        raise
    return None


class Reader:
    """Bytes of a file in, entries out; ``whole`` is how much of it is good."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False
        self.whole = 0
        self.broken = False

    def feed(self, data: bytes) -> list[Entry]:
        """What is complete with these bytes."""
        if self.broken:
            return []
        self._buffer += data
        out: list[Entry] = []
        at = self._begin()
        if not self._begun:
            return out
        while not self.broken and len(self._buffer) - at >= HEAD.size:
            kind, size = HEAD.unpack_from(self._buffer, at)
            if size > MOST:
                self.broken = True
                break
            end = at + HEAD.size + size
            if len(self._buffer) < end:
                break
            entry = decode(kind, bytes(self._buffer[at + HEAD.size : end]))
            if entry is None:
                self.broken = True
                break
            out.append(entry)
            at = end
        self.whole += at
        del self._buffer[:at]
        return out

    def _begin(self) -> int:
        if self._begun or len(self._buffer) < len(MAGIC):
            return 0
        self._begun = True
        self.broken = bytes(self._buffer[: len(MAGIC)]) != MAGIC
        return 0 if self.broken else len(MAGIC)


class Tally:
    """How much of a recording there is: recorded time without the pauses between senders."""

    def __init__(self) -> None:
        self.units = 0
        self._done = 0
        self._first: int | None = None
        self._last = 0

    @property
    def seconds(self) -> float:
        part = 0 if self._first is None else self._last - self._first
        return (self._done + part) / CLOCK_HZ

    def add(self, entry: Entry) -> None:
        if isinstance(entry, AccessUnit):
            self.units += 1
            if self._first is None:
                self._first = self._last = entry.dts
            self._last = max(self._last, entry.dts)
        elif isinstance(entry, Break) and self._first is not None:
            self._done += self._last - self._first
            self._first = None


def _video_out(video: VideoFormat | None) -> Any:
    if video is None:
        return None
    sets = [one.hex() for one in video.parameter_sets]
    return [video.codec.value, video.width, video.height, video.fps, sets]


def _video_in(told: Any) -> VideoFormat | None:
    if told is None:
        return None
    codec, width, height, fps, sets = told
    parameter_sets = tuple(bytes.fromhex(one) for one in sets)
    return VideoFormat(Codec(codec), int(width), int(height), fps, parameter_sets)


def _audio_out(audio: AudioFormat | None) -> Any:
    if audio is None:
        return None
    return [audio.codec.value, audio.sample_rate, audio.channels, audio.config.hex()]


def _audio_in(told: Any) -> AudioFormat | None:
    if told is None:
        return None
    codec, rate, channels, config = told
    return AudioFormat(Codec(codec), int(rate), int(channels), bytes.fromhex(config))
