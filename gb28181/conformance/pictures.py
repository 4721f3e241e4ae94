"""Pictures out of an FLV stream, decoded by FFmpeg: how many, and how much they differ.

Runs in a thread. Greys of a small copy are compared, so that noise counts little and a camera that
moves counts much.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import av

WIDTH, HEIGHT = 64, 36
MOST_PICTURES: Final = 500


@dataclass(frozen=True, slots=True)
class Film:
    """What could be decoded."""

    pictures: int
    width: int
    height: int
    difference: float
    """Mean of grey levels between the first and the last picture, 0-255."""


def film(flv: bytes) -> Film:
    """Decode what there is; broken data gives fewer pictures, never an error."""
    first: bytes | None = None
    last, count, size = b"", 0, (0, 0)
    try:
        with av.open(io.BytesIO(flv), mode="r", format="flv") as container:
            video = next(iter(container.streams.video), None)
            if video is not None:
                video.thread_type = "NONE"
                for frame in container.decode(video):
                    last = _grey(frame)
                    first = last if first is None else first
                    count, size = count + 1, (frame.width, frame.height)
                    if count >= MOST_PICTURES:
                        break
    except (av.FFmpegError, ValueError):
        pass  # cut in the middle of a tag, as every stream that is watched for a while is
    return Film(count, *size, 0.0 if first is None else difference(first, last))


def plays(path: str) -> int:
    """Pictures of a file, as many as are looked at; 0 when it does not play."""
    count = 0
    try:
        with av.open(path) as container:
            for _ in container.decode(video=0):
                count += 1
                if count >= MOST_PICTURES:
                    break
    except (av.FFmpegError, ValueError, IndexError, OSError):
        return count
    return count


def difference(one: bytes, other: bytes) -> float:
    """Mean absolute difference of two grey pictures of one size."""
    if len(one) != len(other) or not one:
        return 0.0
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def _grey(frame: Any) -> bytes:
    small = frame.reformat(WIDTH, HEIGHT, format="gray")
    plane = small.planes[0]
    rows = bytes(plane)
    return b"".join(rows[y * plane.line_size : y * plane.line_size + WIDTH] for y in range(HEIGHT))
