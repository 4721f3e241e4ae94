"""Puts packets back into sequence order and says where some are missing.

Theory. ``expected`` is the next sequence number to go out. The distance ``d`` of a packet from it,
modulo 2^16, falls into four classes:

* ``d == 0``: goes out at once, together with what waited behind it;
* ``0 < d < window``: waits in a ring until the gap closes. The gap is given up when a packet
  arrives that does not fit into the window any more, or when the oldest waiting packet is older
  than ``max_wait`` seconds;
* ``-window <= d < 0``: late or duplicate, dropped;
* all else: a stray. A sender that restarts begins anywhere, so strays are kept until ``FAR_RUN``
  of them follow one another; then the sequence continues from there. A restart that lands close
  behind ``expected`` looks like late packets, so these are kept as well, but need ``NEAR_RUN``.

The caller may deliver an in-order packet itself while ``calm`` is True, and just advance
``expected``: that is the receiving path's short cut. RFC 3550 A.1 has the same idea of a run.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")

WINDOW = 128
"""Packets; at 4 Mbit/s a third of a second, in the burst of a key frame less than the frame."""

FAR_RUN = 2
NEAR_RUN = 32
HISTORY = 512
"""How many sequence numbers behind ``expected`` still count as late."""


class Mark(Enum):
    """Stands in the output between packets."""

    GAP = "gap"
    """At least one packet is missing here."""
    RESTART = "restart"
    """The sequence was begun anew here; nothing is known about what lies between."""


class Reorder(Generic[T]):
    """One sequence-number space."""

    __slots__ = (
        "_first_wait",
        "_mask",
        "_max_wait",
        "_missing",
        "_ring",
        "_started",
        "_stray_next",
        "_strays",
        "_window",
        "calm",
        "duplicates",
        "expected",
        "late",
        "lost",
        "pending",
        "restarts",
    )

    def __init__(self, *, window: int = WINDOW, max_wait: float = 0.1) -> None:
        """``window`` 0 means the transport keeps order: every gap is final at once (TCP)."""
        size = 1
        while size < window:
            size *= 2
        self._window = size if window else 0
        self._mask = size - 1
        self._max_wait = max_wait
        self._ring: list[T | None] = [None] * size
        self._missing: dict[int, None] = {}
        self._strays: list[T] = []
        self._stray_next = -1
        self._first_wait = 0.0
        self._started = False
        self.expected = 0
        self.pending = 0
        self.calm = False
        """Started, nothing waits and no stray is remembered."""
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self.restarts = 0

    def push(self, sequence: int, item: T, now: float) -> list[T | Mark]:
        """Packets that may go on now, in order, with marks where some are missing."""
        out = self._push(sequence, item, now)
        self.calm = not self.pending and self._stray_next < 0
        return out

    def _push(self, sequence: int, item: T, now: float) -> list[T | Mark]:
        if not self._started:
            self._started = True
            self.expected = (sequence + 1) & 0xFFFF
            return [item]
        distance = (sequence - self.expected) & 0xFFFF
        if distance == 0:
            self._forget_strays()
            self.expected = (sequence + 1) & 0xFFFF
            out: list[T | Mark] = [item]
            if self.pending:
                self._drain(out)
            return out
        if distance < self._window * 2 + HISTORY:
            self._forget_strays()
            return self._ahead(sequence, distance, item, now)
        if distance >= 0x10000 - HISTORY:
            self._count_late(sequence)
            return self._stray(sequence, item, NEAR_RUN)
        return self._stray(sequence, item, FAR_RUN)

    def due(self, now: float) -> bool:
        """Whether waiting packets have waited long enough for ``expire``."""
        return self.pending > 0 and now - self._first_wait >= self._max_wait

    def expire(self, now: float) -> list[T | Mark]:
        """Gives up the first gap when it is older than ``max_wait``; call often, it is cheap."""
        out: list[T | Mark] = []
        if self.due(now):
            self._skip_gap(out)
            self._first_wait = now
            self.calm = not self.pending and self._stray_next < 0
        return out

    def drain(self) -> list[T | Mark]:
        """Everything that waits, gaps given up; the next packet starts a new sequence."""
        out: list[T | Mark] = []
        while self.pending:
            self._skip_gap(out)
        self._forget_strays()
        self._missing.clear()
        self._started = False
        self.calm = False
        return out

    def _ahead(self, sequence: int, distance: int, item: T, now: float) -> list[T | Mark]:
        out: list[T | Mark] = []
        while self.pending and distance >= self._window:
            self._skip_gap(out)
            distance = (sequence - self.expected) & 0xFFFF
        if distance >= self._window:
            # Nothing waits and the packet is beyond the window: the gap is final.
            self._lose(sequence)
            self.expected = (sequence + 1) & 0xFFFF
            out += (Mark.GAP, item)
            return out
        if distance == 0:
            self.expected = (sequence + 1) & 0xFFFF
            out.append(item)
            if self.pending:
                self._drain(out)
            return out
        slot = sequence & self._mask
        if self._ring[slot] is not None:
            self.duplicates += 1
            return out
        self._ring[slot] = item
        if not self.pending:
            self._first_wait = now
        self.pending += 1
        if self.due(now):
            out += self.expire(now)
        return out

    def _drain(self, out: list[T | Mark]) -> None:
        """Moves the run that starts at ``expected`` from the ring to ``out``."""
        ring, mask, expected = self._ring, self._mask, self.expected
        while self.pending:
            item = ring[expected & mask]
            if item is None:
                break
            ring[expected & mask] = None
            out.append(item)
            self.pending -= 1
            expected = (expected + 1) & 0xFFFF
        self.expected = expected

    def _skip_gap(self, out: list[T | Mark]) -> None:
        """Gives up the missing packets in front of the first waiting one."""
        ahead = self.expected
        while self._ring[ahead & self._mask] is None:
            ahead = (ahead + 1) & 0xFFFF
        self._lose(ahead)
        self.expected = ahead
        out.append(Mark.GAP)
        self._drain(out)

    def _lose(self, until: int) -> None:
        """Counts the numbers from ``expected`` to ``until`` as lost and remembers the last ones."""
        count = (until - self.expected) & 0xFFFF
        self.lost += count
        for step in range(max(0, count - HISTORY), count):
            self._missing[(self.expected + step) & 0xFFFF] = None
        while len(self._missing) > HISTORY:
            del self._missing[next(iter(self._missing))]

    def _count_late(self, sequence: int) -> None:
        if sequence in self._missing:
            del self._missing[sequence]
            self.late += 1
        else:
            self.duplicates += 1

    def _stray(self, sequence: int, item: T, needed: int) -> list[T | Mark]:
        """Keeps a stray; returns the whole run when it is long enough to be a new sequence."""
        if sequence != self._stray_next:
            self._strays = []
        self._strays.append(item)
        self._stray_next = (sequence + 1) & 0xFFFF
        if len(self._strays) < needed:
            return []
        run = self._strays
        out = self.drain()
        out.append(Mark.RESTART)
        out += run
        self._started = True
        self.expected = (sequence + 1) & 0xFFFF
        self.restarts += 1
        return out

    def _forget_strays(self) -> None:
        if self._strays:
            self._strays = []
        self._stray_next = -1
