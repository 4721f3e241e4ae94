"""Reads the vectors of `tests/vectors/sip`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / "vectors" / "sip"

GB: dict[str, dict[str, Any]] = json.loads((ROOT / "gb" / "expected.json").read_text())
TORTURE: dict[str, dict[str, Any]] = json.loads((ROOT / "torture" / "expected.json").read_text())


def gb(name: str) -> bytes:
    return (ROOT / "gb" / f"{name}.sip").read_bytes()


def torture(name: str) -> bytes:
    folder = "valid" if TORTURE[name]["outcome"] == "accept" else "invalid"
    return (ROOT / "torture" / folder / f"{name}.sip").read_bytes()


def every_vector() -> list[bytes]:
    """All of them: what fuzzing starts from."""
    return [path.read_bytes() for path in sorted(ROOT.rglob("*.sip"))]
