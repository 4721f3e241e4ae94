"""Writes every page made from the source: `python -m docs.tools.generate [--check]`.

A test runs the check, so a page can never be older than what it describes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from config import render
from docs.tools import (
    behaviour,
    clauses,
    command_line,
    error_codes,
    events,
    http_api,
    metrics,
    simulated,
    state_machines,
)

ROOT = Path(__file__).resolve().parents[2]

PAGES: dict[str, Callable[[], str]] = {
    "config/default.toml": render.example,
    "docs/reference/configuration.md": render.reference,
    "docs/reference/behaviour.md": behaviour.page,
    "docs/reference/cli.md": command_line.page,
    "docs/reference/error-codes.md": error_codes.page,
    "docs/reference/events.md": events.page,
    "docs/reference/http-api.md": http_api.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/reference/simulator.md": simulated.page,
    "docs/conformance/clauses.md": clauses.page,
    "docs/explanation/state-machines.md": state_machines.page,
}


def stale() -> list[str]:
    """Pages whose file differs from what the source says today."""
    return [name for name, make in PAGES.items() if _read(ROOT / name) != make()]


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def main(arguments: list[str]) -> int:
    names = stale()
    if arguments == ["--check"]:
        for name in names:
            print(f"{name} is not what the source says: run `make reference`")
        return 1 if names else 0
    for name in names:
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name](), "utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
