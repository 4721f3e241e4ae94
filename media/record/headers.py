"""One header for files whose formats differ: every picture format a sample entry of one track,
every sound format a track of its own.

Players choose the sample entry by the index a fragment names (ISO/IEC 14496-12 8.8.7). Those that
know the first entry only (FFmpeg reads fragments so) are helped by the parameter sets: they stand
before every key frame a fragment begins with. Sounds have no such help, and their tracks count in
samples of their own rate: hence the tracks. Another picture codec is another decoder, which no
player changes in the middle: that is no one file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from media.errors import StreamFormatError
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK
from media.record.fragments import boxes

MOST_FORMATS = 100
"""Of one kind in one header."""
_CONFIG_AT = 8 + 78 + 8
"""Bytes of a picture's sample entry before its configuration."""
_WAY = (b"mdia", b"minf", b"stbl", b"stsd")


class FormatsDiffer(StreamFormatError):
    """The files from `at` on (a number of the list) need a header of their own."""

    def __init__(self, at: int) -> None:
        super().__init__(f"file {at} needs another decoder")
        self.at = at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a track of a file lies in the common header."""

    track: int
    entry: int = 1
    """Number of its sample entry."""
    sets: bytes = b""
    """Parameter sets that are to stand before its key frames, each behind its length."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A header, and where the tracks of each file lie in it."""

    header: bytes
    places: tuple[dict[int, Place], ...]


@dataclass(frozen=True, slots=True)
class _Header:
    """What is needed of one."""

    traks: dict[int, bytes]
    entries: dict[int, bytes]


def joined(headers: Sequence[bytes]) -> Joined:
    """The header of files that are to follow each other.

    Raises FormatsDiffer where the kind of picture changes, StreamFormatError for what is no header.
    """
    if all(header == headers[0] for header in headers):
        plain = {track: Place(track) for track in _read(headers[0]).traks}
        return Joined(headers[0], (plain,) * len(headers))
    read = [_read(header) for header in headers]
    pictures: list[bytes] = []
    sounds: list[tuple[bytes, bytes]] = []  # a sample entry, and the track it came in
    places: list[dict[int, Place]] = []
    for number, one in enumerate(read):
        if VIDEO_TRACK not in one.entries or _kind(one) != _kind(read[0]):
            raise FormatsDiffer(number or 1)
        here = {VIDEO_TRACK: _picture(one.entries[VIDEO_TRACK], pictures)}
        if AUDIO_TRACK in one.entries:
            here[AUDIO_TRACK] = _sound(one, sounds)
        if max(len(pictures), len(sounds)) > MOST_FORMATS:
            raise FormatsDiffer(number)
        places.append(here)
    traks = [_with_entries(read[0].traks[VIDEO_TRACK], pictures)]
    traks += [_numbered(trak, AUDIO_TRACK + number) for number, (_, trak) in enumerate(sounds)]
    return Joined(_header(headers[0], traks), tuple(places))


def _kind(one: _Header) -> bytes:
    return one.entries.get(VIDEO_TRACK, bytes(8))[4:8]


def _picture(entry: bytes, known: list[bytes]) -> Place:
    if entry not in known:
        known.append(entry)
    return Place(VIDEO_TRACK, known.index(entry) + 1, _sets(entry))


def _sound(one: _Header, known: list[tuple[bytes, bytes]]) -> Place:
    entries = [entry for entry, _ in known]
    entry = one.entries[AUDIO_TRACK]
    if entry not in entries:
        known.append((entry, one.traks[AUDIO_TRACK]))
        entries.append(entry)
    return Place(AUDIO_TRACK + entries.index(entry))


# --- reading ------------------------------------------------------------------------------------


def _read(header: bytes) -> _Header:
    found = _Header({}, {})
    for kind, at, end in boxes(header, 0, len(header)):
        if kind != b"moov":
            continue
        for trak, body, stop in boxes(header, at, end):
            if trak == b"trak":
                number, entry = _track(header, body, stop)
                found.traks[number], found.entries[number] = header[body - 8 : stop], entry
    if not found.traks:
        raise StreamFormatError("no header of a segment file")
    return found


def _track(header: bytes, at: int, end: int) -> tuple[int, bytes]:
    """(number, its one sample entry)."""
    number = 0
    for kind, body, stop in boxes(header, at, end):
        if kind == b"tkhd" and stop - body >= 16:
            (number,) = struct.unpack_from(">I", header, body + 12)
    for kind in _WAY:
        at, end = next(((a, b) for k, a, b in boxes(header, at, end) if k == kind), (end, end))
    entry = header[at + 8 : end]
    if len(entry) < 8 or struct.unpack_from(">I", entry)[0] != len(entry):
        raise StreamFormatError("no header of a segment file: no sample entry")
    return number, entry


def _sets(entry: bytes) -> bytes:
    """The parameter sets of a picture's sample entry (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1)."""
    record = entry[_CONFIG_AT:]
    try:
        nals = list(_hevc_sets(record) if entry[4:8] == b"hvc1" else _avc_sets(record))
    except (IndexError, struct.error) as error:
        raise StreamFormatError("no header of a segment file: parameter sets are cut") from error
    return b"".join(struct.pack(">I", len(nal)) + nal for nal in nals)


def _avc_sets(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            nal, at = _nal(record, at)
            yield nal


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        (count,) = struct.unpack_from(">H", record, at + 1)
        at += 3
        for _ in range(count):
            nal, at = _nal(record, at)
            yield nal


def _nal(record: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", record, at)
    nal = record[at + 2 : at + 2 + size]
    if len(nal) != size:
        raise IndexError(at)
    return nal, at + 2 + size


# --- writing ------------------------------------------------------------------------------------


def _with_entries(trak: bytes, entries: Sequence[bytes]) -> bytes:
    """A track with these sample entries instead of its one.

    The first stands at the end once more: FFmpeg takes the size of the track from the last, and
    where that is not the size in the track's header it stretches every picture.
    """
    entries = [*entries, entries[0]]
    stsd = bytes(4) + struct.pack(">I", len(entries)) + b"".join(entries)
    return _replaced(trak, _WAY, _box(b"stsd", stsd))


def _replaced(box: bytes, way: Sequence[bytes], by: bytes) -> bytes:
    """A box in which one far inside is another, and the sizes around it fit."""
    parts = []
    for kind, at, end in boxes(box, 8, len(box)):
        inner = box[at - 8 : end]
        if kind == way[0]:
            inner = by if len(way) == 1 else _replaced(inner, way[1:], by)
        parts.append(inner)
    return _box(box[4:8], b"".join(parts))


def _numbered(trak: bytes, number: int) -> bytes:
    """A track with another number."""
    out = bytearray(trak)
    for kind, at, _ in boxes(trak, 8, len(trak)):
        if kind == b"tkhd":
            struct.pack_into(">I", out, at + 12, number)
    return bytes(out)


def _header(first: bytes, traks: Sequence[bytes]) -> bytes:
    """`ftyp` and `moov` of the first file, with these tracks."""
    out = b""
    extends = b"".join(
        _box(b"trex", bytes(4) + struct.pack(">5I", VIDEO_TRACK + number, 1, 0, 0, 0))
        for number in range(len(traks))
    )
    for kind, at, end in boxes(first, 0, len(first)):
        if kind != b"moov":
            out += first[at - 8 : end]
            continue
        mvhd = next((first[a - 8 : b] for k, a, b in boxes(first, at, end) if k == b"mvhd"), b"")
        if len(mvhd) < 12:
            raise StreamFormatError("no header of a segment file: no time scale")
        mvhd = mvhd[:-4] + struct.pack(">I", VIDEO_TRACK + len(traks))
        out += _box(b"moov", mvhd + b"".join(traks) + _box(b"mvex", extends))
    return out


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body
