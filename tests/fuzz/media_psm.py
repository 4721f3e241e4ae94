"""Stream maps: ids of elementary streams and their types, however wrong the lengths are."""

from __future__ import annotations

from media.ps.psm import ELEMENTARY_IDS, PRIVATE_IDS, build_psm, parse_psm
from media.unit import Codec


def seeds() -> list[bytes]:
    return [
        build_psm({0xE0: Codec.H264, 0xC0: Codec.G711A}),
        build_psm({0xE0: Codec.H265}),
        bytes.fromhex("000001bc001ee1ff00001b0000"),
    ]


def check(data: bytes) -> None:
    found = parse_psm(data)
    assert all(stream in ELEMENTARY_IDS or stream in PRIVATE_IDS for stream in found)
    assert all(0 <= kind <= 255 for kind in found.values())
    assert len(found) <= len(data) // 2
