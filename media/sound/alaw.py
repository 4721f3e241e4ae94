"""G.711 A-law: 16-bit samples to bytes and back, by table.

A code word is sign, three bits of segment and four bits within it, with every second bit inverted
(ITU-T G.711 table 1a). Thirteen of the sixteen bits count, so the table of the encoder has 8,192
different entries; it is spread over all 65,536 samples because one look-up is then the whole work.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache
from typing import Final

SILENCE: Final = 0xD5
"""The code word of a sample of 0."""

_INVERTED: Final = 0x55


def encode(pcm: bytes) -> bytes:
    """Signed 16-bit little-endian samples as A-law, one byte each; an odd last byte is left out."""
    samples = array("H")
    samples.frombytes(pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(_codes().__getitem__, samples))


def decode(codes: bytes) -> bytes:
    """A-law as signed 16-bit little-endian samples."""
    samples = array("h", map(_samples().__getitem__, codes))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


@cache
def _codes() -> bytes:
    """The code word of every sample, by its unsigned value."""
    return b"".join(bytes((_code(sample),)) * 8 for sample in (*range(4096), *range(-4096, 0)))


@cache
def _samples() -> tuple[int, ...]:
    """The sample of every code word: the middle of its step."""
    return tuple(_sample(code ^ _INVERTED) for code in range(256))


def _code(sample: int) -> int:
    """Of a 13-bit sample."""
    sign, size = (0x80, sample) if sample >= 0 else (0x00, ~sample)
    segment = (size >> 5).bit_length()
    step = size >> max(1, segment) & 0x0F
    return (sign | segment << 4 | step) ^ _INVERTED


def _sample(plain: int) -> int:
    """Of a code word whose bits are not inverted."""
    segment, step = plain >> 4 & 0x07, plain & 0x0F
    size = (step << 4 | 0x08) + (0x100 if segment else 0)
    size <<= max(0, segment - 1)
    return size if plain & 0x80 else -size
