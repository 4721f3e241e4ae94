"""The banner on top of every picture: who sends this, and which frame it is, for eyes and tests.

Two things, in the first eight rows of macroblocks (128 lines):

- the *block code*: 32 blocks of 32x32 pixels from the top left corner, white is 1, most
  significant bit first: 16 bits frame number, 12 bits camera number, 4 bits checksum (all other
  nibbles and 0xA by exclusive or). The camera number is the serial of the channel id (its last six
  digits) modulo 4096: twelve bits hold no more.
- the channel id and the frame number (0 to 65535, then 0 again) in digits; a recording shows its
  date and time instead of the id, a live picture of 1080 lines of a camera that was steered pan,
  tilt and zoom behind the number.

The banner is a slice of its own, written as bits (`flatblocks.py`) and put in the place of the
first slice the encoder made for the common picture. Nothing else of the picture refers to it: no
deblocking, slices predict nothing from each other, and motion vectors stay below (`clip.py`).
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from gb28181.simulator import flatblocks, font
from gb28181.simulator.flatblocks import BLACK, WHITE, Quarters, below, follow

ROWS: Final = 8
"""Rows of macroblocks."""
LINES: Final = ROWS * 16
BLOCKS: Final = 32
FRAMES: Final = 1 << 16
CAMERAS: Final = 1 << 12
LEAST_WIDTH: Final = 80
"""Macroblocks: a channel id of 20 digits, a gap and five digits of frame number."""

_GLYPH_WIDTH: Final = 3
"""Macroblocks of a digit, with the gap behind it."""
_GLYPH_ROWS: Final = 4
_GAP: Final = 2
"""Macroblocks in front of a further number."""
_TEXT_ROW: Final = 3
_ID_AT: Final = 1
_NUMBER_DIGITS: Final = 5
_ESCAPE: Final = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def camera_number(channel_id: str) -> int:
    """The number in the block code: the serial of the id, as far as twelve bits hold it."""
    digits = channel_id[-6:]
    return int(digits) % CAMERAS if digits.isdecimal() else 0


def code_bits(camera: int, frame: int) -> list[int]:
    """The block code, first block first."""
    word = frame % FRAMES << 12 | camera % CAMERAS
    total = 0xA
    for shift in range(0, 28, 4):
        total ^= word >> shift & 0xF
    word = word << 4 | total
    return [word >> (BLOCKS - 1 - at) & 1 for at in range(BLOCKS)]


class Banner:
    """Writes the banner slices of one channel."""

    def __init__(self, channel_id: str, width: int, text: str = "") -> None:
        """`width` in macroblocks, at least `LEAST_WIDTH`; `text`: digits in the place of the id."""
        if width < LEAST_WIDTH:
            raise ValueError(f"no room for the banner in {width} macroblocks")
        self.camera = camera_number(channel_id)
        self._text = [int(digit) for digit in text or channel_id if digit.isdecimal()][:20]
        self._width = width
        self._rest = 0
        """Macroblocks behind the frame number."""
        self._fixed = {inter: self._fixed_parts(inter) for inter in (False, True)}

    def slice_data(self, frame: int, inter: bool, more: tuple[str, ...] = ()) -> str:
        """The macroblocks of the slice, as bits; `inter` for a P slice. `more`: further numbers,
        as far as there is room."""
        code = code_bits(self.camera, frame)
        head, under, blank, texts, last = self._fixed[inter]
        digits = [int(digit) for digit in f"{frame % FRAMES:0{_NUMBER_DIGITS}d}"]
        parts = [flatblocks.first(code[0], inter)]
        same = follow(WHITE, WHITE, inter)
        parts.append(same)
        for one, two in itertools.pairwise(code):
            parts.append(follow(WHITE if one else BLACK, WHITE if two else BLACK, inter))
            parts.append(same)
        parts += [follow(WHITE if code[-1] else BLACK, BLACK, inter), head]
        parts.append(under)
        # The block code ends here: the first column goes back to black, the rest follows it.
        parts += [below(WHITE if code[0] else BLACK, BLACK, inter), blank]
        further, rest = self._further(more) if more else ((), self._rest)
        dark = follow(BLACK, BLACK, inter)
        for row, (before, behind) in enumerate(texts):
            parts.append(before)
            parts += [_glyph(digit, row, inter) for digit in digits]
            for word in further:
                parts.append(dark * _GAP)
                parts += [_glyph(digit, row, inter) for digit in word]
            parts.append(behind if rest == self._rest else dark * rest)
        parts.append(last)
        return "".join(parts)

    def _further(self, more: tuple[str, ...]) -> tuple[list[list[int]], int]:
        """The numbers there is room for, and how many macroblocks stay empty behind them."""
        rest, found = self._rest, []
        for word in more:
            wide = _GAP + _GLYPH_WIDTH * len(word)
            if wide > rest:
                break
            rest -= wide
            found.append([int(digit) for digit in word])
        return found, rest

    def _fixed_parts(self, inter: bool) -> tuple[str, str, str, list[tuple[str, str]], str]:
        """What is the same in all pictures: ends of rows, the second row, the channel id."""
        dark = follow(BLACK, BLACK, inter)
        start = below(BLACK, BLACK, inter)
        head = dark * (self._width - 2 * BLOCKS - 1)
        under = below(WHITE, WHITE, inter) * self._width
        blank = dark * (self._width - 1)
        used = _ID_AT + _GLYPH_WIDTH * len(self._text)
        number = max(used + 1, self._width - 1 - _GLYPH_WIDTH * _NUMBER_DIGITS)
        number = min(number, used + 2 * _GLYPH_WIDTH)
        texts = []
        for row in range(_GLYPH_ROWS):
            ident = "".join(_glyph(digit, row, inter) for digit in self._text)
            before = start + dark * (_ID_AT - 1) + ident + dark * (number - used)
            self._rest = self._width - number - _GLYPH_WIDTH * _NUMBER_DIGITS
            behind = dark * self._rest
            texts.append((before, behind))
        rest = ROWS - _TEXT_ROW - _GLYPH_ROWS
        return head, under, blank, texts, (start + blank) * rest


_GLYPHS: dict[tuple[int, int, bool], str] = {}


def _glyph(digit: int, row: int, inter: bool) -> str:
    """One row of macroblocks of a digit; what stands left of it is black, and it ends black."""
    known = _GLYPHS.get((digit, row, inter))
    if known is None:
        bits, left = [], BLACK
        for column in range(_GLYPH_WIDTH):
            x, y = 2 * column, 2 * row
            own: Quarters = (
                font.point(digit, x, y),
                font.point(digit, x + 1, y),
                font.point(digit, x, y + 1),
                font.point(digit, x + 1, y + 1),
            )
            bits.append(follow(left, own, inter))
            left = own
        known = _GLYPHS[(digit, row, inter)] = "".join(bits)
    return known


def to_unit(header: int, bits: str) -> bytes:
    """A NAL unit out of its first byte and the bits behind it (7.3.1, 7.4.1.1)."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes((header,)) + _ESCAPE.sub(b"\x00\x00\x03", payload)
