"""Decoder configuration records read: avcC and hvcC as FLV and RTMP carry them.

ISO/IEC 14496-15 sections 5.3.3.1 (H.264) and 8.3.3.1 (H.265); `decoder_config` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.errors import StreamFormatError
from media.unit import Codec
from media.video.nal import MAX_PARAMETER_SETS, START4

_AVC_HEAD: Final = 5
_HEVC_HEAD: Final = 21
MAX_UNITS: Final = 1024
"""NAL units of one picture: slices of the smallest size do not come near."""


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """What a record says."""

    codec: Codec
    length_size: int
    """Bytes of the length in front of each NAL unit."""
    parameter_sets: list[bytes] = field(default_factory=list)


def read_config(codec: Codec, record: bytes) -> DecoderConfig:
    """Raises StreamFormatError."""
    reader = _Reader(record, _AVC_HEAD if codec is Codec.H264 else _HEVC_HEAD)
    if codec is Codec.H264:
        length_size = (record[_AVC_HEAD - 1] & 3) + 1
        counts = [reader.number(1) & 0x1F]
        sets = reader.sets(counts[0])
        sets += reader.sets(reader.number(1))
    else:
        length_size = (reader.number(1) & 3) + 1
        sets = []
        for _ in range(reader.number(1)):
            reader.number(1)  # the kind, which stands in the units as well
            sets += reader.sets(reader.number(2))
    if length_size == 3:
        raise StreamFormatError("NAL lengths of three bytes")
    return DecoderConfig(codec, length_size, sets)


def annex_b(data: bytes, at: int, length_size: int) -> bytes:
    """The NAL units from ``at`` on behind start codes.  Raises StreamFormatError."""
    parts: list[bytes | memoryview] = []
    view, end = memoryview(data), len(data)
    while at < end:
        begin = at + length_size
        at = begin + int.from_bytes(view[at:begin], "big")
        if begin > end or at > end or len(parts) > 2 * MAX_UNITS:
            raise StreamFormatError("a NAL unit that is longer than its picture")
        if at > begin:
            parts.append(START4)
            parts.append(view[begin:at])
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        if len(data) <= at:
            raise StreamFormatError("a decoder configuration that is cut off")
        self._data = data
        self._at = at

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def sets(self, count: int) -> list[bytes]:
        if count > MAX_PARAMETER_SETS:
            raise StreamFormatError(f"{count} parameter sets")
        found = [self._take(self.number(2)) for _ in range(count)]
        return [unit for unit in found if unit]

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise StreamFormatError("a decoder configuration that is cut off")
        found = self._data[self._at : end]
        self._at = end
        return found
