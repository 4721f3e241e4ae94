"""The head of a fragment at another place: number, times, tracks and sample entry of a film.

What is made is longer than what was by a size that is known before (`growth`): four bytes where
the sample entry has to be named, and the parameter sets before a key frame. ISO/IEC 14496-12 8.8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from media.errors import StreamFormatError
from media.output.fmp4 import VIDEO_TRACK
from media.record.fragments import KEY, Fragment, Layout, boxes
from media.record.headers import Place

MDAT = 8
"""Bytes of the head of the box with the samples; they are made anew with that of the fragment."""
_BROKEN = "no fragment of a segment file"
_ENTRY_FLAG = 0x02
_NOT_SYNC = 0x00010000
_box = struct.Struct(">I4s")


@dataclass(frozen=True, slots=True)
class Move:
    """Where a fragment comes to."""

    number: int
    """From 1 on."""
    shift: int
    """Ticks of the leading track."""
    places: Mapping[int, Place]
    key: bool
    """It begins with a key frame."""

    @property
    def sets(self) -> bytes:
        place = self.places.get(VIDEO_TRACK)
        return b"" if place is None or not self.key else place.sets


def growth(one: Fragment, places: Mapping[int, Place]) -> int:
    """Bytes by which a fragment's head becomes longer, parameter sets with it."""
    place = places.get(VIDEO_TRACK)
    if place is None or not one.pictures:
        return 0
    return (4 if place.entry > 1 else 0) + (len(place.sets) if one.key else 0)


def moved(head: bytes, move: Move, layout: Layout) -> bytes:
    """`moof`, the head of `mdat` and the parameter sets, out of `moof` and the head of `mdat`.

    Raises StreamFormatError when it is no fragment of a file with this layout.
    """
    end = len(head) - MDAT
    if head[4:8] != b"moof" or head[end + 4 :] != b"mdat" or _size(head, 0) != end:
        raise StreamFormatError(_BROKEN)
    try:
        return _moved(head, end, move, layout)
    except (struct.error, KeyError) as error:
        raise StreamFormatError(_BROKEN) from error


def _moved(head: bytes, end: int, move: Move, layout: Layout) -> bytes:
    trafs = [(at, stop) for kind, at, stop in boxes(head, 8, end) if kind == b"traf"]
    runs = [_Run(head, at, stop, move.places) for at, stop in trafs]
    longer = sum(4 for run in runs if run.place.entry > 1)
    pictures = next((run for run in runs if run.track == VIDEO_TRACK), None)
    sets = move.sets if pictures is not None else b""
    out = [struct.pack(">I4sII", 16, b"mfhd", 0, move.number & 0xFFFFFFFF)]
    for run in runs:
        scale = layout.scales[run.track]
        begins = run.begins + move.shift * scale // layout.scales[layout.leading]
        behind = pictures is not None and run.offset > pictures.offset
        offset = run.offset + longer + (len(sets) if behind else 0)
        out.append(run.placed(max(begins, 0), offset, len(sets) if run is pictures else 0))
    body = b"".join(out)
    samples = _size(head, end) + len(sets)
    return _box.pack(len(body) + 8, b"moof") + body + _box.pack(samples, b"mdat") + sets


class _Run:
    """The samples of one track in a fragment."""

    def __init__(self, head: bytes, at: int, end: int, places: Mapping[int, Place]) -> None:
        found = {kind: (a, b) for kind, a, b in boxes(head, at, end)}
        tfhd, tfdt = found[b"tfhd"][0], found[b"tfdt"][0]
        run, stop = found[b"trun"]
        self.flags, self.track = struct.unpack_from(">II", head, tfhd)
        self.place = places[self.track]
        (self.begins,) = struct.unpack_from(">Q", head, tfdt + 4)
        (self.offset,) = struct.unpack_from(">I", head, run + 8)
        self.trun = head[run:stop]

    def placed(self, begins: int, offset: int, sets: int) -> bytes:
        """The box of it; its first sample is longer by `sets` bytes."""
        trun = bytearray(self.trun)
        struct.pack_into(">I", trun, 8, offset)
        if sets:
            struct.pack_into(">I", trun, 16, _size(self.trun, 16) + sets)
        if self.place.sets:
            _one_key(trun)
        entry = b"" if self.place.entry == 1 else struct.pack(">I", self.place.entry)
        flags = self.flags | (_ENTRY_FLAG if entry else 0)
        tfhd = struct.pack(">II", flags, self.place.track) + entry
        parts = ((b"tfhd", tfhd), (b"tfdt", struct.pack(">IQ", 1 << 24, begins)), (b"trun", trun))
        body = b"".join(_box.pack(len(part) + 8, kind) + part for kind, part in parts)
        return _box.pack(len(body) + 8, b"traf") + body


def _one_key(trun: bytearray) -> None:
    """A key frame within the fragment has no parameter sets: nobody is to begin there."""
    for at in range(28, len(trun), 16):
        if _size(trun, at + 8) == KEY:
            struct.pack_into(">I", trun, at + 8, _NOT_SYNC)


def _size(data: bytes | bytearray, at: int) -> int:
    found: int = struct.unpack_from(">I", data, at)[0]
    return found
