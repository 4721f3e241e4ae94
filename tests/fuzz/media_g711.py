"""G.711: as many samples as bytes, and A-law comes back as it was."""

from __future__ import annotations

from media.sound import alaw, g711
from media.unit import Codec


def seeds() -> list[bytes]:
    return [bytes(range(256)), b"\xd5" * 160, b""]


def check(data: bytes) -> None:
    for codec in (Codec.G711A, Codec.G711U):
        assert len(g711.linear(codec, data)) == 2 * len(data)
    samples = alaw.decode(data)
    assert alaw.encode(samples) == data
    assert len(alaw.encode(data)) == len(data) // 2
    assert g711.duration(len(data)) >= 0
