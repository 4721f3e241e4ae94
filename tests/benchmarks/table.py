"""The table that is printed: what was measured, what is allowed, and the anchor of the same run."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, TextIO

from .weather import Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. `budget` None: nothing is promised. `anchor`: the same load on a program that does
    nothing with it, measured just before and after."""

    work: str
    measured: float
    unit: str
    budget: float | None = None
    anchor: float | None = None
    slow: float | None = None
    """How much slower the machine was than at its best in this run, while this was measured."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.budget is None else self.measured / self.budget

    @property
    def times_anchor(self) -> float | None:
        return self.measured / self.anchor if self.anchor else None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "times_anchor": self.times_anchor}


HEAD = ("work", "measured", "budget", "ratio", "anchor", "x anchor", "slow", "note")
WIDTHS = (52, 12, 8, 6, 8, 8, 5, 0)


class Table:
    """Prints each row when it is known, so that a long run can be watched."""

    def __init__(self, weather: Weather, out: TextIO = sys.stdout) -> None:
        self._weather = weather
        self._out = out
        self.rows: list[Row] = []

    def head(self) -> None:
        self._print(HEAD)

    def add(self, rows: Iterable[Row]) -> None:
        since, slow = time.monotonic(), 1.0
        for found in rows:
            now = time.monotonic()
            if now - since > 0.5:  # rows that come together were measured together
                since, slow = now, round(self._weather.since(since), 2)
            row = replace(found, slow=slow)
            self.rows.append(row)
            self._print(
                (
                    row.work,
                    f"{number(row.measured)} {row.unit}",
                    "" if row.budget is None else f"{number(row.budget)}",
                    "" if row.ratio is None else f"{row.ratio:.2f}",
                    "" if row.anchor is None else number(row.anchor),
                    "" if row.times_anchor is None else f"{row.times_anchor:.1f}",
                    f"{row.slow:.1f}",
                    row.note,
                )
            )

    def _print(self, cells: Iterable[str]) -> None:
        line = " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
        print(line.rstrip(), file=self._out, flush=True)


def number(value: float) -> str:
    """Three digits, no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def machine() -> str:
    """What the figures were measured on, and how busy that was."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({cpu_model()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load}"
    )


def cpu_model() -> str:
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
