"""Output times from whatever times a sender offers.

Three clocks arrive with a unit: PES times (33 bits, 90 kHz, may jump, freeze or be absent), the
RTP timestamp (32 bits, may freeze) and the arrival time. The first one whose step since the unit
before is believable moves the track on; the next one repairs it otherwise. So a PES time that
jumps is bridged with the RTP step, and an RTP time that stands still with the arrival time.

Tracks of one sender share the offset between PES time and output time, which keeps picture and
sound together; a track that jumps alone is put back by its own step. Whatever comes in, decoding
times rise strictly within a track and never begin anew: a restarted sender continues behind the
highest time given out.

Senders with B-frames that write only a PTS are recognised by times that step back; their decoding
times are then the sorted PTS, one or two frames behind.

ISO/IEC 13818-1 2.4.3.7 (PES times), RFC 3550 5.1; GB/T 28181-2022 Annex C.1.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from media.unit import CLOCK_HZ

PES_BITS: Final = 33
RTP_BITS: Final = 32

MIN_STEP: Final = CLOCK_HZ // 1000
"""Below 1 ms between two units the sender counts in another unit or stands still."""
MAX_STEP: Final = 2 * CLOCK_HZ
"""Steps up to here need no witness; longer ones must agree with the arrival times."""
SHARED_SLACK: Final = 5 * CLOCK_HZ
"""How far a track's first PES time may lie from what the other track leads to expect."""
JUMP_SLACK: Final = CLOCK_HZ // 2
REORDER_REACH: Final = CLOCK_HZ
"""A PTS that steps back by less than this may be a B-frame, by more it is a jump."""
MAX_REORDER: Final = 4
FIRST_NOMINAL: Final = 3600


def signed_step(value: int, last: int, bits: int) -> int:
    """Difference of two counters of so many bits, taken the short way round."""
    half = 1 << (bits - 1)
    return ((value - last + half) & ((1 << bits) - 1)) - half


def believable(step: int, elapsed: int) -> bool:
    """Whether a track can have moved by ``step`` while ``elapsed`` ticks passed here."""
    if MIN_STEP <= step <= MAX_STEP:
        return True
    return step > MAX_STEP and abs(step - elapsed) <= max(CLOCK_HZ, elapsed // 4)


class _Track:
    """State of one track; ``ideal`` is the output time before it is forced to rise."""

    __slots__ = (
        "anchor",
        "arrival",
        "backsteps",
        "epoch",
        "heap",
        "ideal",
        "last_pts",
        "nominal",
        "out",
        "reorder",
        "rtp",
        "source",
        "units_since_backstep",
    )

    def __init__(self) -> None:
        self.epoch = -1
        self.ideal = 0
        self.out = -1
        self.source: int | None = None
        self.rtp: int | None = None
        self.arrival = 0.0
        self.anchor: tuple[float, int] | None = None
        self.nominal = FIRST_NOMINAL
        self.last_pts: int | None = None
        self.heap: list[int] = []
        self.reorder = 0
        self.backsteps = 0
        self.units_since_backstep = 0


class Clock:
    """Output times of the tracks of one stream; track 0 is video, track 1 audio."""

    def __init__(self) -> None:
        self._tracks = (_Track(), _Track())
        self._epoch = 0
        self._offset: int | None = None
        self._top = 0
        self._top_arrival = 0.0
        self._begun = False
        self._fresh = True
        self.repairs = 0
        """Units whose own PES time could not be believed."""

    def restart(self) -> None:
        """Another sender follows: its times mean nothing beside the old ones."""
        self._epoch += 1
        self._offset = None
        self._fresh = True

    def stamp(
        self,
        track: int,
        pts: int | None,
        dts: int | None,
        rtp: int | None,
        arrival: float,
    ) -> tuple[int, int]:
        """(pts, dts) for the next unit of a track.

        ``pts`` and ``dts`` are raw PES times, ``rtp`` the raw RTP timestamp already in 90 kHz, all
        wrapped or not. ``arrival`` is when the unit's first packet came, in seconds.
        """
        state = self._tracks[track]
        ahead = 0
        guessed = dts is None
        if dts is None:
            if pts is not None:
                dts, ahead = self._decoding_time(state, pts)
        elif pts is not None:
            ahead = min(max(signed_step(pts, dts, PES_BITS), 0), MAX_STEP)
        if state.epoch != self._epoch:
            ideal = self._first(state, dts, arrival)
        else:
            ideal = self._next(state, dts, guessed, rtp, arrival)
        out = max(ideal, state.out + 1, 0)
        state.ideal = ideal
        state.out = out
        state.source = dts
        state.rtp = rtp
        state.arrival = arrival
        self._begun = True
        if out >= self._top:
            self._top = out
            self._top_arrival = arrival
        return max(ideal + ahead, out), out

    def _first(self, state: _Track, source: int | None, arrival: float) -> int:
        """Output time of a track's first unit from this sender."""
        state.epoch = self._epoch
        state.anchor = None
        state.heap.clear()
        expected = 0
        if self._begun:
            gap = int((arrival - self._top_arrival) * CLOCK_HZ)
            # The first track of a new sender begins behind everything given out before.
            expected = self._top + max(gap, state.nominal if self._fresh else 0)
        self._fresh = False
        if source is None:
            return expected
        if self._offset is not None:
            shared = expected + signed_step(source + self._offset, expected, PES_BITS)
            if abs(shared - expected) <= SHARED_SLACK:
                return shared
            return expected
        self._offset = expected - source
        return expected

    def _next(
        self, state: _Track, source: int | None, guessed: bool, rtp: int | None, arrival: float
    ) -> int:
        elapsed = int((arrival - state.arrival) * CLOCK_HZ)
        if source is not None and state.source is not None:
            step = signed_step(source, state.source, PES_BITS)
            if believable(step, elapsed):
                return self._move(state, step)
            if guessed and -REORDER_REACH < step < 0:
                # Perhaps a B-frame before the reordering is known: keep the offset as it is.
                return state.ideal + step
            self.repairs += 1
        rtp_step = 0
        if rtp is not None and state.rtp is not None:
            rtp_step = signed_step(rtp, state.rtp, RTP_BITS)
        steady = believable(rtp_step, elapsed)
        if source is not None and self._offset is not None:
            expected = state.ideal + (rtp_step if steady else max(elapsed, state.nominal))
            shared = expected + signed_step(source + self._offset, expected, PES_BITS)
            if abs(shared - expected) <= JUMP_SLACK and shared - state.ideal >= MIN_STEP:
                # The other track was put back before by this offset: follow it.
                state.anchor = None
                return shared
        ideal = self._move(state, rtp_step) if steady else self._by_arrival(state, arrival)
        if source is not None and source != state.source:
            self._offset = ideal - source
        return ideal

    @staticmethod
    def _move(state: _Track, step: int) -> int:
        state.anchor = None
        if step <= MAX_STEP:
            state.nominal = step
        return state.ideal + step

    @staticmethod
    def _by_arrival(state: _Track, arrival: float) -> int:
        """Follows the arrival time without drifting; bunched units are spread a little."""
        if state.anchor is None:
            state.anchor = (state.arrival, state.ideal)
        since, base = state.anchor
        return max(state.ideal + state.nominal // 4, base + int((arrival - since) * CLOCK_HZ))

    @staticmethod
    def _decoding_time(state: _Track, pts: int) -> tuple[int, int]:
        """Decoding time of a unit that carries only a PTS, and how far the PTS lies ahead."""
        last, state.last_pts = state.last_pts, pts
        step = MIN_STEP if last is None else signed_step(pts, last, PES_BITS)
        state.units_since_backstep += 1
        if -REORDER_REACH < step < 0:
            # One step back is a correction of the sender's clock, repeated ones are B-frames.
            state.backsteps = state.backsteps + 1 if state.units_since_backstep <= 16 else 1
            state.units_since_backstep = 0
            late = state.source is not None and signed_step(pts, state.source, PES_BITS) <= 0
            if state.backsteps >= 2 and (late or not state.reorder):
                state.reorder = min(state.reorder + 1, MAX_REORDER)
                state.backsteps = 0
        if not state.reorder:
            return pts, 0
        if abs(step) > REORDER_REACH or (state.heap and abs(pts - state.heap[0]) > 2 * MAX_STEP):
            state.heap.clear()
        heappush(state.heap, pts)
        if len(state.heap) > state.reorder:
            dts = heappop(state.heap)
        else:
            dts = state.source + MIN_STEP if state.source is not None else pts
        ahead = min(max(signed_step(pts, dts, PES_BITS), 0), MAX_STEP)
        return dts, ahead
