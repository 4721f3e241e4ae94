"""Reads a Dockerfile as far as ours goes: stages and their instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    word: str
    text: str


@dataclass(slots=True)
class Stage:
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def texts(self, word: str) -> list[str]:
        return [one.text for one in self.instructions if one.word == word]


def read(path: Path) -> list[Stage]:
    stages: list[Stage] = []
    for instruction in _instructions(path.read_text("utf-8")):
        if instruction.word == "FROM":
            _, _, name = instruction.text.partition(" AS ")
            stages.append(Stage(name or str(len(stages))))
        else:
            stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    """Joins continued lines; comments between them are left out, as Docker does."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        found.append(Instruction(word.upper(), rest.strip()))
    return found


def environment(text: str) -> dict[str, str]:
    """`A=1 B=2` of an ENV instruction."""
    return dict(pair.split("=", 1) for pair in text.split())
