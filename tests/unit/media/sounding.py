"""Tones in A-law, and what FFmpeg hears in AAC: both without the product."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

import av

from media.unit import AccessUnit, AudioFormat, Codec

RATE = 8000
PACKET = 320
TICKS = 3600
QUIET = b"\xd5"


def alaw(sample: int) -> int:
    """ITU-T G.711 table 1a, the slow and plain way: the nearest of the 128 levels of a sign."""
    levels = [_level(code) for code in range(128)]
    nearest = min(range(128), key=lambda code: abs(levels[code] - abs(sample)))
    return (nearest | (0x80 if sample >= 0 else 0)) ^ 0x55


def _level(code: int) -> int:
    exponent, mantissa = code >> 4, code & 15
    return mantissa * 16 + 8 if not exponent else (mantissa * 16 + 264) << (exponent - 1)


def tone(seconds: float, hertz: int = 400) -> bytes:
    """A sine at a quarter of the full scale; whole periods of it repeat exactly."""
    period = bytes(
        alaw(round(8000 * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(RATE // hertz)
    )
    count = round(seconds * RATE)
    return (period * (count // len(period) + 1))[:count]


def packets(data: bytes, begins: int = 0, ticks: int = TICKS) -> list[tuple[int, bytes]]:
    """40 ms each, as a camera sends them."""
    return [
        (begins + number * ticks, data[at : at + PACKET])
        for number, at in enumerate(range(0, len(data), PACKET))
    ]


def units(data: bytes, begins: int = 0) -> list[AccessUnit]:
    return [AccessUnit(False, Codec.G711A, t, t, True, d) for t, d in packets(data, begins)]


def heard(audio: AudioFormat, frames: Iterable[AccessUnit]) -> array[float]:
    """What FFmpeg decodes; every frame must give its 1024 samples."""
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = audio.config
    samples: array[float] = array("f")
    for unit in frames:
        for frame in decoder.decode(av.Packet(unit.data)):
            assert frame.sample_rate == audio.sample_rate
            assert frame.samples == 1024
            samples.frombytes(bytes(frame.planes[0])[: 4 * 1024])
    return samples


def strength(samples: array[float], hertz: float, rate: int) -> float:
    """Amplitude of one frequency, 1.0 for a full-scale sine."""
    turn = 2 * math.pi * hertz / rate
    real = sum(value * math.cos(turn * n) for n, value in enumerate(samples))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples)


def onset(samples: array[float]) -> int:
    """Where the silence ends."""
    return next(n for n, value in enumerate(samples) if abs(value) > 0.05)
