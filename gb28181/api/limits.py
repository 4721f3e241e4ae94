"""Failed logins, counted per (user, address) in a sliding window; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict, deque

MAX_KEYS = 10_000


class LoginLimits:
    """Refuses a (user, address) that failed too often. ``now`` is monotonic seconds."""

    def __init__(self, attempts: int, window_s: float) -> None:
        self._attempts = attempts
        self._window_s = window_s
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def allows(self, user: str, address: str, now: float) -> bool:
        """Whether a further attempt may be checked at all."""
        failures = self._failed.get((user, address))
        if failures is None:
            return True
        while failures and failures[0] <= now - self._window_s:
            failures.popleft()
        if not failures:
            del self._failed[user, address]
        return len(failures) < self._attempts

    def failed(self, user: str, address: str, now: float) -> None:
        """Count a failure; the key that failed longest ago is forgotten when memory is full."""
        key = (user, address)
        failures = self._failed.setdefault(key, deque(maxlen=self._attempts))
        failures.append(now)
        self._failed.move_to_end(key)
        if len(self._failed) > MAX_KEYS:
            self._failed.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """A good login clears the count."""
        self._failed.pop((user, address), None)
