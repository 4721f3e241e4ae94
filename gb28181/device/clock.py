"""Time for the registry: monotonic for deadlines, civil for what people and the store read.

A monotonic moment becomes a civil one by its age: that stays right when the wall clock is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
"""GB/T 28181 writes local times without a zone, and they are Beijing's (2022 9.10)."""


def _utc() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Tests hand in their own two functions."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        civil: Callable[[], datetime] = _utc,
    ) -> None:
        self.now = now
        self.civil = civil

    def civil_of(self, moment: float) -> datetime:
        """The civil time of a monotonic moment, past or future."""
        return self.civil() + timedelta(seconds=moment - self.now())

    def moment_of(self, civil: datetime) -> float:
        """The monotonic moment of a civil time."""
        return self.now() + (civil - self.civil()).total_seconds()


def date_header(civil: datetime) -> str:
    """The Date of a 200 to REGISTER: `YYYY-MM-DDTHH:MM:SS.sss`, Beijing time."""
    return civil.astimezone(BEIJING).isoformat(timespec="milliseconds")[:-6]
