"""Real test media, made once by ffmpeg and kept: H.264 1920x1080 25 fps, and a G.711A tone.

Every picture carries the block code of `block_code` and the same as text. Nothing here touches
the product; reading pictures back is ffmpeg's work too.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import math
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import block_code
from .block_code import Code

FPS = 25
SECONDS = 20
FRAMES = FPS * SECONDS
_RECIPE = "v4"
_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")


def cache_dir() -> Path:
    """Kept between runs, because encoding costs seconds."""
    base = os.environ.get("GB28181_TEST_CACHE") or f"{tempfile.gettempdir()}/gb28181-test-media"
    path = Path(base) / f"{_RECIPE}-{os.getuid()}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def h264_file(camera: int, *, width: int = 1920, height: int = 1080) -> Path:
    """An Annex B file of `FRAMES` pictures with this camera number; key frames every 2 s."""
    path = cache_dir() / f"camera-{camera}-{width}x{height}.h264"
    with _locked(path):
        if not path.exists():
            _encode(camera, path, width, height)
    return path


def h265_file(camera: int, *, width: int = 1920, height: int = 1080) -> Path:
    """The same in H.265."""
    path = cache_dir() / f"camera-{camera}-{width}x{height}.h265"
    with _locked(path):
        if not path.exists():
            _encode(camera, path, width, height)
    return path


def tone_file() -> Path:
    """20 s of a 440 Hz tone, G.711 A-law, 8 kHz, raw."""
    path = cache_dir() / "tone.alaw"
    with _locked(path):
        if not path.exists():
            samples = (int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(160000))
            path_part = path.with_suffix(".part")
            path_part.write_bytes(bytes(_alaw(sample) for sample in samples))
            path_part.rename(path)
    return path


_ENCODER = {
    ".h264": (
        "-c:v", "libx264", "-preset", "superfast", "-profile:v", "main", "-bf", "0",
        "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-x264-params", "repeat-headers=1",
        "-b:v", "3M", "-maxrate", "4M", "-bufsize", "4M", "-f", "h264",
    ),
    ".h265": (
        "-c:v", "libx265", "-preset", "superfast", "-x265-params",
        "repeat-headers=1:bframes=0:keyint=50:min-keyint=50:scenecut=0:log-level=error",
        "-f", "hevc",
    ),
}  # fmt: skip


class _locked:
    """One maker per file, also among parallel test processes."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_suffix(path.suffix + ".lock")

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_exc: object) -> None:
        self._file.close()


def _encode(camera: int, path: Path, width: int, height: int) -> None:
    """Pictures from ffmpeg's own generator; the code strips come through its standard input."""
    part = path.with_suffix(".part")
    text = ""
    if _FONT.exists():
        text = (
            f",drawtext=fontfile={_FONT}:fontsize=64:fontcolor=white:box=1:boxcolor=black:"
            f"x=32:y=64:text='camera {camera}  frame %{{frame_num}}'"
        )
    graph = f"[0:v][1:v]overlay=0:0{text},format=yuv420p[v]"
    command = [
        _tool("ffmpeg"), "-hide_banner", "-loglevel", "error", "-y",
        "-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate={FPS}:duration={SECONDS}",
        "-f", "rawvideo", "-pix_fmt", "gray", "-video_size",
        f"{block_code.WIDTH}x{block_code.HEIGHT}", "-framerate", str(FPS), "-i", "pipe:0",
        "-filter_complex", graph, "-map", "[v]", "-frames:v", str(FRAMES),
        *_ENCODER[path.suffix], str(part),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in range(FRAMES):
            process.stdin.write(block_code.strip(camera, frame))
        process.stdin.close()
    if process.returncode:
        raise RuntimeError(f"ffmpeg could not make {path} (exit {process.returncode})")
    part.rename(path)


def _alaw(sample: int) -> int:
    """ITU-T G.711 A-law of a 16-bit sample."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample), 32635) >> 3
    if magnitude < 32:
        value = magnitude >> 1
    else:
        exponent = magnitude.bit_length() - 5
        value = exponent << 4 | (magnitude >> exponent & 0x0F)
    return (sign | value) ^ 0x55


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install ffmpeg")
    return found


_QUICK = ("-analyzeduration", "500000", "-probesize", "1000000")
"""Half a second of a live stream is enough to know it; the default waits for five."""


# -- reading back --------------------------------------------------------------------------


def codes(
    source: str | Path,
    *,
    seconds: float | None = None,
    headers: str = "",
    options: tuple[str, ...] = (),
    timeout: float = 40.0,
) -> list[Code | None]:
    """The codes of all pictures of a file or URL, in output order; None for an unreadable one.

    ffmpeg neither drops nor repeats here, so what comes out is what the stream holds.
    """
    command = [_tool("ffmpeg"), "-hide_banner", "-loglevel", "error", "-nostdin"]
    if headers:
        command += ["-headers", headers]
    command += [*_QUICK, *options, "-i", str(source)]
    if seconds is not None:
        command += ["-t", str(seconds)]
    size = f"{block_code.WIDTH}:{block_code.HEIGHT}:0:0"
    command += ["-an", "-vf", f"crop={size}", "-fps_mode", "passthrough"]
    command += ["-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"]
    run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    if run.returncode and not run.stdout:
        raise AssertionError(f"ffmpeg cannot read {source}: {run.stderr.decode()[-2000:]}")
    return list(_split(run.stdout))


def _split(raw: bytes) -> Iterator[Code | None]:
    size = block_code.WIDTH * block_code.HEIGHT
    for at in range(0, len(raw) - size + 1, size):
        yield block_code.decode(raw[at : at + size])


def probe(source: str | Path, *, seconds: float = 3.0, timeout: float = 30.0) -> dict[str, Any]:
    """ffprobe's view: `{"streams": [...], "format": {...}}`."""
    command = [
        _tool("ffprobe"), "-v", "error", "-analyzeduration", str(int(seconds * 1_000_000)),
        "-show_streams", "-show_format", "-of", "json", str(source),
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    if run.returncode:
        raise AssertionError(f"ffprobe cannot read {source}: {run.stderr.decode()[-2000:]}")
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def packets(source: str | Path, *, timeout: float = 40.0) -> list[dict[str, Any]]:
    """ffprobe's list of packets with their times, flags and sizes."""
    command = [_tool("ffprobe"), "-v", "error", "-show_packets", "-of", "json", str(source)]
    run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    if run.returncode:
        raise AssertionError(f"ffprobe cannot read {source}: {run.stderr.decode()[-2000:]}")
    found: list[dict[str, Any]] = json.loads(run.stdout)["packets"]
    return found


def record(url: str, path: str, *, seconds: float, timeout: float = 40.0) -> list[dict[str, Any]]:
    """Keep a live stream unchanged in a file for a while; its packets as ffprobe lists them."""
    command = [_tool("ffmpeg"), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-copyts"]
    command += [*_QUICK, "-i", url, "-t", str(seconds), "-c", "copy", path]
    run = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    if run.returncode:
        raise AssertionError(f"ffmpeg cannot record {url}: {run.stderr.decode()[-2000:]}")
    return packets(path)


def gray_of_rgba(rgba: bytes) -> list[int]:
    """Canvas pixels (RGBA) to gray, for pictures read in a browser."""
    return [(299 * r + 587 * g + 114 * b) // 1000 for r, g, b, _a in struct.iter_unpack("4B", rgba)]


def gaps(found: list[Code | None]) -> list[str]:
    """What is wrong with a run of codes: unreadable, another camera, a gap, a repeat."""
    out: list[str] = []
    for at, (one, two) in enumerate(itertools.pairwise(found)):
        if one is None or two is None:
            out.append(f"picture {at}: unreadable")
        elif one.camera != two.camera:
            out.append(f"picture {at}: camera {one.camera} then {two.camera}")
        elif two.frame != (one.frame + 1) % FRAMES:
            out.append(f"picture {at}: frame {one.frame} then {two.frame}")
    return out
