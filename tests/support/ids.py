"""Identifiers that count instead of being random: `ids() -> "id1", "id2", ...`."""

from __future__ import annotations

import itertools


class CountingIds:
    """Stands in for every injected source of identifiers; each prefix counts by itself."""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._prefix}{next(self._numbers)}"
