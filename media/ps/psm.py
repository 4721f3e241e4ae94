"""Program stream map: which elementary stream carries which codec.

Reading is forgiving, because several makers write wrong lengths into the map: when following the
lengths does not lead through sensible entries, the map is searched for pairs of a known stream
type and a stream id. Writing is exact.

ISO/IEC 13818-1 2.5.4; stream types GB/T 28181-2022 Annex C.1.
"""

from __future__ import annotations

from typing import Final

from media.unit import Codec

STREAM_TYPES: Final[dict[int, Codec]] = {
    0x10: Codec.MPEG4,
    0x1B: Codec.H264,
    0x24: Codec.H265,
    0x80: Codec.SVAC,
    0x90: Codec.G711A,
    0x91: Codec.G711U,
    0x92: Codec.G722,
    0x93: Codec.G723,
    0x99: Codec.G729,
    0x9B: Codec.SVACA,
    0x0F: Codec.AAC,
}
TYPE_OF: Final[dict[Codec, int]] = {codec: number for number, codec in STREAM_TYPES.items()}

VIDEO_ID: Final = 0xE0
AUDIO_ID: Final = 0xC0
ELEMENTARY_IDS: Final = range(0xC0, 0xF0)
PRIVATE_IDS: Final = (0xBD, 0xBF)

FIXED_BYTES: Final = 10
"""Start code, length, two flag bytes and the length of the program descriptors."""


def parse_psm(section: bytes) -> dict[int, int]:
    """Stream id -> stream type of a map from its start code on; empty when nothing is found."""
    return _by_length(section) or _by_search(section)


def _by_length(section: bytes) -> dict[int, int]:
    """Follows the lengths; empty when they lead anywhere but to the end of the map."""
    if len(section) < FIXED_BYTES + 2:
        return {}
    at = FIXED_BYTES + int.from_bytes(section[8:10], "big")
    if at + 2 > len(section):
        return {}
    end = at + 2 + int.from_bytes(section[at : at + 2], "big")
    at += 2
    if end > len(section):
        return {}
    found: dict[int, int] = {}
    while at + 4 <= end:
        kind, stream = section[at], section[at + 1]
        if stream not in ELEMENTARY_IDS and stream not in PRIVATE_IDS:
            return {}
        found[stream] = kind
        at += 4 + int.from_bytes(section[at + 2 : at + 4], "big")
    return found if at == end else {}


def _by_search(section: bytes) -> dict[int, int]:
    """Pairs of a known stream type and a fitting stream id, wherever they stand."""
    found: dict[int, int] = {}
    for at in range(6, len(section) - 1):
        codec = STREAM_TYPES.get(section[at])
        if codec is None:
            continue
        stream = section[at + 1]
        fits = 0xE0 <= stream <= 0xEF if codec.is_video else 0xC0 <= stream <= 0xDF
        if fits and stream not in found:
            found[stream] = section[at]
    return found


def build_psm(streams: dict[int, Codec]) -> bytes:
    """A map of these streams, checksum included."""
    entries = b"".join(
        bytes((TYPE_OF[codec], stream, 0, 0)) for stream, codec in sorted(streams.items())[::-1]
    )
    body = b"\xe0\xff\x00\x00" + len(entries).to_bytes(2, "big") + entries
    section = b"\x00\x00\x01\xbc" + (len(body) + 4).to_bytes(2, "big") + body
    return section + crc32_mpeg2(section).to_bytes(4, "big")


def crc32_mpeg2(data: bytes) -> int:
    """CRC of ISO/IEC 13818-1 Annex A: polynomial 04C11DB7, no reflection, start with all ones."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
