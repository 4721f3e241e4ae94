"""Times for a player that shows what comes as it comes: the cached beginning is squeezed.

A browser spaces what it gets over WebRTC by its RTP times. The pictures since the last key frame
come at once and are up to twenty seconds old; with their own times the player would stay that far
behind. So as long as units run ahead of the clock they are put a millisecond apart: the browser
decodes them quickly and shows the last one. Sound from the past is left out.

A codec: monotonic seconds come in with the call.
"""

from __future__ import annotations

from typing import Final

from media.rtp.pack import Bundle
from media.unit import CLOCK_HZ

SLACK: Final = CLOCK_HZ // 5
"""Units may run so far ahead of the clock: cameras send unevenly."""
STEP: Final = CLOCK_HZ // 1000
SETTLED: Final = 3 * CLOCK_HZ
"""After so long nothing is squeezed any more: what runs ahead then is the camera's clock."""


class LiveEdge:
    """One viewer's way from the cached beginning to the present."""

    __slots__ = ("_began", "_last", "_shift", "_squeezed", "_video")

    def __init__(self, *, video: bool) -> None:
        self._video = video  # pictures lead; without them sound does
        self._began: float | None = None
        self._last = 0  # time given to the last unit that leads
        self._shift = 0
        self._squeezed = False

    def move(self, unit: Bundle, now: float) -> Bundle | None:
        """The unit with its time for this viewer; None: sound nobody shall hear any more."""
        leads = unit.audio is not self._video
        if self._began is None:
            if not leads:
                return None
            self._began = now
            self._shift = -unit.dts
        elif leads:
            self._squeeze(unit.dts, now)
        moved = unit.dts + self._shift
        if leads:
            self._last = moved
        elif self._squeezed:
            return None
        return unit._replace(dts=moved, pts=unit.pts + self._shift)

    def _squeeze(self, dts: int, now: float) -> None:
        self._squeezed = self._ahead(dts + self._shift, now)
        if self._squeezed:
            self._shift = self._last + STEP - dts

    def _ahead(self, moved: int, now: float) -> bool:
        passed = round((now - (self._began or 0.0)) * CLOCK_HZ)
        return passed < SETTLED and moved > passed + SLACK
