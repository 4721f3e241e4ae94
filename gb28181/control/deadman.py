"""The dead-man stop: a camera that was told to move is stopped when its operator falls silent.

A machine; time comes in. Pan, tilt and zoom end with one command, focus and iris with another, so
the two are kept apart. A browser that closes or a network that breaks must not leave a camera
turning for ever.
"""

from __future__ import annotations

from enum import StrEnum


class Moving(StrEnum):
    """What runs, and therefore which stop ends it."""

    HEAD = "head"
    """Pan, tilt, zoom."""
    LENS = "lens"
    """Focus, iris."""


class Deadman:
    """One per node; keys are channel ids."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._ends: dict[tuple[str, Moving], float] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def started(self, channel_id: str, moving: Moving, now: float) -> None:
        """A caller asked for a move; the time counts from here anew."""
        self._ends[channel_id, moving] = now + self._after_s

    def stopped(self, channel_id: str, moving: Moving) -> None:
        """It was stopped, or something else has taken its place."""
        self._ends.pop((channel_id, moving), None)

    def again(self, channel_id: str, moving: Moving, at: float) -> None:
        """The stop did not arrive: once more at that time, unless a caller comes first."""
        self._ends.setdefault((channel_id, moving), at)

    def runs(self, channel_id: str, moving: Moving) -> bool:
        return (channel_id, moving) in self._ends

    def running(self) -> list[tuple[str, Moving]]:
        """All that moves."""
        return list(self._ends)

    def due(self, now: float) -> list[tuple[str, Moving]]:
        """What is to be stopped now; it no longer counts as running."""
        found = [key for key, at in self._ends.items() if at <= now]
        for key in found:
            del self._ends[key]
        return found

    @property
    def deadline(self) -> float | None:
        """When `due` has something next."""
        return min(self._ends.values(), default=None)
