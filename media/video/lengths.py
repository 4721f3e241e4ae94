"""Annex B as length-prefixed NAL units, as FLV and MP4 carry pictures.

Parameter sets travel in the header of the container, so they are taken out of the pictures, as are
access unit delimiters and filler data.  ISO/IEC 14496-15 5.3.2.
"""

from __future__ import annotations

import re
import struct

from media.unit import AccessUnit, Codec

LENGTH = struct.Struct(">I")

_START_CODE = re.compile(rb"\x00\x00\x01")
_AVC_LEFT_OUT = frozenset({7, 8, 9, 12})
"""SPS, PPS, access unit delimiter, filler data."""
_HEVC_LEFT_OUT = frozenset({32, 33, 34, 35, 38})
"""VPS, SPS, PPS, access unit delimiter, filler data."""


def length_prefixed(unit: AccessUnit) -> tuple[list[bytes | memoryview], int]:
    """The picture's NAL units, behind one empty slot for a head; and their size, 0 for none."""
    if unit.codec is Codec.H265:
        return _lengths(unit.data, 1, 0x3F, _HEVC_LEFT_OUT)
    return _lengths(unit.data, 0, 0x1F, _AVC_LEFT_OUT)


def _lengths(
    data: bytes, shift: int, mask: int, left_out: frozenset[int]
) -> tuple[list[bytes | memoryview], int]:
    """The views go straight into one join: the picture is copied once.

    The compiled expression searches a picture in two thirds of the time `bytes.find` takes.
    """
    starts = [match.end() for match in _START_CODE.finditer(data)]
    parts: list[bytes | memoryview] = [b""]
    if not starts:
        return parts, 0
    view = memoryview(data)
    size = 0
    starts.append(len(data) + 3)
    start = starts[0]
    for following in starts[1:]:
        end = following - 3
        while end > start and not data[end - 1]:  # the fourth byte of a long start code
            end -= 1
        if end > start and (data[start] >> shift & mask) not in left_out:
            parts.append(LENGTH.pack(end - start))
            parts.append(view[start:end])
            size += 4 + end - start
        start = following
    return parts, size
