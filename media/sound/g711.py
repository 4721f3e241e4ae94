"""G.711 facts: rates, durations, RTP clock, and the linear value of each code.

ITU-T G.711; RFC 3551 4.5.14 and table 4 (payload types 0 and 8, 8 kHz clock).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from media.unit import CLOCK_HZ, AudioFormat, Codec

SAMPLE_RATE: Final = 8000
TICKS_PER_SECOND: Final = CLOCK_HZ

A_LAW: Final = AudioFormat(Codec.G711A, SAMPLE_RATE, 1, b"")
U_LAW: Final = AudioFormat(Codec.G711U, SAMPLE_RATE, 1, b"")


def duration(size: int) -> int:
    """Ticks of 90 kHz that ``size`` bytes of one channel last."""
    return size * CLOCK_HZ // SAMPLE_RATE


def rtp_ticks(timestamp: int) -> int:
    """90 kHz time of an 8 kHz RTP timestamp."""
    return timestamp * CLOCK_HZ // SAMPLE_RATE


def narrow_format(codec: Codec) -> AudioFormat:
    """G.711 and the other sounds of the telephone, which all have its rate and one channel."""
    if codec in (Codec.G711A, Codec.G711U):
        return A_LAW if codec is Codec.G711A else U_LAW
    return AudioFormat(codec, SAMPLE_RATE, 1, b"")


def linear_table(codec: Codec) -> list[int]:
    """Linear values of the 256 codes (ITU-T G.711)."""
    return [_alaw(code) if codec is Codec.G711A else _ulaw(code) for code in range(256)]


def _alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    value = mantissa << 4 | 8 if not exponent else (mantissa << 4 | 0x108) << (exponent - 1)
    return value if code & 0x80 else -value


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = ((code & 15) << 3 | 0x84) << (code >> 4 & 7)
    return -(value - 0x84) if code & 0x80 else value - 0x84


def linear(codec: Codec, data: bytes) -> bytes:
    """The samples in 16 bits, little-endian."""
    low, high = _halves(codec)
    out = bytearray(2 * len(data))
    out[::2] = data.translate(low)
    out[1::2] = data.translate(high)
    return bytes(out)


@cache
def _halves(codec: Codec) -> tuple[bytes, bytes]:
    values = [value & 0xFFFF for value in linear_table(codec)]
    return bytes(v & 0xFF for v in values), bytes(v >> 8 for v in values)
