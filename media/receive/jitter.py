"""Interarrival jitter of one stream, taken once per frame.

RFC 3550 6.4.1 takes every packet; the packets of a picture leave a camera as one burst, so all but
the first say how fast the burst was read here and nothing of the network. The first packet of each
RTP timestamp is enough, and costs nothing per packet.
"""

from __future__ import annotations

from typing import Final

from media.unit import CLOCK_HZ

JUMP_S: Final = 10.0
"""A step of the timestamp that is so far from the time passed is another clock, not jitter."""


class Jitter:
    """The estimate J of RFC 3550, from the arrivals of frames."""

    __slots__ = ("_arrival", "_timestamp", "ticks")

    def __init__(self) -> None:
        self.ticks = 0.0
        """In ticks of 90 kHz."""
        self._timestamp = -1
        self._arrival = 0.0

    @property
    def ms(self) -> float:
        return self.ticks * 1000 / CLOCK_HZ

    def take(self, timestamp: int, arrival: float) -> None:
        """The first packet of a frame came at `arrival` (seconds)."""
        before, self._timestamp = self._timestamp, timestamp
        since, self._arrival = arrival - self._arrival, arrival
        if before < 0 or before == timestamp:
            return
        step = ((timestamp - before + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        apart = abs(since * CLOCK_HZ - step)
        if apart < JUMP_S * CLOCK_HZ:
            self.ticks += (apart - self.ticks) / 16

    def restart(self) -> None:
        """Another sender follows."""
        self.ticks = 0.0
        self._timestamp = -1
