"""Runs of before, as files in the data directory: one JSON each, the oldest go first.

Called in threads; a file is complete or not there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from .report import INTERRUPTED, RUNNING

KEEP_PER_DEVICE: Final = 20
KEEP: Final = 1_000
_NAME: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


class RunFiles:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> list[dict[str, Any]]:
        """Summaries of all runs, oldest first; one that was under way is interrupted."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = []
        for path in sorted(self._folder.glob("*.json")):
            run = self.read(path.stem)
            if run is None:
                continue
            if run["state"] == RUNNING:
                run |= {"state": INTERRUPTED, "current": ""}
                self.write(run)
            found.append({name: value for name, value in run.items() if name != "items"})
        return found

    def read(self, run_id: str) -> dict[str, Any] | None:
        """One run, whole; None when there is none (or its file is broken)."""
        if not _NAME.fullmatch(run_id):
            return None
        try:
            run = json.loads(self._path(run_id).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return run if isinstance(run, dict) and {"run_id", "state", "items"} <= set(run) else None

    def write(self, run: dict[str, Any]) -> None:
        path = self._path(run["run_id"])
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(run, ensure_ascii=False), "utf-8")
        fresh.replace(path)

    def remove(self, run_id: str) -> None:
        self._path(run_id).unlink(missing_ok=True)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"
