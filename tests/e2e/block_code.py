"""The block code in the test pictures: who sent this frame, and which frame is it.

32 blocks of 32x32 pixels in the top left corner, white = 1, most significant bit first:
16 bits frame number, 12 bits camera number, 4 bits checksum. Large flat blocks on the macroblock
grid survive any encoder; the checksum tells a damaged or foreign picture from a good one.
Pure functions over gray pixels, from ffmpeg as well as from a browser's canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BLOCK = 32
BLOCKS = 32
WIDTH = BLOCK * BLOCKS
HEIGHT = BLOCK


class Code(NamedTuple):
    """What a picture says about itself."""

    camera: int
    frame: int


def checksum(camera: int, frame: int) -> int:
    """XOR of all nibbles, turned so that neither an all-black nor an all-white strip is valid."""
    word = frame << 12 | camera
    total = 0xA
    for shift in range(0, 28, 4):
        total ^= word >> shift & 0xF
    return total


def bits(camera: int, frame: int) -> list[int]:
    word = (frame & 0xFFFF) << 16 | (camera & 0xFFF) << 4 | checksum(camera & 0xFFF, frame & 0xFFFF)
    return [word >> (BLOCKS - 1 - at) & 1 for at in range(BLOCKS)]


def strip(camera: int, frame: int) -> bytes:
    """The strip as WIDTH x HEIGHT gray pixels (limited range: 16 and 235)."""
    row = b"".join((b"\xeb" if bit else b"\x10") * BLOCK for bit in bits(camera, frame))
    return row * HEIGHT


def decode(gray: Sequence[int], stride: int = WIDTH) -> Code | None:
    """Read the code from gray pixels whose first row is the top of the strip.

    `stride` is the length of a row in pixels. None when the checksum or the contrast is wrong.
    """
    word = 0
    for block in range(BLOCKS):
        total = 0
        for y in (10, 16, 22):
            start = y * stride + block * BLOCK
            total += sum(gray[start + x] for x in (10, 16, 22))
        mean = total / 9
        if 96 < mean < 160:
            return None
        word = word << 1 | (mean >= 160)
    frame, camera = word >> 16, word >> 4 & 0xFFF
    return Code(camera, frame) if checksum(camera, frame) == word & 0xF else None
