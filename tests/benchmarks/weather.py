"""How much slower the machine is just now than at its best: other people's work on it.

On a shared machine the same instructions take up to twice the CPU time while a neighbour uses the
other half of the core and its caches. A thread repeats a fixed piece of Python all the time and
compares; what a measurement says has to be read with that in mind.
"""

from __future__ import annotations

import statistics
import threading
import time
from types import TracebackType

PAUSE_S = 0.05
STEPS = 4000


class Weather:
    """Samples from `with` to its end; `since` gives the slowness of a stretch of time."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._samples: list[tuple[float, float]] = []

    def __enter__(self) -> Weather:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def since(self, moment: float) -> float:
        """The median of what a step took since then, in units of the best of the whole run."""
        samples = list(self._samples)
        found = [took for at, took in samples if at >= moment]
        best = min((took for _, took in samples), default=0.0)
        return statistics.median(found) / best if found and best else 1.0

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_S):
            before = time.thread_time()
            total = 0
            for step in range(STEPS):
                total += step & 7
            self._samples.append((time.monotonic(), time.thread_time() - before))
