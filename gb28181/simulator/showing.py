"""A recording under control: PAUSE, PLAY and TEARDOWN of a call's INFO. GB/T 28181-2022 annex B.

A machine: an order in, what is answered and what becomes of the sender out. Refused with 400: what
the family cannot (another speed at all, or backwards before 2022), speeds outside of 0.25 to 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gb28181.simulator import rtsp
from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.profiles import Habit, Profile
from gb28181.simulator.recording import RecordingStream

SLOWEST: Final = 0.25
FASTEST: Final = 8.0


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    """Of SIP."""
    body: bytes = b""
    pause: bool = False
    resume: bool = False
    stop: bool = False


class Showing:
    """One recording that is being sent."""

    def __init__(
        self, stream: RecordingStream, start: int, profile: Profile, faults: Faults
    ) -> None:
        """`start`: the first second of `t=`."""
        self.stream = stream
        self._start = start
        self._profile = profile
        self._faults = faults

    def handle(self, order: rtsp.Order) -> Outcome:
        match order.method:
            case "PAUSE":
                ignored = Fault.PAUSE_IGNORED in self._faults
                return Outcome(200, rtsp.write(200, order.cseq), pause=not ignored)
            case "TEARDOWN":
                return Outcome(200, rtsp.write(200, order.cseq), stop=True)
            case _:
                return self._play(order)

    def _play(self, order: rtsp.Order) -> Outcome:
        if order.scale is not None and not self._can(order.scale):
            return Outcome(400)
        reel = self.stream.reel
        if order.scale is not None and Fault.SCALE_IGNORED not in self._faults:
            reel.run(order.scale)
        if order.npt is not None and Fault.SEEK_IGNORED not in self._faults:
            reel.seek(self._start + order.npt)
        return Outcome(200, rtsp.write(200, order.cseq, self._told(order)), resume=True)

    def _can(self, scale: float) -> bool:
        if self._profile.has(Habit.SCALE_REFUSED):
            return scale == 1.0
        backwards = self._profile.of_2022
        return SLOWEST <= abs(scale) <= FASTEST and (scale > 0 or backwards)

    def _told(self, order: rtsp.Order) -> Iterable[tuple[str, str]]:
        """Where it goes on, and with which RTP numbers (2022)."""
        stream = self.stream
        if order.scale is not None:
            yield "Scale", f"{order.scale:g}" if order.scale % 1 else f"{order.scale:.1f}"
        yield "Range", f"npt={max(0.0, stream.reel.position - self._start):.3f}-"
        if self._profile.of_2022:
            yield "RTP-Info", f"seq={stream.sequence};rtptime={stream.timestamp}"
