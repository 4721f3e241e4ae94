"""A segment file back into what it was made of: bytes in, formats and access units out.

Reads the files `cutter` makes: one run per track and fragment or several, explicit sizes and
durations. Pictures get their start codes again, key frames their parameter sets in front. The
reader may begin at any fragment when the tracks are known. A file that ends in the middle of a
fragment gives all before it.

ISO/IEC 14496-12 8.8 (fragments), 8.16.3 (sidx); 14496-15 5.3.3 (avcC), 8.3.3 (hvcC); 14496-1 7.2.6
(esds).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from media.errors import StreamFormatError
from media.output.fmp4 import VIDEO_TRACK
from media.record.fragments import INDEX, KEY, MOST_HEAD, boxes
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, VideoFormat
from media.video.nal import START4, ParameterSets, join

MOST_BOX: Final = 32 << 20
"""Bytes of one box; a fragment of ours is closed at 8 MiB and one picture."""
_ENTRY: Final = {b"avc1": (Codec.H264, 78), b"hvc1": (Codec.H265, 78), b"mp4a": (Codec.AAC, 28)}
"""Codec of a sample entry, and its bytes in front of the boxes in it."""
BOX: Final = struct.Struct(">I4s")
_sample = struct.Struct(">4I")


@dataclass(frozen=True, slots=True)
class Tracks:
    """What a file holds."""

    video: VideoFormat | None
    audio: AudioFormat | None
    scales: tuple[tuple[int, int], ...]
    """(number, ticks per second) of every track."""


@dataclass(frozen=True, slots=True)
class Part:
    """One fragment; times count from the file's beginning, 90 kHz."""

    begins: int
    ends: int
    units: tuple[AccessUnit, ...]
    """In decoding order, both tracks together."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading can begin."""

    at: int
    """In the file."""
    begins: int
    """90 kHz."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file."""

    tracks: Tracks
    first: int
    """Where the fragments begin, or what is left free in front of them."""
    places: tuple[Place, ...]
    """Key frames, of a file that was closed; else none."""


def read_head(data: bytes) -> Head | None:
    """The head of a file whose first bytes these are; None while they do not suffice.

    Raises StreamFormatError when it is no file of ours.
    """
    at = 0
    tracks: Tracks | None = None
    places: tuple[Place, ...] = ()
    while at + BOX.size <= len(data):
        length, kind = BOX.unpack_from(data, at)
        if tracks is not None and kind != b"sidx":
            return Head(tracks, at, places)
        known = kind in (b"ftyp", b"moov", b"sidx")
        if not known or not BOX.size <= length <= MOST_HEAD or at > 2 * MOST_HEAD:
            raise StreamFormatError(f"no segment file: {kind!r}")
        if at + length > len(data):
            return None
        if kind == b"moov":
            tracks = _tracks(data, at + BOX.size, at + length)
        elif kind == b"sidx":
            places = _places(data, at, at + length)
        at += length
    return None


def _places(data: bytes, at: int, end: int) -> tuple[Place, ...]:
    """What an index says; none when it makes no sense."""
    if end - at < INDEX.size:
        return ()
    *_, scale, _, behind, _, count = INDEX.unpack_from(data, at)
    if scale != CLOCK_HZ or end - at != INDEX.size + 12 * count:
        return ()
    found, place, begins = [], end + behind, 0
    for number in range(count):
        size, ticks, access = struct.unpack_from(">III", data, at + INDEX.size + 12 * number)
        if access >> 31:
            found.append(Place(place, begins))
        place, begins = place + (size & 0x7FFFFFFF), begins + ticks
    return tuple(found)


class Unpacker:
    """One file, from its beginning, or from a fragment on when its tracks are given."""

    def __init__(self, tracks: Tracks | None = None) -> None:
        self.tracks = tracks
        self.failure: StreamFormatError | None = None
        """Why nothing more can be read; what came before was given."""
        self._buffer = bytearray()
        self._moof = b""
        self._sets: tuple[bytes, ...] = ()
        if tracks is not None:
            self._sets = tracks.video.parameter_sets if tracks.video else ()

    def feed(self, data: bytes) -> list[Tracks | Part]:
        """The next bytes; none are taken any more behind a `failure`."""
        found: list[Tracks | Part] = []
        if self.failure is None:
            try:
                self._feed(data, found)
            except StreamFormatError as error:
                self.failure = error
                self._buffer.clear()
        return found

    def _feed(self, data: bytes, found: list[Tracks | Part]) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= BOX.size:
            length, kind = BOX.unpack_from(buffer, at)
            if not BOX.size <= length <= MOST_BOX:
                raise StreamFormatError(f"a box of {length} bytes in a segment file")
            if len(buffer) - at < length:
                break
            found += self._take(kind, bytes(buffer[at : at + length]))
            at += length
        del buffer[:at]

    def _take(self, kind: bytes, box: bytes) -> list[Tracks | Part]:
        match kind:
            case b"moov":
                self.tracks = _tracks(box, BOX.size, len(box))
                self._sets = self.tracks.video.parameter_sets if self.tracks.video else ()
                return [self.tracks]
            case b"moof":
                self._moof = box
            case b"mdat":
                moof, self._moof = self._moof, b""
                if self.tracks is None or not moof:
                    raise StreamFormatError("no segment file: pictures without a head")
                return self._part(self.tracks, moof, box)
            case _:
                pass
        return []

    def _part(self, tracks: Tracks, moof: bytes, mdat: bytes) -> list[Tracks | Part]:
        scales = dict(tracks.scales)
        leading = VIDEO_TRACK if tracks.video is not None else None
        units: list[AccessUnit] = []
        begins: int | None = None
        ends = 0
        try:
            for track, at, samples in _runs(moof):
                if track not in scales:
                    raise StreamFormatError(f"a fragment of track {track}")
                first = at
                for duration, place, size, flags, offset in samples:
                    data = _cut(mdat, place - len(moof), size)
                    dts, pts = _ticks(at, scales[track]), _ticks(at + offset, scales[track])
                    units.append(self._unit(tracks, track, dts, pts, flags, data))
                    at += duration
                if leading is None or track == leading:
                    begins = _ticks(first, scales[track]) if begins is None else begins
                    ends = _ticks(at, scales[track])
        except struct.error as error:
            raise StreamFormatError(f"a fragment that is cut: {error}") from None
        if begins is None:  # sound alone, where a picture was expected
            begins = ends = min((unit.dts for unit in units), default=0)
        units.sort(key=lambda unit: (unit.dts, not unit.video))
        return [Part(begins, max(ends, begins), tuple(units))]

    def _unit(
        self, tracks: Tracks, track: int, dts: int, pts: int, flags: int, data: bytes
    ) -> AccessUnit:
        if track == VIDEO_TRACK and tracks.video is not None:
            key = flags == KEY
            sets = self._sets if key else ()
            return AccessUnit(True, tracks.video.codec, pts, dts, key, _annexb(data, sets))
        return AccessUnit(False, Codec.AAC, pts, dts, True, data)


def _runs(moof: bytes) -> Iterator[tuple[int, int, list[tuple[int, int, int, int, int]]]]:
    """(track, decoding time, samples) of every run; a sample: duration, place behind the begin of
    the `moof`, size, flags, composition offset."""
    for kind, body, stop in boxes(moof, BOX.size, len(moof)):
        if kind != b"traf":
            continue
        inner = {name: (a, b) for name, a, b in boxes(moof, body, stop)}
        if not {b"tfhd", b"tfdt", b"trun"} <= inner.keys():
            raise StreamFormatError("a run without its head")
        (track,) = struct.unpack_from(">I", moof, inner[b"tfhd"][0] + 4)
        (begins,) = struct.unpack_from(">Q", moof, inner[b"tfdt"][0] + 4)
        run, end = inner[b"trun"]
        count, place = struct.unpack_from(">II", moof, run + 4)
        if run + 12 + 16 * count != end or begins >> 62:
            raise StreamFormatError("a run of another shape")
        samples = []
        for number in range(count):
            duration, size, flags, offset = _sample.unpack_from(moof, run + 12 + 16 * number)
            samples.append((duration, place, size, flags, offset))
            place += size
        yield track, begins, samples


def _cut(mdat: bytes, at: int, size: int) -> bytes:
    if at < BOX.size or at + size > len(mdat):
        raise StreamFormatError("a sample outside of its fragment")
    return mdat[at : at + size]


def _ticks(at: int, scale: int) -> int:
    return at if scale == CLOCK_HZ else (at * CLOCK_HZ + scale // 2) // scale


def _annexb(data: bytes, sets: tuple[bytes, ...]) -> bytes:
    """Length-prefixed NAL units with start codes, the parameter sets in front."""
    parts = [join(sets)] if sets else []
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            raise StreamFormatError("a picture that is cut")
        parts += (START4, data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)


# --- the header -----------------------------------------------------------------------------


def _tracks(data: bytes, at: int, end: int) -> Tracks:
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    scales = []
    try:
        for kind, body, stop in boxes(data, at, end):
            if kind != b"trak":
                continue
            number, scale, entry = _track(data, body, stop)
            found = _format(entry, scale)
            if number == VIDEO_TRACK and isinstance(found, VideoFormat):
                video = found
            elif isinstance(found, AudioFormat):
                audio = found
            scales.append((number, scale))
    except (struct.error, IndexError) as error:
        raise StreamFormatError(f"no segment file: {error}") from None
    if video is None and audio is None:
        raise StreamFormatError("no segment file: no tracks")
    return Tracks(video, audio, tuple(scales))


def _track(data: bytes, at: int, end: int) -> tuple[int, int, bytes]:
    """Number, ticks per second and the first sample entry."""
    number = scale = 0
    entry = b""
    way = [(at, end)]
    while way:
        for kind, body, stop in boxes(data, *way.pop()):
            if kind == b"tkhd":
                (number,) = struct.unpack_from(">I", data, body + 12)
            elif kind == b"mdhd":
                (scale,) = struct.unpack_from(">I", data, body + 12)
            elif kind == b"stsd":
                entry = data[body + 8 : stop]
            elif kind in (b"mdia", b"minf", b"stbl"):
                way.append((body, stop))
    if not scale:
        raise StreamFormatError("no segment file: a track without a clock")
    return number, scale, entry


def _format(entry: bytes, scale: int) -> VideoFormat | AudioFormat:
    found = next(boxes(entry, 0, len(entry)), None)
    kind = found[0] if found else b""
    if found is None or kind not in _ENTRY:
        raise StreamFormatError(f"no segment file: a track of {kind!r}")
    codec, skipped = _ENTRY[kind]
    inner = {name: entry[a:b] for name, a, b in boxes(entry, found[1] + skipped, found[2])}
    if codec is Codec.AAC:
        config = _descriptor(inner.get(b"esds", b"")[4:])
        (channels,) = struct.unpack_from(">H", entry, found[1] + 16)
        return AudioFormat(codec, scale, channels, config)
    sets = _avc(inner.get(b"avcC", b"")) if codec is Codec.H264 else _hevc(inner.get(b"hvcC", b""))
    known = ParameterSets(codec)
    known.update([one for one in sets if one])
    if not known.ready:
        raise StreamFormatError("no segment file: parameter sets are missing")
    return known.format()


def _avc(record: bytes) -> list[bytes]:
    sets, at = _sets(record, 6, record[5] & 0x1F)
    more, _ = _sets(record, at + 1, record[at])
    return sets + more


def _hevc(record: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 23
    for _ in range(record[22]):
        (count,) = struct.unpack_from(">H", record, at + 1)
        sets, at = _sets(record, at + 3, count)
        found += sets
    return found


def _sets(record: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">H", record, at)
        found.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return found, at


def _descriptor(data: bytes) -> bytes:
    """The configuration of the decoder inside the descriptors of an `esds`."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], 0, at + 1
        for _ in range(4):  # seven bits at a time
            more, size, at = data[at], size << 7 | data[at] & 0x7F, at + 1
            if not more & 0x80:
                break
        if tag == 5:
            return data[at : at + size]
        at += {3: 3, 4: 13}.get(tag, size)
    raise StreamFormatError("no segment file: sound without its configuration")
