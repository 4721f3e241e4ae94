"""Makes a player's file of a spool: MP4 with the pictures as they came, and the sound as AAC.

A program of its own (``python -m media.record.mp4 SPOOL TARGET``), because it reads and writes as
fast as the disk allows and decodes what a stranger sent: neither belongs into the process that
serves calls. It prints one line of JSON. Pictures are not touched; G.711 becomes AAC, which players
know.

Where one sender took over from another (a *break*), times go on without the pause, and what the
second one repeated is left out: recordings do not change, so its first key frame is found again
byte for byte in what is there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from media.record.spool import Break, Entry, Reader
from media.sound.aac import adts_header
from media.sound.g711 import linear_table
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

CHUNK = 1 << 20
FRAME = 1024
"""Samples of an AAC frame."""
JUMP = CLOCK_HZ // 2
"""Sound that is this far from where it should be is moved there."""
SEARCH = 20 * CLOCK_HZ
"""How far back a repeated key frame is looked for: what can be sent twice is a few seconds, and
the pictures of a camera without signal are all alike."""
NOMINAL = CLOCK_HZ // 25
BASE = Fraction(1, CLOCK_HZ)
ORPHAN_LOOK = 500
SOUNDS = frozenset({Codec.AAC, Codec.G711A, Codec.G711U})
_NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}


class NothingRecorded(Exception):
    """There is no picture and no sound in the spool."""


@dataclass(slots=True)
class Index:
    """What the first pass found."""

    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    first_key: bytes = b""
    first_sound: bytes = b""
    skip: set[int] = field(default_factory=set)
    """Numbers of units that a later sender repeated."""
    units: int = 0


def entries(path: Path) -> Iterator[Entry]:
    """What is whole in a spool."""
    reader = Reader()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield from reader.feed(data)


def index(path: Path) -> Index:
    """First pass: formats, and what is in it twice."""
    found = Index()
    keys: list[tuple[int, int, bytes]] = []
    begins = False  # the next key frame is the first of a new sender
    part_start = 0
    for entry in entries(path):
        if isinstance(entry, FormatChanged):
            found.video = found.video or entry.video
            found.audio = found.audio or entry.audio
            continue
        if isinstance(entry, Break):
            begins, part_start = found.units > 0, found.units
            continue
        if not entry.video:
            found.first_sound = found.first_sound or entry.data
        if entry.video and entry.key:
            found.first_key = found.first_key or entry.data
            digest = hashlib.blake2b(entry.data, digest_size=16).digest()
            if begins:
                begins = False
                repeated = _found_again(keys, digest)
                if repeated is not None:
                    found.skip.update(range(repeated, part_start))
            keys.append((found.units, entry.dts, digest))
        found.units += 1
    return found


def _found_again(keys: list[tuple[int, int, bytes]], digest: bytes) -> int | None:
    """The unit from which on everything before the break came again."""
    latest = keys[-1][1] if keys else 0
    for number, dts, before in reversed(keys):
        if latest - dts > SEARCH:
            return None
        if before == digest:
            return number
    return None


class Timeline:
    """Times that rise without the pauses between senders."""

    def __init__(self) -> None:
        self._shift: int | None = None
        self._end = 0
        self._last: dict[bool, int] = {}

    def interrupt(self) -> None:
        self._shift = None

    def place(self, unit: AccessUnit) -> tuple[int, int]:
        """(pts, dts) of a unit in the file."""
        if self._shift is None:
            self._shift = self._end - unit.dts
        dts = max(unit.dts + self._shift, self._last.get(unit.video, -1) + 1, 0)
        self._last[unit.video] = dts
        self._end = max(self._end, dts + NOMINAL)
        return max(unit.pts + self._shift, dts), dts

    @property
    def seconds(self) -> float:
        return self._end / CLOCK_HZ


class Sound:
    """G.711 into AAC."""

    def __init__(self, container: Any, audio: AudioFormat) -> None:
        self._rate = audio.sample_rate
        self._table = array("f", (value / 32768 for value in linear_table(audio.codec)))
        self._stream = container.add_stream("aac", rate=self._rate, layout="mono")
        self._container = container
        self._samples = array("f")
        self._next = 0

    def take(self, data: bytes, dts: int) -> None:
        due = dts * self._rate // CLOCK_HZ
        at = self._next + len(self._samples)
        if abs(due - at) > JUMP * self._rate // CLOCK_HZ and due > at:
            self._samples.extend(array("f", bytes(4 * (due - at))))  # silence where none came
        self._samples.extend(array("f", map(self._table.__getitem__, data)))
        while len(self._samples) >= FRAME:
            self._encode(self._samples[:FRAME])
            del self._samples[:FRAME]

    def finish(self) -> None:
        if self._samples:
            self._samples.extend(array("f", bytes(4 * (FRAME - len(self._samples)))))
            self._encode(self._samples)
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: array[float]) -> None:
        frame = av.AudioFrame("fltp", "mono", FRAME)
        frame.sample_rate = self._rate
        frame.pts, frame.time_base = self._next, Fraction(1, self._rate)
        frame.planes[0].update(samples.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        self._next += FRAME
        self._container.mux(self._stream.encode(frame))


def write(spool: Path, target: Path) -> dict[str, Any]:
    """Make `target`; what it is, for the caller. Raises NothingRecorded, OSError, av errors."""
    found = index(spool)
    if not found.units or (found.video is None and found.audio is None):
        raise NothingRecorded
    part = target.with_name(target.name + ".part")
    try:
        seconds = _mux(spool, part, found)
        size, digest = _judge(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return {
        "size": size,
        "sha256": digest,
        "duration_s": round(seconds, 3),
        "video": None if found.video is None else found.video.codec.value,
        "audio": "aac" if found.audio is not None and found.audio.codec in SOUNDS else None,
    }


def _mux(spool: Path, part: Path, found: Index) -> float:
    options = {"movflags": "+faststart"}
    with av.open(str(part), "w", format="mp4", options=options) as container:
        video = _video_stream(container, found.video, found.first_key)
        plain = _aac_stream(container, found.audio, found.first_sound)
        g711_codec = found.audio is not None and found.audio.codec in (Codec.G711A, Codec.G711U)
        sound = Sound(container, found.audio) if found.audio and g711_codec else None
        timeline, number = Timeline(), 0
        parent = os.getppid()
        for entry in entries(spool):
            if isinstance(entry, Break):
                timeline.interrupt()
            if not isinstance(entry, AccessUnit):
                continue
            number += 1
            if number % ORPHAN_LOOK == 0 and os.getppid() != parent:
                raise SystemExit(3)  # whoever wanted the file is gone
            if number - 1 in found.skip:
                continue
            pts, dts = timeline.place(entry)
            if entry.video:
                _mux_unit(container, video, entry, pts, dts)
            elif sound is not None:
                sound.take(entry.data, dts)
            elif found.audio is not None and entry.codec is Codec.AAC:
                entry.data = _framed(found.audio, entry.data)
                _mux_unit(container, plain, entry, pts, dts)
        if sound is not None:
            sound.finish()
    return timeline.seconds


def _video_stream(container: Any, video: VideoFormat | None, first: bytes) -> Any:
    """The track as FFmpeg itself reads it out of the first key frame."""
    if video is None or video.codec not in _NAMES or not first:
        return None
    with av.open(io.BytesIO(first * 2), format=_NAMES[video.codec]) as source:
        stream = container.add_stream_from_template(source.streams.video[0])
    stream.time_base = BASE
    return stream


def _aac_stream(container: Any, audio: AudioFormat | None, first: bytes) -> Any:
    if audio is None or audio.codec is not Codec.AAC or not first:
        return None
    with av.open(io.BytesIO(_framed(audio, first) * 8), format="aac") as source:
        stream = container.add_stream_from_template(source.streams.audio[0])
    stream.time_base = BASE
    return stream


def _framed(audio: AudioFormat, frame: bytes) -> bytes:
    """A raw AAC frame with its ADTS header, which the muxer takes off again."""
    return adts_header(audio.config, len(frame)) + frame


def _mux_unit(container: Any, stream: Any, unit: AccessUnit, pts: int, dts: int) -> None:
    if stream is None:
        return
    packet = av.Packet(unit.data)
    packet.stream = stream
    packet.pts, packet.dts, packet.time_base = pts, dts, BASE
    packet.is_keyframe = unit.key
    container.mux_one(packet)


def _judge(path: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def main(arguments: list[str]) -> int:
    try:
        told = write(Path(arguments[0]), Path(arguments[1]))
    except NothingRecorded:
        print("nothing was recorded", file=sys.stderr)
        return 2
    except (OSError, ValueError, av.FFmpegError) as error:
        print(str(error), file=sys.stderr)
        return 1
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
