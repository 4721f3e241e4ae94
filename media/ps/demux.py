"""MPEG program stream to pieces of elementary stream.

``parse`` takes the joined payloads of one RTP timestamp (a *burst*), which for a well-behaved
sender is exactly one pack, and walks over its headers once; picture data is never searched unless
a length is wrong. It keeps no bytes: what is unfinished is reported by offset and handed in again
by the caller.

What senders do and this accepts: no stream map, or one with wrong lengths; PES length 0, too
long, too short or wrapped at 64 KiB; private streams (BD, BE, BF) and unknown ids; several packs in
one burst; a pack spread over bursts; start in the middle; garbage in between.

The ids B9-FF cannot follow a start code inside H.264 or H.265 data, whose unit headers begin with
a zero bit; that is what makes looking for the next header safe.

ISO/IEC 13818-1 2.4.3.6, 2.5.3; GB/T 28181-2022 Annex C.1.
"""

from __future__ import annotations

from typing import Final

from media.ps.psm import parse_psm

START: Final = b"\x00\x00\x01"
PACK: Final = 0xBA
SYSTEM: Final = 0xBB
MAP: Final = 0xBC
END: Final = 0xB9
FIRST_ID: Final = END

FULL_PES: Final = 60_000
"""A PES payload of this size may be followed by more of the same unit."""


class Piece:
    """Consecutive PES payloads of one stream that belong to one unit (video) or one PES (audio)."""

    __slots__ = ("complete", "data", "dts", "end", "last_size", "parts", "pts", "start", "stream")

    def __init__(self, stream: int, start: int, end: int, *, complete: bool) -> None:
        self.stream = stream
        self.start = start
        self.end = end
        self.complete = complete
        """Every stated length was satisfied."""
        self.pts: int | None = None
        self.dts: int | None = None
        self.parts: list[bytes] = []
        self.data = b""
        self.last_size = 0
        """Payload size of the last PES; -1 when its length was not stated."""

    def extend(self, other: Piece) -> None:
        """Takes in the next PES of the same unit."""
        self.parts += other.parts
        self.end = other.end
        self.complete = self.complete and other.complete
        self.last_size = other.last_size
        if self.pts is None:
            self.pts, self.dts = other.pts, other.dts

    def join(self) -> None:
        parts = self.parts
        self.data = parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def surely_whole(self) -> bool:
        """Complete, and the last PES was too short to be continued by another one."""
        return self.complete and 0 <= self.last_size < FULL_PES


class PsDemuxer:
    """Walks bursts of one program stream; remembers only the stream map."""

    def __init__(self) -> None:
        self.streams: dict[int, int] = {}
        """Stream id -> stream type, from the last map."""
        self.mapped = False
        self._map_bytes = b""
        self.bad = 0
        """Places where the stream broke the rules."""
        self.unknown_bytes = 0
        """Bytes outside any header or payload."""
        self.unfinished = False
        """The burst parsed last did not end where a structure ends."""

    def reset(self) -> None:
        """Another sender follows."""
        self.streams = {}
        self.mapped = False
        self._map_bytes = b""

    def parse(self, data: bytes, final: bool = True) -> tuple[list[Piece], int]:
        """Pieces of this burst, and how many bytes of it are used up.

        With ``final`` everything is used. Without, more of the same unit may follow: the last one
        is left for the next call, together with all that stands behind its start.
        """
        pieces: list[Piece] = []
        video: Piece | None = None
        size = len(data)
        self.unfinished = False
        at = 0 if _header_at(data, 0, size) else self._resync(data, 0)
        while 0 <= at <= size - 4:
            stream = data[at + 3]
            if not 0xC0 <= stream <= 0xEF:
                at = self._other(data, at, size, stream)
                continue
            piece = self._pes(data, at, size)
            if piece is None:
                self.bad += 1
                at = self._resync(data, at + 4)
                continue
            at = piece.end
            if stream < 0xE0:
                pieces.append(piece)
            elif video is not None and _continues(video, piece):
                video.extend(piece)
            else:
                video = piece
                pieces.append(piece)
            if at < size and not _header_at(data, at, size):
                at = self._resync(data, at)
        self.unfinished = self.unfinished or at != size
        for piece in pieces:
            piece.join()
        if final:
            return pieces, size
        if not pieces:
            return pieces, 0
        tail = pieces[-1].start if video is None else video.start
        return [piece for piece in pieces if piece.start < tail], tail

    def _pes(self, data: bytes, at: int, size: int) -> Piece | None:
        """The PES packet at ``at``; None when its header makes no sense."""
        if size - at < 9:
            return Piece(data[at + 3], at, size, complete=False)
        if data[at + 6] >> 6 != 0b10:
            return None
        stream = data[at + 3]
        length = data[at + 4] << 8 | data[at + 5]
        head = data[at + 8]
        begin = at + 9 + head
        if begin > size:
            return Piece(stream, at, size, complete=False)
        complete = True
        end = at + 6 + length
        if not length:
            # "Not bounded", allowed for video: it ends where the next header begins.
            found = _find_header(data, begin)
            end = found if found >= 0 else size
        elif end != size and not _header_at(data, end, size):
            end, complete = self._repair(data, stream, begin, end)
        piece = Piece(stream, at, end, complete=complete)
        flags = data[at + 7] >> 6
        if flags & 2 and head >= 5:
            piece.pts = pes_time(data, at + 9)
            if flags == 3 and head >= 10:
                piece.dts = pes_time(data, at + 14)
        piece.parts.append(data[begin:end])
        piece.last_size = end - begin if length else -1
        return piece

    def _repair(self, data: bytes, stream: int, begin: int, end: int) -> tuple[int, bool]:
        """Real end of a PES whose stated one is not followed by a header, and whether it is all.

        Too long: the next header lies inside, or the burst is over (then bytes may be lost). Too
        short (lengths wrapped at 64 KiB): picture data goes on to the next header; sound is
        taken at its word, because there the bytes in between are filling.
        """
        size = len(data)
        found = _find_header(data, begin)
        if found < 0:
            if end > size:
                return size, False
            found = size
        self.bad += 1
        return (min(end, found) if stream < 0xE0 else found), True

    def _other(self, data: bytes, at: int, size: int, stream: int) -> int:
        """Where the header behind a non-PES structure begins; -1 when there is none."""
        if stream == PACK:
            if size - at >= 14 and data[at + 4] >> 6 == 0b01:
                end = at + 14 + (data[at + 13] & 7)
            else:
                end = at + 12 if size - at >= 12 and data[at + 4] >> 4 == 0b0010 else at + 4
        elif stream == END:
            end = at + 4
        elif size - at < 6:
            return -1
        else:
            end = at + 6 + (data[at + 4] << 8 | data[at + 5])
        if (end < size and not _header_at(data, end, size)) or end > size:
            self.bad += 1
            found = _find_header(data, min(at + (6 if stream != PACK else 4), size))
            end = found if found >= 0 else size
            self.unfinished = self.unfinished or found < 0
        if stream == MAP and (section := data[at:end]) != self._map_bytes:
            self._map_bytes = section
            streams = parse_psm(section)
            if streams:
                self.streams = streams
                self.mapped = True
            else:
                self.bad += 1
        return end

    def _resync(self, data: bytes, at: int) -> int:
        """Next header at or behind ``at``; -1 when there is none."""
        found = _find_header(data, at)
        self.unknown_bytes += (found if found >= 0 else len(data)) - at
        return found


def _continues(video: Piece, piece: Piece) -> bool:
    """Whether a video PES belongs to the same unit as the one before in this burst."""
    if piece.stream != video.stream:
        return False
    if piece.pts is None or piece.pts == video.pts:
        return True
    # Parameter sets without a time in front of a picture with one; not the tail of the unit before.
    return video.pts is None and video.parts[0].startswith((START, b"\x00" + START))


def _header_at(data: bytes, at: int, size: int) -> bool:
    """Whether a header begins at ``at``, as far as the data goes."""
    if size - at >= 4:
        return data[at + 3] >= FIRST_ID and data.startswith(START, at)
    return at <= size and START.startswith(data[at:])


def _find_header(data: bytes, at: int) -> int:
    """Next start code of a program stream at or behind ``at``; -1 when there is none."""
    last = len(data) - 4
    found = data.find(START, at)
    while 0 <= found <= last:
        if data[found + 3] >= FIRST_ID:
            return found
        found = data.find(START, found + 1)
    return -1


def pes_time(data: bytes, at: int) -> int:
    """A 33-bit time of a PES header; the marker bits are not checked."""
    return (
        (data[at] & 0x0E) << 29
        | data[at + 1] << 22
        | (data[at + 2] & 0xFE) << 14
        | data[at + 3] << 7
        | data[at + 4] >> 1
    )
