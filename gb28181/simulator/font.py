"""Digits as bitmaps: five by seven points each, drawn for this file."""

from __future__ import annotations

from typing import Final

POINTS_WIDE: Final = 5
POINTS_HIGH: Final = 7

_ROWS: Final = (
    " ###    #    ###   ###     #  #####   ##  #####  ###   ### ",
    "#   #  ##   #   # #   #   ##  #      #        # #   # #   #",
    "#  ##   #       #     #  # #  #     #        #  #   # #   #",
    "# # #   #      #    ##  #  #  ####  ####    #    ###   ####",
    "##  #   #     #       # #####     # #   #  #    #   #     #",
    "#   #   #    #    #   #    #  #   # #   #  #    #   #    # ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##  ",
)


def point(digit: int, x: int, y: int) -> int:
    """1 where the digit has ink; everything outside the bitmap is empty."""
    if not (0 <= x < POINTS_WIDE and 0 <= y < POINTS_HIGH):
        return 0
    return int(_ROWS[y][digit * (POINTS_WIDE + 1) + x] == "#")
