"""Who may cost us how much: budgets and lock-outs, keyed by (address, device id), bounded.

A city sits behind one address, so nothing here ever stops an address as a whole. `Budget` limits
*answers* to traffic nobody vouched for; `Lockout` stops guessing one id's password. Messages of a
registered device on its own flow pass neither.

Memory is bounded by forgetting the entry longest untouched. Somebody who spends 65,536 ids to be
forgotten has gained one more round of guesses against one id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_KEYS = 65_536
LONGEST_LOCK_S = 3600.0


class Budget:
    """A token bucket per key: `rate` a second, `burst` at once."""

    def __init__(self, rate: float, burst: float, max_keys: int = MAX_KEYS) -> None:
        self._rate = rate
        self._burst = burst
        self._max_keys = max_keys
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, key: Hashable, now: float) -> bool:
        """Take one token if there is one."""
        tokens, at = self._buckets.get(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return allowed


@dataclass(slots=True)
class _Failures:
    count: int = 0
    since: float = 0.0
    locked_until: float = 0.0
    locks: int = 0


class Lockout:
    """Counts wrong passwords; a lock grows with each repetition and decays with good conduct."""

    def __init__(self, failures: int, window_s: float, max_keys: int = MAX_KEYS) -> None:
        self._failures = failures
        self._window = window_s
        self._max_keys = max_keys
        self._entries: OrderedDict[Hashable, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def locked(self, key: Hashable, now: float) -> bool:
        """Whether credentials of this key are refused unread."""
        entry = self._entries.get(key)
        return entry is not None and now < entry.locked_until

    def failed(self, key: Hashable, now: float) -> bool:
        """Note a wrong password; True when the key is locked by it."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Failures(since=now)
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_keys:
            self._entries.popitem(last=False)
        if now - entry.since > self._window:
            quiet = now - max(entry.since, entry.locked_until)
            entry.locks = max(0, entry.locks - int(quiet // LONGEST_LOCK_S))
            entry.count, entry.since = 0, now
        entry.count += 1
        if entry.count < self._failures:
            return False
        entry.locked_until = now + min(LONGEST_LOCK_S, self._window * 2**entry.locks)
        entry.locks = min(entry.locks + 1, 16)
        entry.count, entry.since = 0, entry.locked_until
        return True

    def succeeded(self, key: Hashable) -> None:
        """The right password: all is forgotten."""
        self._entries.pop(key, None)
