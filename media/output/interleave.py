"""Picture and sound in the order of their times, for containers that want them side by side.

Sound that is made comes behind its picture, and some cameras send one ahead of the other.  Units
are held until the other track has come as far, but no longer than `HOLD` of stream time.
"""

from __future__ import annotations

from collections import deque

from media.unit import CLOCK_HZ, AccessUnit

HOLD = CLOCK_HZ * 6 // 10


class Interleaver:
    """Two tracks in, one order out; with one track everything passes at once."""

    def __init__(self) -> None:
        self.both = False
        """Whether there is a picture and a sound to wait for."""
        self._video: deque[AccessUnit] = deque()
        self._audio: deque[AccessUnit] = deque()
        self._newest = 0
        self._patient_until = 0

    def begin(self, units: list[AccessUnit]) -> list[AccessUnit]:
        """Units of the past, all at once: the sound that belongs to them may be made only now."""
        if units:
            self._patient_until = max(unit.dts for unit in units)
        return [out for unit in units for out in self.push(unit)]

    def push(self, unit: AccessUnit) -> list[AccessUnit]:
        """What can go on now that this unit has come."""
        if not self.both:
            return [*self.drain(), unit]
        (self._video if unit.video else self._audio).append(unit)
        self._newest = max(self._newest, unit.dts)
        out = []
        while (track := self._next()) is not None:
            out.append(track.popleft())
        return out

    def drain(self) -> list[AccessUnit]:
        """All that is held, in order."""
        held = sorted((*self._video, *self._audio), key=lambda unit: (unit.dts, not unit.video))
        self._video.clear()
        self._audio.clear()
        return held

    def _next(self) -> deque[AccessUnit] | None:
        """The track whose first unit may go."""
        video, audio = self._video, self._audio
        if video and audio:
            return video if video[0].dts <= audio[0].dts else audio
        held = video or audio
        if held and self._newest - max(held[0].dts, self._patient_until) > HOLD:
            return held
        return None
