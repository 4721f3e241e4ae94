"""CAVLC bits of macroblocks that are flat black, flat white or split into flat quarters.

Why by hand: a test picture says who sent it and which frame it is. Encoding 1080p for every channel
would cost a core for two of them; writing one slice of flat macroblocks costs microseconds, and the
moving part of the picture is encoded once for all (`clip.py`).

Every macroblock is Intra 16x16 without AC coefficients and without chroma residual, at QP 51. The
4x4 transform of the luma DC coefficients turns a difference of quarters into at most four levels,
and at this QP a level step of 16 is exactly 224 grey values: black (16) to white (240) and back
without any error, so nothing drifts. Chroma predicts itself and stays grey.

A macroblock is four quarters (top left, top right, bottom left, bottom right), 1 for white. Bits
are texts of 0 and 1: they are joined once per picture and turned into bytes in one go.

ITU-T H.264 7.3.5 (macroblock layer), 8.3.3 (prediction), 8.5.10 (luma DC), 9.2 (CAVLC).
"""

from __future__ import annotations

import functools
from typing import Final

Quarters = tuple[int, int, int, int]

BLACK: Final[Quarters] = (0, 0, 0, 0)
WHITE: Final[Quarters] = (1, 1, 1, 1)
QP: Final = 51
STEP: Final = 16
"""Level of the DC coefficient for one step from black to white over a whole macroblock."""

VERTICAL, HORIZONTAL, MEAN = 0, 1, 2
"""Intra16x16PredMode; MEAN is used for the first macroblock only, where it predicts 128."""

# coeff_token for 0 <= nC < 2 without trailing ones, by TotalCoeff (table 9-5).
_COEFF_TOKEN: Final = ("1", "000101", "00000111", "000000111", "0000000111")
# total_zeros of 4x4 blocks, by TotalCoeff and number of zeros (table 9-7).
_TOTAL_ZEROS: Final = {
    1: ("1", "011", "010", "0011", "0010"),
    2: ("111", "110", "101", "100"),
    3: ("0101", "111", "110"),
    4: ("00011", "111"),
}
# run_before by zerosLeft and run (table 9-10).
_RUN_BEFORE: Final = {
    1: ("1", "0"),
    2: ("1", "01", "00"),
    3: ("11", "10", "01", "00"),
}


def ue(value: int) -> str:
    """Unsigned Exp-Golomb (9.1)."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def se(value: int) -> str:
    """Signed Exp-Golomb (9.1.1)."""
    return ue(2 * value - 1 if value > 0 else -2 * value)


@functools.cache
def follow(left: Quarters, own: Quarters, inter: bool) -> str:
    """A macroblock predicted from its left neighbour."""
    difference = (own[0] - left[1], own[1] - left[1], own[2] - left[3], own[3] - left[3])
    return macroblock(HORIZONTAL, _levels(difference), inter)


@functools.cache
def below(above: Quarters, own: Quarters, inter: bool) -> str:
    """A macroblock predicted from the one above it."""
    difference = (own[0] - above[2], own[1] - above[3], own[2] - above[2], own[3] - above[3])
    return macroblock(VERTICAL, _levels(difference), inter)


@functools.cache
def first(white: int, inter: bool) -> str:
    """The first macroblock of the picture: predicted as 128, half a step from either colour."""
    return macroblock(MEAN, (STEP // 2 if white else -(STEP // 2), 0, 0, 0, 0), inter)


def macroblock(mode: int, levels: tuple[int, ...], inter: bool) -> str:
    """mb_skip_run (P slices), mb_type, intra_chroma_pred_mode, mb_qp_delta, luma DC."""
    kind = "1" + ue(6 + mode) if inter else ue(1 + mode)
    return f"{kind}11{_residual(levels)}"


def _levels(difference: Quarters) -> tuple[int, int, int, int, int]:
    """The first five DC coefficients in zigzag order; the fourth belongs to no quarter."""
    a, b, c, d = difference
    scale = STEP // 4
    return (
        scale * (a + b + c + d),
        scale * (a - b + c - d),
        scale * (a + b - c - d),
        0,
        scale * (a - b - c + d),
    )


def _residual(levels: tuple[int, ...]) -> str:
    """residual_block_cavlc; levels of 1 and -1 never occur, so there are no trailing ones."""
    places = [at for at, level in enumerate(levels) if level]
    count = len(places)
    if not count:
        return _COEFF_TOKEN[0]
    parts = [_COEFF_TOKEN[count], _level_codes([levels[at] for at in reversed(places)])]
    zeros = places[-1] + 1 - count
    parts.append(_TOTAL_ZEROS[count][zeros])
    for higher, lower in zip(reversed(places), reversed(places[:-1]), strict=False):
        if zeros:
            run = higher - lower - 1
            parts.append(_RUN_BEFORE[zeros][run])
            zeros -= run
    return "".join(parts)


def _level_codes(levels: list[int]) -> str:
    """Levels from the highest frequency down (9.2.2.1)."""
    parts: list[str] = []
    suffix_length = 0
    for index, level in enumerate(levels):
        code = 2 * abs(level) - (2 if level > 0 else 1)
        if index == 0:
            code -= 2  # with fewer than three trailing ones the first level is above one
        parts.append(_level_code(code, suffix_length))
        suffix_length = max(suffix_length, 1)
        if abs(level) > 3 << (suffix_length - 1):
            suffix_length += 1
    return "".join(parts)


def _level_code(code: int, suffix_length: int) -> str:
    if suffix_length == 0:
        if code < 14:
            return "0" * code + "1"
        if code < 30:
            return "0" * 14 + "1" + f"{code - 14:04b}"
        return "0" * 15 + "1" + f"{code - 30:012b}"
    prefix = code >> suffix_length
    if prefix < 15:
        rest = code & ((1 << suffix_length) - 1)
        return "0" * prefix + "1" + f"{rest:0{suffix_length}b}"
    return "0" * 15 + "1" + f"{code - (15 << suffix_length):012b}"
