"""Words of a conformance run: items with their grade and clauses, and what becomes of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .desk import Desk
    from .evidence import Evidence


class Edition(StrEnum):
    """Of GB/T 28181; a device of 2011 is examined by 2016."""

    OF_2016 = "2016"
    OF_2022 = "2022"


class Grade(StrEnum):
    """The laboratory's grades; F holds the points of 2022 that have none."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Verdict(StrEnum):
    """What is known of an item after it was tried."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not_offered"
    """The device does not claim to have this, or its edition does not know it."""
    PERSON = "person"
    """What was on the wire is right; whether it happened, somebody has to look."""
    SKIPPED = "skipped"
    """Not tried: it disturbs and was not allowed, or the run ended before."""


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in both languages of the report."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says, and why."""

    verdict: Verdict
    reason: Text = Text("", "")


Check = Callable[["Evidence"], Finding | None]
"""Pure: reads evidence; None where it finds nothing to say."""
Do = Callable[["Desk"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Item:
    """One point of the examination."""

    name: str
    """Stable, as `catalog.query`."""
    grade: Grade
    title: Text
    clauses: tuple[str, str]
    """In the edition of 2016 and in that of 2022; empty where the edition does not have it."""
    do: Do
    checks: tuple[Check, ...]
    """Asked in their order; the first that finds something decides, none of them: passed."""
    needs: Check | None = None
    """Asked before anything is done: without this the item does not apply."""
    disruptive: bool = False
    """It ends pictures or changes settings for a while: only when allowed."""
    person: Text | None = None
    """What somebody has to look at when all checks are content."""

    def clause(self, edition: Edition) -> str:
        return self.clauses[edition is Edition.OF_2022]


def judge(item: Item, evidence: Evidence) -> Finding:
    """The finding of an item; pure."""
    for check in item.checks:
        finding = check(evidence)
        if finding is not None:
            return finding
    if item.person is not None:
        return Finding(Verdict.PERSON, item.person)
    return Finding(Verdict.PASSED)


def failed(zh: str, en: str) -> Finding:
    return Finding(Verdict.FAILED, Text(zh, en))


def not_offered(zh: str, en: str) -> Finding:
    return Finding(Verdict.NOT_OFFERED, Text(zh, en))
