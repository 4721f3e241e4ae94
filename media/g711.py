"""G.711 facts: rates, durations, RTP clock. The samples themselves pass through untouched.

ITU-T G.711; RFC 3551 4.5.14 and table 4 (payload types 0 and 8, 8 kHz clock).
"""

from __future__ import annotations

from typing import Final

from .unit import CLOCK_HZ, AudioFormat, Codec

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


def audio_format(codec: Codec) -> AudioFormat:
    return A_LAW if codec is Codec.G711A else U_LAW
