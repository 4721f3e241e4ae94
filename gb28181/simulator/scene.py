"""The moving picture all simulated cameras share: a street with traffic and trees in the wind.

Planes of YUV 4:2:0 made of whole rows of bytes, so that a 1080p picture costs about a millisecond
of Python. Cars move whole pixels and come back to where they were after `period` pictures: the
pictures repeat without a jump. The trees are what gives a stream its size, as they do outside: no
motion search can predict them. The lines above `top` are black and white in turns; the encoder's
slice of them is replaced (`banner.py`), and nothing below looks like either, which keeps motion
vectors from pointing there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

Planes = tuple[bytes, bytes, bytes]
Colour = tuple[int, int, int]

_SKY_TOP: Final = 150
_ROAD: Final[Colour] = (88, 126, 128)
_MARK: Final[Colour] = (200, 126, 130)
_LEAVES: Final[Colour] = (78, 116, 120)
_WALLS: Final[tuple[Colour, ...]] = (
    (120, 122, 134),
    (98, 130, 124),
    (138, 124, 132),
    (108, 128, 128),
)
_WINDOW: Final[Colour] = (176, 110, 136)
_PAINT: Final[tuple[Colour, ...]] = (
    (200, 128, 128), (70, 150, 110), (90, 106, 190), (150, 60, 150), (60, 128, 128), (130, 90, 110),
)  # fmt: skip
_GLASS: Final[Colour] = (50, 132, 126)
_SEED: Final = 28181
_NOISE: Final = 1 << 18
_LEAF_CONTRAST: Final = 16


@dataclass(frozen=True, slots=True)
class _Car:
    top: int
    width: int
    height: int
    start: int
    step: int
    paint: Colour


class Scene:
    """Pictures of one size."""

    def __init__(self, width: int, height: int, top: int, period: int) -> None:
        """Sides are even; `top` lines are the banner's; `period` pictures make a round."""
        self.width, self.height = width, height
        self._top = top
        self._random = random.Random(_SEED)
        low, high = _LEAVES[0] - _LEAF_CONTRAST, _LEAVES[0] + _LEAF_CONTRAST
        table = bytes(low + value * (high - low) // 255 for value in range(256))
        self._leaves = self._random.randbytes(_NOISE).translate(table)
        self._luma = bytearray(width * height)
        self._chroma = (bytearray(width * height // 4), bytearray(width * height // 4))
        self._lines = height - top
        self._draw_background()
        self._wrap, self._cars = self._traffic(period)

    def picture(self, number: int) -> Planes:
        """Picture `number` of the round."""
        width, luma = self.width, bytearray(self._luma)
        chroma = (bytearray(self._chroma[0]), bytearray(self._chroma[1]))
        dice = random.Random(_SEED + number)
        luma[: width * self._top] = (b"\xeb" if number % 2 else b"\x10") * (width * self._top)
        self._blow(luma, dice)
        for car in self._cars:
            x = (car.start + car.step * number) % self._wrap - car.width
            self._drive(luma, chroma, car, x)
        return bytes(luma), bytes(chroma[0]), bytes(chroma[1])

    def _blow(self, luma: bytearray, dice: random.Random) -> None:
        """Leaves in the wind."""
        width = self.width
        for row in range(self._at(0.53), self._at(0.60)):
            start = dice.randrange(_NOISE - width)
            luma[row * width : (row + 1) * width] = self._leaves[start : start + width]

    def _at(self, share: float) -> int:
        """An even line, counted from below the banner."""
        return self._top + int(self._lines * share) // 2 * 2

    def _draw_background(self) -> None:
        horizon, trees, road = self._at(0.48), self._at(0.60), self._at(0.66)
        for row in range(0, horizon, 2):
            shade = _SKY_TOP + 50 * row // horizon
            self._box(0, row, self.width, 2, (shade, 138, 120))
        self._houses(horizon)
        self._box(0, horizon, self.width, trees - horizon, _LEAVES)
        self._box(0, trees, self.width, road - trees, (150, 128, 128))
        self._box(0, road, self.width, self.height - road, _ROAD)
        lane = (self.height - road) // 3
        for number in (1, 2):
            for x in range(0, self.width, 160):
                self._box(x, (road + lane * number) // 2 * 2, 90, 6, _MARK)

    def _houses(self, horizon: int) -> None:
        x = 0
        while x < self.width:
            wide = min(self._random.randrange(120, 260, 2), self.width - x)
            high = self._random.randrange(self._lines // 8, self._lines // 3, 2)
            self._box(x, horizon - high, wide, high, self._random.choice(_WALLS))
            for row in range(horizon - high + 16, horizon - 20, 36):
                for column in range(x + 14, x + wide - 24, 34):
                    self._box(column, row, 16, 20, _WINDOW)
            x += wide

    def _traffic(self, period: int) -> tuple[int, list[_Car]]:
        """Cars on three lanes; every speed brings them back after `period` pictures."""
        road = self._at(0.66)
        lane = (self.height - road) // 3
        # A round is a whole number of pixels per picture for each lane: 10, 16 and 12 of them.
        wrap = period * 10
        cars = []
        for number, rounds in enumerate((1, 2, -1)):
            step = wrap * rounds // period
            for index in range(4):
                cars.append(
                    _Car(
                        top=(road + lane * number + lane // 5) // 2 * 2,
                        width=220 + 40 * (index % 2),
                        height=lane * 3 // 5 // 2 * 2,
                        start=wrap * index // 4 + 130 * number,
                        step=step,
                        paint=_PAINT[(index + 2 * number) % len(_PAINT)],
                    )
                )
        return wrap, cars

    def _drive(
        self, luma: bytearray, chroma: tuple[bytearray, bytearray], car: _Car, x: int
    ) -> None:
        body = car.height // 2
        planes = (luma, *chroma)
        _fill(planes, self.width, (x + car.width // 5, car.top, car.width * 3 // 5, body), _GLASS)
        _fill(planes, self.width, (x, car.top + body, car.width, body), car.paint)

    def _box(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        _fill((self._luma, *self._chroma), self.width, (x, y, width, height), colour)


def _fill(
    planes: tuple[bytearray, bytearray, bytearray],
    width: int,
    box: tuple[int, int, int, int],
    colour: Colour,
) -> None:
    """A rectangle, cut at the sides of the picture."""
    x, y, wide, high = box
    left, right = max(0, x) // 2 * 2, min(width, x + wide) // 2 * 2
    if right <= left:
        return
    for plane, value, scale in zip(planes, colour, (1, 2, 2), strict=True):
        stride, count = width // scale, (right - left) // scale
        line = bytes((value,)) * count
        for row in range(y // scale, (y + high) // scale):
            at = row * stride + left // scale
            plane[at : at + count] = line
