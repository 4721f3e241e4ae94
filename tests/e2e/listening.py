"""What there is to hear in a stream, by FFmpeg's ears: the tone of the camera, and where it is."""

from __future__ import annotations

import math
import subprocess
from array import array
from pathlib import Path

RATE = 8000


def samples(source: str | Path, *, seconds: float | None = None) -> array[float]:
    """The sound of a file or URL as FFmpeg decodes it, 8 kHz mono; every complaint fails."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i", str(source)]
    if seconds is not None:
        command += ["-t", str(seconds)]
    command += ["-vn", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "pipe:1"]
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stderr == b"", run.stderr.decode()
    found: array[float] = array("f")
    found.frombytes(run.stdout[: len(run.stdout) // 4 * 4])
    return found


def strength(sound: array[float], hertz: float) -> float:
    """Amplitude of one frequency, 1.0 for a full-scale sine."""
    turn = 2 * math.pi * hertz / RATE
    real = sum(value * math.cos(turn * n) for n, value in enumerate(sound))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(sound))
    return 2 * math.hypot(real, imaginary) / len(sound)


def assert_tone(sound: array[float], hertz: float = 440, amplitude: float = 8000 / 32768) -> None:
    """The camera's tone, in each whole second, at its strength and nothing beside it."""
    seconds = len(sound) // RATE
    assert seconds >= 1
    for at in range(RATE, (seconds - 1) * RATE, RATE):
        part = sound[at : at + RATE]
        found = strength(part, hertz)
        assert abs(found - amplitude) < amplitude / 5, f"second {at // RATE}: {found:.3f}"
        assert strength(part, hertz * 2) < amplitude / 20
