"""The layout of a segment file as a few bytes, to be kept beside a file that is far away.

Finding out what lies where takes some thousand small reads; of a file on another machine that is
one request instead. A codec: what is no outline is a StreamFormatError.
"""

from __future__ import annotations

import struct
from typing import Final

from media.errors import StreamFormatError
from media.record.fragments import MOST_FRAGMENTS, MOST_HEAD, Fragment, Layout

MAGIC: Final = b"GBOUTLN1"
_HEAD: Final = struct.Struct("!8sIIIQ")
"""Magic, bytes of the header, tracks, fragments, whole."""
_TRACK: Final = struct.Struct("!II")
_FRAGMENT: Final = struct.Struct("!QIIqIBI")
MOST: Final = _HEAD.size + MOST_HEAD + 64 * _TRACK.size + MOST_FRAGMENTS * _FRAGMENT.size
"""Bytes of an outline."""


def pack(layout: Layout) -> bytes:
    """The bytes of a layout."""
    head = _HEAD.pack(
        MAGIC, len(layout.header), len(layout.scales), len(layout.fragments), layout.whole
    )
    tracks = b"".join(_TRACK.pack(*pair) for pair in layout.scales.items())
    fragments = b"".join(
        _FRAGMENT.pack(f.at, f.size, f.head, f.begins, f.ticks, f.key, f.pictures)
        for f in layout.fragments
    )
    return head + layout.header + tracks + fragments


def unpack(data: bytes) -> Layout:
    """The layout of these bytes; raises StreamFormatError."""
    try:
        magic, header, tracks, count, whole = _HEAD.unpack_from(data)
    except struct.error as error:
        raise StreamFormatError("no outline: too short") from error
    size = _HEAD.size + header + tracks * _TRACK.size + count * _FRAGMENT.size
    if magic != MAGIC or size != len(data) or size > MOST:
        raise StreamFormatError("no outline of a segment file")
    at = _HEAD.size + header
    middle = at + tracks * _TRACK.size
    scales = dict(_TRACK.iter_unpack(data[at:middle]))
    if not scales or not all(scales.values()):
        raise StreamFormatError("no outline: no tracks")
    layout = Layout(data[_HEAD.size : at], scales, [], whole)
    for place, length, head, begins, ticks, key, pictures in _FRAGMENT.iter_unpack(data[middle:]):
        if head + 8 > length or place + length > whole:
            raise StreamFormatError("no outline: a fragment lies outside")
        layout.fragments.append(Fragment(place, length, head, begins, ticks, bool(key), pictures))
    return layout
