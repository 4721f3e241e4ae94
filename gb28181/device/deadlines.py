"""The deadlines of many things in one heap, where moving one later costs nothing.

Heartbeats move a deadline 250 times a second; only the rare one that passes matters. So the heap is
not told of a deadline that moves *later*: when the old entry comes up, the owner is asked for the
present deadline and the entry goes in again. Only a deadline that moves *earlier* is pushed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Deadlines(Generic[K]):
    """`armed` holds the one entry of a key that counts; others in the heap are stale."""

    def __init__(self, deadline_of: Callable[[K], float | None]) -> None:
        self._deadline_of = deadline_of
        self._heap: list[tuple[float, int, K]] = []
        self._armed: dict[K, float] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._armed)

    def update(self, key: K) -> None:
        """The deadline of `key` may have become earlier, or it has one for the first time."""
        deadline = self._deadline_of(key)
        if deadline is None:
            return
        armed = self._armed.get(key)
        if armed is None or deadline < armed:
            self._push(key, deadline)

    def _push(self, key: K, at: float) -> None:
        self._armed[key] = at
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, key))

    def forget(self, key: K) -> None:
        """The key is gone; its entries die by themselves."""
        self._armed.pop(key, None)

    def next(self) -> float | None:
        """When to look again; it may be early, never late."""
        while self._heap:
            at, _, key = self._heap[0]
            if self._armed.get(key) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: float) -> list[K]:
        """Keys whose deadline has passed; each is disarmed until its next `update`."""
        found: list[K] = []
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._armed.get(key) != at:
                continue
            deadline = self._deadline_of(key)
            if deadline is not None and deadline > now:
                self._push(key, deadline)
            else:
                del self._armed[key]
                if deadline is not None:
                    found.append(key)
        return found
