"""What can be wrong with the settings: all problems of one reading at once.

ConfigError      problems: tuple of Problem
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it stands (`source`), which key, what was found and what is wanted."""

    key: str
    source: str
    found: str
    wanted: str

    def __str__(self) -> str:
        found = f" (found {self.found})" if self.found else ""
        return f"{self.source}: {self.key}: {self.wanted}{found}"


class ConfigError(Exception):
    """The settings cannot be used. `str()` lists every problem, one a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
