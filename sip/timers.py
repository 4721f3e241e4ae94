"""The timer values of RFC 3261 §17 (table 4) and RFC 6026, and the one queue all of them wait in.

Values are plain seconds. The queue never looks at a clock: whoever owns it passes `now`. It is a
heap with lazy entries, since most timers of SIP are set and never fire: a machine whose deadline
moves later or vanishes keeps its old entry, which is looked at once when it comes up. At most one
entry a machine lies in the heap unless its deadline moves *earlier*; entries of dead machines are
swept out when they are the majority.
"""

import heapq
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timers:
    """What the machines derive their timers from. Change T1 only where the path is known to be
    slow."""

    t1: float = 0.5
    """Estimate of the round trip: first retransmission."""
    t2: float = 4.0
    """Longest interval between retransmissions of a non-INVITE request or an INVITE response."""
    t4: float = 5.0
    """How long a message may stay in the network."""
    d: float = 32.0
    """Timer D: how long repeated 300-699 to INVITE are acknowledged over UDP (at least 32 s)."""
    trying: float = 0.2
    """The server sends 100 itself when an INVITE is not answered by then (§17.2.1)."""
    answer: float = 180.0
    """An INVITE its owner never answers gets 408. Not in the RFC: it bounds memory."""

    @property
    def give_up(self) -> float:
        """64*T1: timers B, F, H, J, L and M."""
        return 64 * self.t1


class Timed(Protocol):
    """What can wait in the queue."""

    @property
    def deadline(self) -> float | None:
        """When it wants to be woken; None when never again."""

    queued_for: float | None
    """Owned by the queue: time of its earliest entry in the heap."""

    def wake(self, now: float) -> None:
        """Its deadline has come. It calls `update` itself when it wants to be woken again."""


_SWEEP_MINIMUM = 1024


class TimerQueue:
    """One heap for the deadlines of all transactions."""

    __slots__ = ("_count", "_dead", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0
        self._dead = 0

    def __len__(self) -> int:
        return len(self._heap)

    def update(self, item: Timed) -> None:
        """Call after the item's deadline may have changed."""
        deadline = item.deadline
        queued_for = item.queued_for
        if deadline is None:
            if queued_for is not None:
                self._dead += 1
                if self._dead > _SWEEP_MINIMUM and self._dead * 2 > len(self._heap):
                    self._sweep()
        elif queued_for is None or deadline < queued_for:
            self._push(deadline, item)

    def next_deadline(self) -> float | None:
        """A time before which nothing is due; it may be earlier than the next real deadline."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[Timed]:
        """Everything whose deadline has come, earliest first. The caller wakes it."""
        due: list[Timed] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, item = heapq.heappop(heap)
            if at != item.queued_for:
                continue  # an earlier entry of the same item has been served meanwhile
            item.queued_for = None
            deadline = item.deadline
            if deadline is None:
                self._dead = max(0, self._dead - 1)
            elif deadline <= now:
                due.append(item)
            else:
                self._push(deadline, item)
        return due

    def _push(self, at: float, item: Timed) -> None:
        self._count += 1
        item.queued_for = at
        heapq.heappush(self._heap, (at, self._count, item))

    def _sweep(self) -> None:
        live = [e for e in self._heap if e[2].deadline is not None and e[0] == e[2].queued_for]
        for _, _, item in self._heap:
            if item.deadline is None:
                item.queued_for = None
        heapq.heapify(live)
        self._heap = live
        self._dead = 0
