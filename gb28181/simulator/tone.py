"""The sound of a simulated camera: a beep each second, G.711 A-law at 8 kHz."""

from __future__ import annotations

import functools
import math
from typing import Final

from media.sound.g711 import SAMPLE_RATE

_PITCH_HZ: Final = 800
_BEEP: Final = 0.25
_LOUDNESS: Final = 6000


@functools.cache
def second() -> bytes:
    """One second, which repeats without a click: whole periods, then silence."""
    beep = int(SAMPLE_RATE * _BEEP)
    return bytes(
        a_law(int(_LOUDNESS * math.sin(math.tau * _PITCH_HZ * n / SAMPLE_RATE)) if n < beep else 0)
        for n in range(SAMPLE_RATE)
    )


def a_law(sample: int) -> int:
    """ITU-T G.711 table 1a: a signed 16-bit sample as one octet, even bits inverted."""
    step = sample >> 3
    magnitude = step if sample >= 0 else ~step
    segment = max(0, magnitude.bit_length() - 5)
    code = segment << 4 | magnitude >> max(1, segment) & 0x0F
    return code ^ (0xD5 if sample >= 0 else 0x55)
