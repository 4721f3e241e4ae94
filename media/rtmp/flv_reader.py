"""FLV as our viewers get it, cut into the tags that RTMP carries as messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.errors import StreamFormatError

_FILE_HEADER: Final = 13
_TAG_HEADER: Final = 11
_KINDS: Final = frozenset({8, 9, 18})


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag."""

    kind: int
    """8 sound, 9 picture, 18 data: the same numbers as of RTMP's messages."""
    time: int
    """Milliseconds, 32 bits."""
    body: bytes


class FlvReader:
    """Chunks of a viewer in, tags out; a file header may stand in front."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Tag]:
        """Tags that are complete.  Raises StreamFormatError."""
        self._buffer += data
        buffer, size = self._buffer, len(self._buffer)
        tags: list[Tag] = []
        at = 0
        while True:
            if buffer[at : at + 1] == b"F":
                if size - at < _FILE_HEADER:
                    break
                at += _FILE_HEADER
            if size - at < _TAG_HEADER:
                break
            if buffer[at] not in _KINDS:
                raise StreamFormatError(f"FLV: a tag of kind {buffer[at]}")
            begin = at + _TAG_HEADER
            end = begin + int.from_bytes(buffer[at + 1 : at + 4], "big")
            if end + 4 > size:
                break
            time = buffer[at + 7] << 24 | int.from_bytes(buffer[at + 4 : at + 7], "big")
            tags.append(Tag(buffer[at], time, bytes(buffer[begin:end])))
            at = end + 4
        del buffer[:at]
        return tags
