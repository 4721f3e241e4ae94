"""Inputs that were found: one file for each target, one input a line in hexadecimal.

A line may end with `# why`. Inputs that once broke a promise stay for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
MOST_BYTES = 24 * 1024
"""Of one target's file: the whole corpus stays small in git."""
MOST_INPUT = 512
"""Of an input that only reaches something new."""


def path_of(target: str) -> Path:
    return FOLDER / f"{target}.hex"


def found(target: str) -> list[bytes]:
    path = path_of(target)
    if not path.exists():
        return []
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [bytes.fromhex(line) for line in lines if line]


def keep(target: str, inputs: Iterable[bytes], why: str = "") -> int:
    """Add what is not there yet, as long as there is room; how many were added. What has a reason
    is always added."""
    known = set(found(target))
    path = path_of(target)
    size = path.stat().st_size if path.exists() else 0
    added = 0
    with path.open("a") as file:
        for data in inputs:
            line = f"{data.hex()}{f' # {why}' if why else ''}\n"
            if data in known or not data:
                continue
            if not why and (len(data) > MOST_INPUT or size + len(line) > MOST_BYTES):
                continue
            size += file.write(line)
            known.add(data)
            added += 1
    if not size:
        path.unlink()
    return added
