"""Speech for the tests: tones, and FFmpeg as the judge of what came out."""

from __future__ import annotations

import io
import math
import wave
from array import array

import av


def tone(hz: float, seconds: float, rate: int = 8000, level: float = 0.5) -> bytes:
    """A sine as signed 16-bit samples."""
    top = level * 32767
    count = round(seconds * rate)
    samples = array("h", (round(top * math.sin(2 * math.pi * hz * n / rate)) for n in range(count)))
    return samples.tobytes()


def wav(pcm: bytes, rate: int = 8000, channels: int = 1) -> bytes:
    """A WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


def ffmpeg_decode(codes: bytes) -> array[int]:
    """A-law to samples by FFmpeg."""
    context = av.CodecContext.create("pcm_alaw", "r")
    context.sample_rate = 8000
    context.layout = "mono"
    found: array[int] = array("h")
    for packet in (av.Packet(codes), None):
        for frame in context.decode(packet):
            found.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
    return found


def power(samples: array[int], hz: float, rate: int = 8000) -> float:
    """The share of the whole power that lies at one frequency (Goertzel), 0 to 1."""
    count = len(samples)
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    found = before * before + last * last - turn * before * last
    whole = sum(sample * sample for sample in samples) * count / 2
    return found / whole if whole else 0.0
