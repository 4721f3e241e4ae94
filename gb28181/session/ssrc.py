"""The SSRC values of our own SIP domain (GB/T 28181-2022 annex G, ``y=``).

Ten decimal digits: kind (0 live, 1 historical), digits 4 to 8 of the server id, a four-digit
serial. A value is leased to one session at a time and rests after its release, because cameras go
on sending for a while after BYE. Serials start at 1 and go round, so that a value comes back as
late as possible. Sans-IO: ``now`` is monotonic seconds.
"""

from __future__ import annotations

from collections import deque

SERIALS = 9_999
REST_S = 30.0


class SsrcExhausted(Exception):
    """Every serial of this kind is leased or resting."""


class SsrcPool:
    """Leases SSRC values; one pool serves both kinds."""

    def __init__(self, server_id: str, *, serials: int = SERIALS, rest_s: float = REST_S) -> None:
        self._domain = server_id[3:8]
        self._rest_s = rest_s
        self._free: dict[str, deque[int]] = {
            kind: deque(range(1, serials + 1)) for kind in ("0", "1")
        }
        self._leased: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()

    def lease(self, now: float, *, historical: bool = False) -> int:
        """Take a value nobody holds; raises ``SsrcExhausted``."""
        self._wake(now)
        kind = "1" if historical else "0"
        free = self._free[kind]
        if not free:
            raise SsrcExhausted(f"no free SSRC of kind {kind}")
        value = int(f"{kind}{self._domain}{free.popleft():04d}")
        self._leased.add(value)
        return value

    def release(self, value: int, now: float) -> None:
        """Give a value back; it may be leased again after its rest. Unknown values are ignored."""
        if value in self._leased:
            self._leased.remove(value)
            self._put_to_rest(value, now)

    def rest(self, value: int, now: float) -> None:
        """Keep a value of an earlier run out of use for one rest."""
        text = format_ssrc(value)
        free = self._free.get(text[0])
        if free is not None and text[1:6] == self._domain and int(text[6:]) in free:
            free.remove(int(text[6:]))
            self._put_to_rest(value, now)

    def _put_to_rest(self, value: int, now: float) -> None:
        self._resting.append((now + self._rest_s, value))

    @property
    def held(self) -> int:
        """Values in use or resting."""
        return len(self._leased) + len(self._resting)

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            _, value = self._resting.popleft()
            text = format_ssrc(value)
            self._free[text[0]].append(int(text[6:]))


def format_ssrc(value: int) -> str:
    """The ten digits of ``y=`` and Subject."""
    return f"{value:010d}"
