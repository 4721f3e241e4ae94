"""Port pool: leases of media ports out of a range, as a machine with `now` from outside.

FREE -> LEASED -> RESTING -> FREE, and FREE -> REFUSED -> FREE for ports the system will not bind.
A port is never leased twice, and a released one rests, because cameras go on sending to it for a
while.  Even ports come first: a camera that sends RTCP sends it to the port above its RTP port.
The least recently used free port is taken, so that a port rests longer than it must where it can.

The pool opens no sockets and reads no clock.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from media.errors import PortsExhausted

REST_S = 30.0
REFUSED_S = 60.0


class PortPool:
    """Leases of the ports `first` to `last`, both included."""

    __slots__ = ("_even", "_leased", "_odd", "_pending", "first", "last", "refused")

    def __init__(self, first: int, last: int) -> None:
        if not 0 < first <= last <= 65535:
            raise ValueError(f"no port range: {first}-{last}")
        self.first = first
        self.last = last
        self.refused = 0
        """How often the system refused a port; for the statistics."""
        self._even: deque[int] = deque(p for p in range(first, last + 1) if p % 2 == 0)
        self._odd: deque[int] = deque(p for p in range(first, last + 1) if p % 2)
        self._leased: set[int] = set()
        self._pending: list[tuple[float, int]] = []  # (free again at, port): resting or refused

    def __repr__(self) -> str:
        free = len(self._even) + len(self._odd)
        return (
            f"<PortPool {self.first}-{self.last} free={free} leased={len(self._leased)}"
            f" resting={len(self._pending)}>"
        )

    @property
    def leased(self) -> frozenset[int]:
        return frozenset(self._leased)

    def free_count(self, now: float) -> int:
        self._recover(now)
        return len(self._even) + len(self._odd)

    def lease(self, now: float) -> int:
        """The next free port.  Raises PortsExhausted."""
        self._recover(now)
        queue = self._even or self._odd
        if not queue:
            raise PortsExhausted(
                f"no free media port in {self.first}-{self.last}:"
                f" {len(self._leased)} leased, {len(self._pending)} resting"
            )
        port = queue.popleft()
        self._leased.add(port)
        return port

    def release(self, port: int, now: float, rest_s: float = REST_S) -> None:
        """Give a leased port back; it can be leased again after `rest_s`."""
        self._leased.remove(port)
        heapq.heappush(self._pending, (now + max(0.0, rest_s), port))

    def rest(self, ports: Iterable[int], now: float, rest_s: float = REST_S) -> None:
        """Let free ports rest: a node that is gone used them a moment ago."""
        for port in ports:
            queue = self._odd if port % 2 else self._even
            if port in queue:
                queue.remove(port)
                heapq.heappush(self._pending, (now + rest_s, port))

    def refuse(self, port: int, now: float, retry_s: float = REFUSED_S) -> None:
        """The system would not bind this leased port: another program holds it."""
        self.refused += 1
        self.release(port, now, retry_s)

    def _recover(self, now: float) -> None:
        pending = self._pending
        while pending and pending[0][0] <= now:
            port = heapq.heappop(pending)[1]
            (self._odd if port % 2 else self._even).append(port)
