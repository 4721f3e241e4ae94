"""Reads what was recorded of a channel, file after file, from any place on.

Everything here blocks and is called in a thread, by one caller at a time; it raises
StorageUnreachable when files are in a store that does not answer. A file is read in chunks
and unpacked as it comes, so that no more than one fragment and one chunk are held. Of a file that
was closed the index tells where to begin; one that grows, or whose end was lost, is looked through.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import inf

from gb28181.errors import PlatformError
from gb28181.store.recordings import SegmentRecord
from media.errors import StreamFormatError
from media.record.fragments import MOST_HEAD
from media.record.projector import Strip
from media.record.unpack import Head, Part, Place, Unpacker, read_head
from media.unit import CLOCK_HZ

from .film import taken_until
from .storage import Storage, StorageUnreachable

CHUNK = 1 << 20
"""Bytes of one reading."""
HEAD = 1 << 16
"""Bytes of the first reading of a file: a header, and the index of an hour."""


@dataclass(slots=True)
class _Open:
    """The file that is read."""

    record: SegmentRecord
    unpacker: Unpacker
    at: int


class Reel:
    """The files of one stretch of time."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._records: list[SegmentRecord] = []
        self._open: _Open | None = None
        self._done = 0.0  # up to the end of this file all was read
        self.broken: list[tuple[str, str]] = []
        """Files that could not be read, to their end at least, and why."""

    def __repr__(self) -> str:
        path = self._open.record.path if self._open else "-"
        return f"<Reel {path} of {len(self._records)}>"

    @property
    def position(self) -> float:
        """UNIX time up to which all files were begun: what the index is to be asked from."""
        return self._open.record.start_at.timestamp() if self._open else self._done

    def go(self, records: list[SegmentRecord], at: float) -> None:
        """Read on from the key frame before a place; `records` are the files from there on."""
        self._open, self._done = None, at
        self._records = [one for one in records if one.state != "lost"]
        while self._open is None and self._records:
            first = self._records[0]
            if first.end_at.timestamp() <= at and first.state != "growing":
                self._records.pop(0)
                continue
            self._begin(first, at)

    def renew(self, records: list[SegmentRecord]) -> None:
        """What the index knows now, from `position` on."""
        current = self._open.record if self._open else None
        begun = current.start_at.timestamp() if current else self._done
        self._records = [
            one
            for one in records
            if one.state != "lost"
            and (current is None or one.path != current.path)
            and one.start_at.timestamp() >= begun
        ]

    def read(self) -> list[Strip]:
        """The next parts; none at the end of what is known."""
        while True:
            if self._open is None:
                if not self._records:
                    return []
                self._begin(self._records[0], None)
                continue
            strips = self._more(self._open)
            if strips:
                return strips
            if self._open is not None and not self._records:
                return []  # it may grow
            self._close()

    # --- files -------------------------------------------------------------------------------

    def _begin(self, record: SegmentRecord, at: float | None) -> None:
        """Open the first of the files; one that cannot be read is left out."""
        self._records.pop(0)
        try:
            head = self._head(record.path)
            place = self._place(record, head, at)
        except StorageUnreachable:
            raise  # what is far away is not broken
        except (OSError, StreamFormatError, PlatformError) as error:
            self._done = max(self._done, record.end_at.timestamp())
            self.broken.append((record.path, str(error)))
            return
        self._open = _Open(record, Unpacker(head.tracks), place)

    def _head(self, path: str) -> Head:
        data, head = b"", None
        while head is None and len(data) <= 2 * MOST_HEAD:
            more = self._storage.read(path, len(data), HEAD if not data else MOST_HEAD)
            if not more:
                break
            data += more
            head = read_head(data)
        if head is None:
            raise StreamFormatError("no segment file: no fragment in it")
        return head

    def _place(self, record: SegmentRecord, head: Head, at: float | None) -> int:
        """Where in the file to begin."""
        since = 0 if at is None else round((at - record.start_at.timestamp()) * CLOCK_HZ)
        if since <= 0:
            return head.first
        places = head.places or self._looked_through(record.path)
        number = bisect_right(places, since, key=lambda place: place.begins)
        return places[number - 1].at if number else head.first

    def _looked_through(self, path: str) -> tuple[Place, ...]:
        layout = self._storage.layout(path)
        scale = layout.scales[layout.leading]
        return tuple(
            Place(one.at, one.begins * CLOCK_HZ // scale) for one in layout.fragments if one.key
        )

    def _more(self, opened: _Open) -> list[Strip]:
        """Parts of the open file; none at its end."""
        record, unpacker = opened.record, opened.unpacker
        starts = record.start_at.timestamp()
        try:
            while unpacker.failure is None:
                data = self._storage.read(record.path, opened.at, CHUNK)
                if not data:
                    return []
                opened.at += len(data)
                parts = [one for one in unpacker.feed(data) if isinstance(one, Part)]
                tracks = unpacker.tracks
                if parts and tracks is not None:
                    until = self._until(record)
                    return [
                        Strip(record.path, starts, tracks.video, tracks.audio, one, until)
                        for one in parts
                    ]
            self.broken.append((record.path, str(unpacker.failure)))
        except StorageUnreachable:
            raise
        except (OSError, PlatformError) as error:
            self.broken.append((record.path, str(error)))
        self._close()
        return []

    def _until(self, record: SegmentRecord) -> float:
        """To where a file is shown, where the one that follows has its end too."""
        found = taken_until(record, self._records[0]) if self._records else None
        return inf if found is None else found.timestamp()

    def _close(self) -> None:
        if self._open is not None:
            self._done = max(self._done, self._open.record.end_at.timestamp())
            self._open = None
