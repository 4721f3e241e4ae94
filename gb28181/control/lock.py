"""Who may move a camera: one at a time, the higher rank first. A machine; time comes in.

Whoever moves a camera holds it for a moment after the last command (`hold_s`), or for as long as
asked. Others of the same or a lower rank are told who holds it; a higher rank takes it over at
once. The same name is the same holder, from however many windows.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_HOLDERS = 100_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a camera, and until when (monotonic)."""

    name: str
    rank: int
    until: float


class PtzLock:
    """One per node; keys are channel ids."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._holders: dict[str, Holder] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def holder(self, channel_id: str, now: float) -> Holder | None:
        """Who holds it now."""
        found = self._holders.get(channel_id)
        if found is not None and found.until <= now:
            del self._holders[channel_id]
            return None
        return found

    def enter(
        self, channel_id: str, name: str, rank: int, now: float, hold_s: float | None = None
    ) -> Holder | None:
        """Take or keep the camera; None when that worked, else who stands in the way."""
        found = self.holder(channel_id, now)
        if found is not None and found.name != name and found.rank >= rank:
            return found
        until = now + (self._hold_s if hold_s is None else hold_s)
        if found is not None and found.name == name and hold_s is None:
            until = max(until, found.until)
        if len(self._holders) >= MOST_HOLDERS:
            self._forget(now)
        self._holders[channel_id] = Holder(name, rank, until)
        return None

    def leave(self, channel_id: str, name: str, rank: int, now: float) -> Holder | None:
        """Let go of it; None when nobody holds it now, else who still does."""
        found = self.holder(channel_id, now)
        if found is not None and found.name != name and found.rank >= rank:
            return found
        self._holders.pop(channel_id, None)
        return None

    def _forget(self, now: float) -> None:
        self._holders = {key: held for key, held in self._holders.items() if held.until > now}
