"""What lies where in a segment file: its header and its fragments.

Reads only the boxes' heads, so a file of a gigabyte is known after a few hundred small reads. A
file that ends in the middle is good up to its last whole fragment. ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from media.errors import StreamFormatError
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK
from media.unit import CLOCK_HZ

MOST_HEAD = 1 << 20
"""Bytes of a header or of the head of a fragment; more is no file of ours."""
MOST_FRAGMENTS = 100_000
INDEX = struct.Struct(">I4sIIIQQHH")
_box = struct.Struct(">I4s")
KEY = 0x02000000
"""Flags of a sample decoding can begin with."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One `moof` with its `mdat`."""

    at: int
    size: int
    head: int
    """Bytes of the `moof`."""
    begins: int
    """Ticks of the leading track."""
    ticks: int
    key: bool
    """It begins with a key frame."""
    pictures: int


@dataclass(slots=True)
class Layout:
    """A file."""

    header: bytes
    """`ftyp` and `moov`."""
    scales: dict[int, int]
    """Track number to its ticks per second."""
    fragments: list[Fragment] = field(default_factory=list)
    whole: int = 0
    """Bytes up to the end of the last whole fragment."""

    @property
    def leading(self) -> int:
        """The track that says where fragments begin: the picture, else the sound."""
        return VIDEO_TRACK if VIDEO_TRACK in self.scales else AUDIO_TRACK

    @property
    def seconds(self) -> float:
        """Media time."""
        return sum(one.ticks for one in self.fragments) / self.scales[self.leading]


def scan(read: Callable[[int, int], bytes], size: int) -> Layout:
    """The layout of a file of `size` bytes; `read(at, count)` gives fewer at its end.

    Raises StreamFormatError when it does not begin like a file of ours.
    """
    at, header, layout = 0, b"", None
    moof: tuple[int, bytes] | None = None
    while at + _box.size <= size:
        length, kind = _box.unpack(read(at, _box.size).ljust(_box.size, b"\0"))
        if length < _box.size or at + length > size:
            break
        if layout is None:
            if kind not in (b"ftyp", b"moov") or length > MOST_HEAD:
                raise StreamFormatError(f"no segment file: {kind!r}")
            header += read(at, length)
            if kind == b"moov":
                layout = Layout(header, _scales(header), [], at + length)
        elif kind == b"moof" and length <= MOST_HEAD:
            moof = (at, read(at, length))
        elif kind == b"mdat" and moof is not None:
            fragment = _fragment(layout, *moof, at + length)
            if fragment is None or len(layout.fragments) >= MOST_FRAGMENTS:
                break
            layout.fragments.append(fragment)
            layout.whole, moof = at + length, None
        at += length
    if layout is None:
        raise StreamFormatError("no segment file: no header")
    return layout


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin of the body, end) of the boxes side by side; stops at what is none."""
    while at + _box.size <= end:
        length, kind = _box.unpack_from(data, at)
        if length < _box.size or at + length > end:
            return
        yield kind, at + _box.size, at + length
        at += length


def _fragment(layout: Layout, at: int, moof: bytes, end: int) -> Fragment | None:
    leading = layout.leading
    begins: int | None = None
    ticks = pictures = 0
    key = False
    for kind, body, stop in boxes(moof, _box.size, len(moof)):
        if kind != b"traf":
            continue
        inner = {name: (a, b) for name, a, b in boxes(moof, body, stop)}
        if not {b"tfhd", b"tfdt", b"trun"} <= inner.keys():
            return None
        (track,) = struct.unpack_from(">I", moof, inner[b"tfhd"][0] + 4)
        if track not in layout.scales:
            return None
        if track != leading:
            continue
        run, run_end = inner[b"trun"]
        (count,) = struct.unpack_from(">I", moof, run + 4)
        if run + 12 + 16 * count != run_end or not count:
            return None
        if begins is not None and leading == VIDEO_TRACK:
            return None  # a fragment of ours has one run of pictures
        if begins is None:
            (begins,) = struct.unpack_from(">Q", moof, inner[b"tfdt"][0] + 4)
            (flags,) = struct.unpack_from(">I", moof, run + 12 + 8)
            key = leading == AUDIO_TRACK or flags == KEY
        pictures += count if leading == VIDEO_TRACK else 0
        ticks += sum(
            struct.unpack_from(">I", moof, run + 12 + 16 * index)[0] for index in range(count)
        )
    begins = layout.fragments[-1].begins if begins is None and layout.fragments else begins
    if begins is None:
        return None
    return Fragment(at, end - at, len(moof), begins, ticks, key, pictures)


def _scales(header: bytes) -> dict[int, int]:
    """Ticks per second of every track in a `moov`."""
    found: dict[int, int] = {}
    for kind, at, end in boxes(header, 0, len(header)):
        if kind != b"moov":
            continue
        for trak, body, stop in boxes(header, at, end):
            if trak == b"trak":
                number, scale = _track(header, body, stop)
                found[number] = scale
    if not found or any(scale <= 0 for scale in found.values()):
        raise StreamFormatError("no segment file: no tracks")
    return found


def _track(header: bytes, at: int, end: int) -> tuple[int, int]:
    number = scale = 0
    for kind, body, stop in boxes(header, at, end):
        if kind == b"tkhd" and stop - body >= 16:
            (number,) = struct.unpack_from(">I", header, body + 12)
        elif kind == b"mdia":
            for inner, place, close in boxes(header, body, stop):
                if inner == b"mdhd" and close - place >= 16:
                    (scale,) = struct.unpack_from(">I", header, place + 12)
    return number, scale


def sidx(entries: list[tuple[int, int, bool]], track: int, *, behind: int = 0) -> bytes:
    """An index (8.16.3): (bytes, ticks of 90 kHz, begins with a key frame) of what follows it, or
    follows so many bytes `behind` it."""
    head = INDEX.pack(
        *(INDEX.size + 12 * len(entries), b"sidx", 1 << 24, track, CLOCK_HZ),
        *(0, behind, 0, len(entries)),
    )
    return head + b"".join(
        struct.pack(">III", size & 0x7FFFFFFF, ticks, is_key << 31 | is_key << 28)
        for size, ticks, is_key in entries
    )
