"""Nonces that carry their own facts, and the table of counts that were used up.

`NonceSigner` makes and opens nonces without keeping any: issue time, run of the server, algorithm
and a serial, signed with a secret key. `ReplayTable` remembers what *successful* answers used, in
bounded memory, and never forgets in a way that lets an old answer in again: see `sip.digest` for
the reasons. Times are the caller's `now`; nothing is shared between runs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

NONCES_PER_USER = 8
MAX_USERS = 131_072
WINDOW = 64

_TICKS = 10
_HEAD_BYTES = 12
_MAC_BYTES = 12


def _tick(now: float) -> int:
    return int(now * _TICKS) & 0xFFFFFFFFFF


class NonceSigner:
    """Nonces of one server run: 48 hex digits."""

    def __init__(self, secret_key: bytes, run: str, ttl: float) -> None:
        self.ttl = ttl
        self._key = hashlib.sha256(b"gb28181 digest nonce\0" + secret_key).digest()
        # A new run has forgotten which counts were used, so it must not take nonces of the last.
        self._run = hashlib.sha256(run.encode()).digest()[:4]
        self._serial = 0

    def make(self, now: float, code: int) -> str:
        """A fresh nonce for the algorithm number `code`."""
        self._serial = (self._serial + 1) & 0xFFFF
        head = (
            _tick(now).to_bytes(5, "big")
            + self._run
            + bytes((code,))
            + self._serial.to_bytes(2, "big")
        )
        return (head + self._sign(head)).hex()

    def open(self, nonce: str, now: float) -> tuple[int, int] | None:
        """Issue tick and algorithm number of a nonce of this run that still lives, else None."""
        try:
            raw = bytes.fromhex(nonce)
        except ValueError:
            return None
        if len(raw) != _HEAD_BYTES + _MAC_BYTES or raw.hex() != nonce:
            return None
        head = raw[:_HEAD_BYTES]
        if head[5:9] != self._run or not hmac.compare_digest(raw[_HEAD_BYTES:], self._sign(head)):
            return None
        tick = int.from_bytes(head[:5], "big")
        age = _tick(now) - tick
        return None if age < 0 or age > self.ttl * _TICKS else (tick, head[9])

    def _sign(self, head: bytes) -> bytes:
        return hashlib.blake2s(head, key=self._key, digest_size=_MAC_BYTES).digest()


@dataclass(slots=True)
class _Used:
    """Which counts of one nonce were used: the highest, and a bit for each of the 64 below it."""

    tick: int
    highest: int
    mask: int = 1

    def is_new(self, count: int) -> bool:
        back = self.highest - count
        return back < 0 or (back < WINDOW and not self.mask >> back & 1)

    def note(self, count: int) -> None:
        ahead = count - self.highest
        if ahead > 0:
            self.mask = (self.mask << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self.highest = count
        else:
            self.mask |= 1 << -ahead


@dataclass(slots=True)
class _User:
    seen_at: float
    floor: int = -1
    nonces: dict[str, _Used] = field(default_factory=dict)


class ReplayTable:
    """Counts used up by good answers, for each user and nonce."""

    def __init__(self, ttl: float, max_users: int = MAX_USERS) -> None:
        self._ttl = ttl
        self._max_users = max_users
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._floor = -1

    def __len__(self) -> int:
        """Users with an entry."""
        return len(self._users)

    def is_unused(self, username: str, nonce: str, tick: int, count: int) -> bool:
        user = self._users.get(username)
        if user is None:
            return tick > self._floor
        used = user.nonces.get(nonce)
        if used is None:
            return tick > max(user.floor, self._floor)
        return used.is_new(count)

    def use(self, username: str, nonce: str, tick: int, count: int, now: float) -> None:
        """Note a count that `is_unused` allowed and whose answer was right."""
        users = self._users
        user = users.get(username)
        if user is None:
            user = users[username] = _User(now)
        user.seen_at = now
        users.move_to_end(username)
        used = user.nonces.get(nonce)
        if used is None:
            user.nonces[nonce] = _Used(tick, count)
        else:
            used.note(count)
        if len(user.nonces) > NONCES_PER_USER:
            oldest = min(user.nonces, key=lambda known: user.nonces[known].tick)
            user.floor = max(user.floor, user.nonces.pop(oldest).tick)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop entries whose nonces are all dead; beyond the bound, the longest unused ones."""
        users = self._users
        while users:
            name, user = next(iter(users.items()))
            dead = user.seen_at + self._ttl + 1 < now
            if not dead and len(users) <= self._max_users:
                return
            del users[name]
            if not dead:
                newest = max(used.tick for used in user.nonces.values())
                self._floor = max(self._floor, user.floor, newest)
