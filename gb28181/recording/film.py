"""A stretch of time out of several segments as one MP4, without re-encoding and without a copy.

A film is a list of pieces: bytes that are made (header, index, heads of fragments at their new
times) and ranges of the files there are. Its size is known before a byte is read, so any part of it
can be served. It begins at the last key frame before the wanted time; what was not recorded is left
out, and times go on without the pause. Segments of different formats have no common header: they
are no one film, and the error says where the format changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from gb28181.errors import BadInput, Conflict, NotFound
from gb28181.store.recordings import SegmentRecord
from media.errors import StreamFormatError
from media.record.fragments import Fragment, Layout, retimed, sidx

from .recovery import layout_of
from .storage import Storage

CHUNK = 1 << 18
LONGEST_S = 24 * 3600
"""Of one film."""
_TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the film: made ones, those of a file, or the head of a fragment at a new time."""

    at: int
    """In the film."""
    size: int
    made: bytes = b""
    path: str = ""
    place: int = 0
    """In the file."""
    number: int = 0
    """Of a head: that of its fragment, from 1 on."""
    shift: int = 0
    """Of a head: how far it is moved, in ticks of the leading track."""


@dataclass(slots=True)
class Film:
    """One MP4 that was not written anywhere."""

    layout: Layout
    """Of its first file; the header is that of all."""
    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    seconds: float = 0.0
    pictures: int = 0
    begins_at: float = 0.0
    """UNIX time of its first picture."""

    def add(self, made: bytes) -> None:
        self.pieces.append(Piece(self.size, len(made), made))
        self.size += len(made)

    def take(self, path: str, one: Fragment, number: int, shift: int) -> None:
        """A fragment of a file, as the film's next."""
        self.pieces.append(Piece(self.size, one.head, b"", path, one.at, number, shift))
        self.size += one.head
        self.pieces.append(Piece(self.size, one.size - one.head, b"", path, one.at + one.head))
        self.size += one.size - one.head
        self.pictures += one.pictures


@dataclass(slots=True)
class _Part:
    """What is taken of one segment."""

    record: SegmentRecord
    layout: Layout
    fragments: list[Fragment]


def film_of(storage: Storage, records: list[SegmentRecord], start: datetime, end: datetime) -> Film:
    """The film of a stretch; reads heads of files, so it is called in a thread.

    Raises NotFound when nothing was recorded, Conflict where formats change.
    """
    parts = []
    for record in records:
        try:
            layout = layout_of(storage, record.path)
        except (OSError, StreamFormatError):
            continue  # the index knows, or will; the rest can be shown
        chosen = _chosen(record, layout, start, end)
        if chosen:
            parts.append(_Part(record, layout, chosen))
    if not parts:
        raise NotFound("recording", f"from {start.isoformat()} to {end.isoformat()}")
    first = parts[0]
    for part in parts[1:]:
        if part.layout.header != first.layout.header:
            raise Conflict(
                "formats_differ",
                "the format of the recording changes; ask for both sides of it apart",
                changes_at=part.record.start_at.isoformat(),
            )
    return _joined(parts)


def _chosen(
    record: SegmentRecord, layout: Layout, start: datetime, end: datetime
) -> list[Fragment]:
    """Fragments from the key frame before the start to the end."""
    begin, scale = record.start_at, layout.scales[layout.leading]
    since = (start - begin).total_seconds() * scale
    until = (end - begin).total_seconds() * scale
    kept = [one for one in layout.fragments if one.begins < until]
    first = 0
    for number, one in enumerate(kept):
        if one.key and one.begins <= max(since, 0):
            first = number
    kept = kept[first:]
    return kept if kept and kept[-1].begins + kept[-1].ticks > since else []


def _joined(parts: list[_Part]) -> Film:
    layout = parts[0].layout
    film = Film(layout)
    scale = layout.scales[layout.leading]
    film.add(layout.header)
    entries: list[tuple[int, int, bool]] = []
    for part in parts:
        for one in part.fragments:
            ticks = one.ticks * _TICKS // scale
            if entries and not one.key:
                before = entries[-1]
                entries[-1] = (before[0] + one.size, before[1] + ticks, before[2])
            else:
                entries.append((one.size, ticks, one.key))
    film.add(sidx(_fewer(entries), layout.leading))
    at = number = 0
    for part in parts:
        shift = at - part.fragments[0].begins
        for one in part.fragments:
            number += 1
            film.take(part.record.path, one, number, shift)
        at = part.fragments[-1].begins + part.fragments[-1].ticks + shift
    film.seconds = at / scale
    film.begins_at = parts[0].record.start_at.timestamp() + parts[0].fragments[0].begins / scale
    return film


def _fewer(entries: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """An index counts to 65,535."""
    while len(entries) > 0xFFFF:
        entries = [
            (a[0] + b[0], a[1] + b[1], a[2])
            for a, b in zip(entries[::2], [*entries[1::2], (0, 0, True)], strict=False)
        ]
    return entries


def _small(storage: Storage, piece: Piece, layout: Layout) -> bytes:
    """A made piece, or a head; raises OSError when the file changed."""
    if piece.made:
        return piece.made
    head = storage.read(piece.path, piece.place, piece.size)
    if len(head) != piece.size or head[4:8] != b"moof":
        raise OSError(f"{piece.path} changed")
    return retimed(head, piece.number, piece.shift, layout)


async def read_film(
    storage: Storage, film: Film, first: int = 0, last: int | None = None
) -> AsyncIterator[bytes]:
    """Bytes `first` to `last` (included); raises OSError when a file went away meanwhile."""
    end = film.size if last is None else last + 1
    for piece in film.pieces:
        begin, stop = max(first, piece.at) - piece.at, min(end, piece.at + piece.size) - piece.at
        if piece.at >= end:
            return
        if begin < stop and (piece.made or piece.number):
            data = await asyncio.to_thread(_small, storage, piece, film.layout)
            yield data[begin:stop]
            continue
        while begin < stop:
            count = min(CHUNK, stop - begin)
            data = await asyncio.to_thread(storage.read, piece.path, piece.place + begin, count)
            if len(data) != count:
                raise OSError(f"{piece.path} became shorter")
            yield data
            begin += count


def checked_span(start: datetime, end: datetime) -> None:
    """Raises BadInput for a stretch that cannot be one film."""
    if start >= end:
        raise BadInput("start must be before end")
    if (end - start).total_seconds() > LONGEST_S:
        raise BadInput("at most 24 hours at a time")
