"""Which pictures of an archive a call sends, in which order and how fast.

Pictures are numbered through all time: UNIX seconds times 25, so that a key frame stands at every
even second. Up to twice the speed every picture is sent, above only key frames. Backwards the
groups come in reverse order and the pictures inside a group forwards (GB/T 28181-2022 annex B).
Over a hole in what was recorded the reel goes on behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gb28181.simulator.archive import BEIJING_S, DAY_S
from gb28181.simulator.banner import FRAMES
from gb28181.simulator.clip import FPS, GROUP

ALL_PICTURES_TO: Final = 2.0
"""Faster than this only key frames are sent."""


class Reel:
    """The recorded stretches of one call, UNIX seconds, in order."""

    def __init__(self, stretches: Sequence[tuple[int, int]], start: float) -> None:
        if not stretches:
            raise ValueError("nothing is recorded")
        self._parts = [(_key(low), high * FPS) for low, high in stretches]
        self.scale = 1.0
        self._at = 0
        self._within = 0
        """Pictures of the group already sent, backwards."""
        self.seek(start)

    @property
    def position(self) -> float:
        """UNIX seconds of the next picture."""
        return (self._at + self._within) / FPS

    @property
    def period(self) -> float:
        """Seconds of the receiver until the next picture."""
        step = GROUP if self._only_keys else 1
        return step / FPS / abs(self.scale)

    @property
    def _only_keys(self) -> bool:
        return abs(self.scale) > ALL_PICTURES_TO

    def seek(self, moment: float) -> None:
        """To the key frame at or before a moment, or the next that is recorded."""
        self._at, self._within = _key(moment), 0

    def run(self, scale: float) -> None:
        """Another speed; below 0 backwards. It goes on from where it is."""
        if (scale < 0) != (self.scale < 0) or abs(scale) > ALL_PICTURES_TO:
            self._at, self._within = (self._at + self._within) // GROUP * GROUP, 0
        self.scale = scale

    def key_frame(self) -> None:
        """Go on with the key frame of this group."""
        self._at, self._within = (self._at + self._within) // GROUP * GROUP, 0

    def next(self) -> int | None:
        """The number of the next picture; None at the end, or at the beginning backwards."""
        return self._back() if self.scale < 0 else self._forward()

    def _forward(self) -> int | None:
        for low, high in self._parts:
            if self._at < high:
                number = max(self._at, low)
                self._at = number + (GROUP if self._only_keys else 1)
                return number
        return None

    def _back(self) -> int | None:
        for low, high in reversed(self._parts):
            if self._at < low:
                continue
            group = min(self._at, _key((high - 1) / FPS))
            number = group + (self._within if group == self._at else 0)
            self._within = number - group + 1
            self._at = group
            if self._only_keys or self._within >= GROUP or number + 1 >= high:
                self._at, self._within = group - GROUP, 0
            return number
        return None


def _key(moment: float) -> int:
    """The number of the key frame at or before a moment."""
    return int(moment * FPS) // GROUP * GROUP


def frame_number(number: int) -> int:
    """What a picture shows: pictures since midnight in Beijing, as far as the block code goes."""
    return (number + BEIJING_S * FPS) % (DAY_S * FPS) % FRAMES
