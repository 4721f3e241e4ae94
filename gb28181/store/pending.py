"""What waits to be written: one entry per row, the newest wins. Pure; knows no database.

Theory: devices change far more often than a database likes to commit. So a change only marks its
row here, and the writer takes everything every half second. Two changes of one row between two
flushes cost one write. Each entry carries a sequence number, because two things may overtake it:
a batch that failed is given back (newer entries must win), and a write-through of the same row
makes older entries worthless (`forget`).

What devices report (alarms, positions) has a bound of its own, so that a flood of it while the
database fails leaves room for the rest.

The number of entries is bounded. Rows of devices and channels are bounded by the estate itself;
when the limit is reached, the oldest *closed intervals* go first, then nothing new is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.store.records import (
    AlarmRecord,
    ChannelRecord,
    DeviceRecord,
    IntervalRecord,
    PositionRecord,
    RegistrationRecord,
    RunRecord,
    SubscriptionRecord,
)

Key = tuple[object, ...]
Value = (
    DeviceRecord
    | RegistrationRecord
    | ChannelRecord
    | IntervalRecord
    | RunRecord
    | SubscriptionRecord
    | AlarmRecord
    | PositionRecord
    | None
)
"""A record to store, or None: delete the row."""

ORDER = (
    "run",
    "device",
    "registration",
    "refresh",
    "channel",
    "interval",
    "subscription",
    "alarm",
    "position",
)
"""Kinds in the order in which a batch writes them."""
REPORT_LIMITS = {"alarm": 50_000, "position": 50_000}
"""Entries of a kind that may wait."""


@dataclass(slots=True)
class Batch:
    """Entries taken for one transaction: kind -> key -> (sequence, value)."""

    entries: dict[str, dict[Key, tuple[int, Value]]]

    def __len__(self) -> int:
        return sum(map(len, self.entries.values()))

    def puts(self, kind: str) -> list[Value]:
        return [v for _, v in self.entries.get(kind, {}).values() if v is not None]

    def deletes(self, kind: str) -> list[Key]:
        return [k for k, (_, v) in self.entries.get(kind, {}).items() if v is None]


class Pending:
    """The buffer between the live state and the database."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kinds: dict[str, dict[Key, tuple[int, Value]]] = {kind: {} for kind in ORDER}
        self._sequence = 0
        self._count = 0
        self.dropped = 0
        """Entries lost because the limit was reached."""

    def __len__(self) -> int:
        return self._count

    @property
    def sequence(self) -> int:
        """The number of the newest entry."""
        return self._sequence

    def has(self, kind: str, key: Key) -> bool:
        return key in self._kinds[kind]

    def put(self, kind: str, key: Key, value: Value) -> None:
        """Mark a row for storing (a record) or for deletion (None)."""
        entries = self._kinds[kind]
        self._sequence += 1
        if key in entries:
            del entries[key]  # keeps the order of a dict the order of age
        elif len(entries) >= REPORT_LIMITS.get(kind, self._limit) or (
            self._count >= self._limit and not self._make_room()
        ):
            self.dropped += 1
            return
        else:
            self._count += 1
        entries[key] = (self._sequence, value)

    def _make_room(self) -> bool:
        intervals = self._kinds["interval"]
        for key, (_, value) in intervals.items():
            if isinstance(value, IntervalRecord) and value.end is not None:
                del intervals[key]
                self._count -= 1
                self.dropped += 1
                return True
        return False

    def take(self, limit: int) -> Batch:
        """Remove and return up to `limit` entries, oldest first within each kind."""
        taken: dict[str, dict[Key, tuple[int, Value]]] = {}
        left = limit
        for kind in ORDER:
            entries = self._kinds[kind]
            if not entries or not left:
                continue
            if len(entries) <= left:
                taken[kind], self._kinds[kind] = entries, {}
            else:
                keys = list(entries)[:left]
                taken[kind] = {key: entries.pop(key) for key in keys}
            left -= len(taken[kind])
        batch = Batch(taken)
        self._count -= len(batch)
        return batch

    def give_back(self, batch: Batch) -> None:
        """Take a failed batch in again; entries that came meanwhile are newer and win."""
        for kind, entries in batch.entries.items():
            present = self._kinds[kind]
            older = {key: value for key, value in entries.items() if key not in present}
            self._kinds[kind] = {**older, **present}
            self._count += len(older)

    def forget(self, kind: str, key: Key, before: int) -> None:
        """Drop an entry a write-through made worthless: older than `before`."""
        entry = self._kinds[kind].get(key)
        if entry is not None and entry[0] <= before:
            del self._kinds[kind][key]
            self._count -= 1

    def forget_device(self, device_id: str, before: int) -> None:
        """Drop every older entry of a device that was deleted."""
        for kind in ORDER[1:]:
            stale = [
                key
                for key, (_, value) in self._kinds[kind].items()
                if device_id in (key[0], getattr(value, "device_id", None))
            ]
            for key in stale:
                self.forget(kind, key, before)
