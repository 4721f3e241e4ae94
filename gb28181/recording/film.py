"""A stretch of time out of several segments as one MP4, without re-encoding and without a copy.

A film is a list of pieces: bytes that are made (header, index, heads of fragments at their new
times) and ranges of the files there are. Its size is known before a byte is read, so any part of it
can be served. It begins at the last key frame before the wanted time; what was not recorded is left
out, and times go on without the pause. Where sizes, parameter sets or sounds change, the header has
an entry for each (`media.record.headers`). Another kind of picture is no one film: the error names
the stretches that are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gb28181.errors import BadInput, Conflict, NotFound
from gb28181.store.recordings import SegmentRecord
from media.errors import StreamFormatError
from media.record.fragments import Fragment, Layout, sidx
from media.record.headers import FormatsDiffer, Place, joined
from media.record.moved import MDAT, Move, growth, moved

from .storage import Storage, StorageUnreachable, in_thread

CHUNK = 1 << 18
LONGEST_S = 24 * 3600
"""Of one film."""
JITTER_S = 0.2
"""So much the same picture may lie apart in two files."""
MOST_TWICE_S = 30.0
"""A group of pictures is not longer."""
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
    head: int = 0
    """Of a head: its bytes in the file."""
    move: Move | None = None
    """Of a head: where its fragment comes to."""
    layout: Layout | None = None
    """Of a head: that of its file."""


@dataclass(slots=True)
class Film:
    """One MP4 that was not written anywhere."""

    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    seconds: float = 0.0
    pictures: int = 0
    begins_at: float = 0.0
    """UNIX time of its first picture."""

    def add(self, made: bytes) -> None:
        self.pieces.append(Piece(self.size, len(made), made))
        self.size += len(made)

    def take(self, part: _Part, one: Fragment, number: int, shift: int) -> None:
        """A fragment of a file, as the film's next."""
        path, head = part.record.path, one.head + MDAT
        move = Move(number, shift, part.places, one.key)
        size = head + growth(one, part.places)
        self.pieces.append(Piece(self.size, size, b"", path, one.at, head, move, part.layout))
        self.size += size
        self.pieces.append(Piece(self.size, one.size - head, b"", path, one.at + head))
        self.size += one.size - head
        self.pictures += one.pictures


@dataclass(slots=True)
class _Part:
    """What is taken of one segment."""

    record: SegmentRecord
    layout: Layout
    fragments: list[Fragment]
    places: dict[int, Place] = field(default_factory=dict)


def film_of(storage: Storage, records: list[SegmentRecord], start: datetime, end: datetime) -> Film:
    """The film of a stretch; reads heads of files, so it is called in a thread.

    Raises NotFound when nothing was recorded, Conflict where formats change, StorageUnreachable.
    """
    parts = []
    read = list(_read(storage, records))
    for (record, layout), follows in zip(read, [*read[1:], None], strict=False):
        until = None if follows is None else taken_until(record, follows[0])
        chosen = _chosen(record, layout, start, min(end, until or end))
        if chosen:
            parts.append(_Part(record, layout, chosen))
    if not parts:
        raise NotFound("recording", f"from {start.isoformat()} to {end.isoformat()}")
    try:
        common = joined([part.layout.header for part in parts])
    except FormatsDiffer:
        raise _differ(parts, start, end) from None
    except StreamFormatError as error:
        raise Conflict("recording_damaged", str(error)) from error
    for part, places in zip(parts, common.places, strict=True):
        part.places = places
    return _joined(common.header, parts)


def _read(storage: Storage, records: list[SegmentRecord]) -> Iterator[tuple[SegmentRecord, Layout]]:
    for record in records:
        try:
            yield record, storage.layout(record.path)
        except StorageUnreachable:
            raise
        except (OSError, StreamFormatError):
            continue  # the index knows, or will; the rest can be shown


def taken_until(record: SegmentRecord, follows: SegmentRecord) -> datetime | None:
    """To where a file is taken: one that was begun in the middle of a group of pictures begins with
    that group, which the file before has too. More is no group, but a clock that was set."""
    twice = (record.end_at - follows.start_at).total_seconds()
    if JITTER_S < twice <= MOST_TWICE_S:
        return follows.start_at - timedelta(seconds=JITTER_S)
    return None


def _differ(parts: list[_Part], start: datetime, end: datetime) -> Conflict:
    """Which stretches are films of their own."""
    groups: list[list[_Part]] = []
    while parts:
        try:
            joined([part.layout.header for part in parts])
            count = len(parts)
        except FormatsDiffer as error:
            count = error.at
        groups.append(parts[:count])
        parts = parts[count:]
    begins = [start, *(group[0].record.start_at for group in groups[1:])]
    return Conflict(
        "formats_differ",
        "the kind of picture changes, no player reads that in one file; ask for its parts",
        changes_at=begins[1].isoformat(),
        parts=[
            {
                "start": begin.isoformat(),
                "end": until.isoformat(),
                "video": group[0].record.video,
                "audio": group[0].record.audio,
            }
            for begin, until, group in zip(begins, [*begins[1:], end], groups, strict=True)
        ],
    )


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


def _joined(header: bytes, parts: list[_Part]) -> Film:
    film, layout = Film(), parts[0].layout
    scale = layout.scales[layout.leading]
    film.add(header)
    film.add(_index(parts, layout.leading, scale))
    at = number = 0
    for part in parts:
        shift = at - part.fragments[0].begins
        for one in part.fragments:
            number += 1
            film.take(part, one, number, shift)
        at = part.fragments[-1].begins + part.fragments[-1].ticks + shift
    film.seconds = at / scale
    film.begins_at = parts[0].record.start_at.timestamp() + parts[0].fragments[0].begins / scale
    return film


def _index(parts: list[_Part], leading: int, scale: int) -> bytes:
    entries: list[tuple[int, int, bool]] = []
    for part in parts:
        for one in part.fragments:
            ticks, size = one.ticks * _TICKS // scale, one.size + growth(one, part.places)
            if entries and not one.key:
                before = entries[-1]
                entries[-1] = (before[0] + size, before[1] + ticks, before[2])
            else:
                entries.append((size, ticks, one.key))
    return sidx(_fewer(entries), leading)


def _fewer(entries: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """An index counts to 65,535."""
    while len(entries) > 0xFFFF:
        entries = [
            (a[0] + b[0], a[1] + b[1], a[2])
            for a, b in zip(entries[::2], [*entries[1::2], (0, 0, True)], strict=False)
        ]
    return entries


def _small(storage: Storage, piece: Piece) -> bytes:
    """A made piece, or a head; raises OSError when the file changed."""
    if piece.move is None or piece.layout is None:
        return piece.made
    head = storage.read(piece.path, piece.place, piece.head)
    try:
        made = moved(head, piece.move, piece.layout)
    except StreamFormatError as error:
        raise OSError(f"{piece.path} changed") from error
    if len(made) != piece.size:
        raise OSError(f"{piece.path} changed")
    return made


async def read_film(
    storage: Storage, film: Film, first: int = 0, last: int | None = None
) -> AsyncIterator[bytes]:
    """Bytes `first` to `last` (included); raises OSError when a file went away meanwhile."""
    end = film.size if last is None else last + 1
    for piece in film.pieces:
        begin, stop = max(first, piece.at) - piece.at, min(end, piece.at + piece.size) - piece.at
        if piece.at >= end:
            return
        if begin < stop and (piece.made or piece.move is not None):
            data = await in_thread(storage, _small, storage, piece)
            yield data[begin:stop]
            continue
        while begin < stop:
            count = min(CHUNK, stop - begin)
            data = await in_thread(storage, storage.read, piece.path, piece.place + begin, count)
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
