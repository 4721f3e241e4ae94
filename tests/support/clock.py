"""A clock that only moves when a test says so: hand the object itself where `now` is asked for."""

from __future__ import annotations


class FakeClock:
    """Callable like `time.monotonic`; never goes back."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        if seconds < 0:
            raise ValueError("a monotonic clock does not go back")
        self.now += seconds
        return self.now

    def advance_to(self, moment: float) -> float:
        return self.advance(moment - self.now)
