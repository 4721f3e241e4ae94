"""City and county of a catalog item, whatever its CivilCode and ParentID hold; with the step that
decided.

Theory. Several fields tell where a camera stands, each of them often wrong: `CivilCode` (the
literal "CivilCode", a ten-digit domain, blanks, the factory's 3402), the first digits of its own
id, those of its parents, those of the device that reports it. They are candidates in that order.
The first one that names a city *inside the platform's region* wins, because a province platform
of 64 does not hold cameras of 3402, but factory settings do. Only if none does, the first
candidate anywhere counts; else the item is unassigned. Nothing is refused.

A candidate that stops at the city is completed with the county of the next candidate in the same
city, one that stops at the county with the basic access unit of the next one in the same county;
the step then names both, as in "civil_code+item_id".

Clauses: GB/T 28181-2022 annexes E.1 and J. *Not* here: what the parents are (`arrange.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from catalog.divisions import Divisions
from catalog.ids import is_digits, is_division
from catalog.model import Place


class Step(StrEnum):
    """Which field decided."""

    CIVIL_CODE = "civil_code"
    """A code of 2, 4, 6 or 8 digits."""
    CIVIL_PREFIX = "civil_prefix"
    """The first digits of a longer number in CivilCode."""
    ITEM_ID = "item_id"
    PARENT = "parent"
    DEVICE_ID = "device_id"
    UNASSIGNED = "unassigned"


UNASSIGNED = Place("", "", "", Step.UNASSIGNED.value)

_SHORTEST_NUMBER = 10
"""From ten digits on a number is a domain or an id, of which only the beginning is a division."""


def place(
    civil_code: str,
    item_id: str,
    parent_chain: Iterable[str],
    device_id: str,
    region: str,
    divisions: Divisions | None = None,
) -> Place:
    """Where the item belongs. `parent_chain` holds civil codes and ids of its ancestors, nearest
    first.
    """
    table = divisions if divisions is not None else Divisions.load()
    found = [
        (step, code)
        for step, code in _candidates(civil_code, item_id, parent_chain, device_id, table)
        if code
    ]
    cities = [(step, code) for step, code in found if len(code) >= 4]
    inside = [(step, code) for step, code in cities if code.startswith(region)]
    if inside:
        return _complete(inside)
    # "64" alone says that it is ours; then a factory default elsewhere must not carry it away.
    if not cities or any(code == region[:2] for _, code in found):
        return UNASSIGNED
    return _complete(cities)


def _candidates(
    civil_code: str, item_id: str, parents: Iterable[str], device_id: str, table: Divisions
) -> Iterator[tuple[Step, str]]:
    civil = civil_code.strip()
    if is_division(civil):
        yield Step.CIVIL_CODE, _known(civil, table)
    else:
        yield Step.CIVIL_PREFIX, _known_start(civil, table)
    yield Step.ITEM_ID, _known_start(item_id, table)
    for parent in parents:
        yield Step.PARENT, known_code(parent, table)
    yield Step.DEVICE_ID, _known_start(device_id, table)


def known_code(text: str, table: Divisions) -> str:
    """The known division a civil code or an id begins with; empty for anything else."""
    stripped = text.strip()
    return _known(stripped, table) if is_division(stripped) else _known_start(stripped, table)


def _known_start(text: str, table: Divisions) -> str:
    return _known(text[:8], table) if len(text) >= _SHORTEST_NUMBER and is_digits(text) else ""


def _known(code: str, table: Divisions) -> str:
    """The longest known prefix; with the basic access unit (digits 7-8) if the county is known."""
    known = table.longest(code)
    return code[:8] if len(known) == 6 and len(code) >= 8 and code[6:8] != "00" else known


def _complete(candidates: list[tuple[Step, str]]) -> Place:
    step, code = candidates[0]
    if len(code) < 8:
        for later, longer in candidates[1:]:
            if len(longer) > len(code) and longer.startswith(code):
                return _shared(f"{step}+{later}", longer)
    return _shared(step.value, code)


@lru_cache(maxsize=8192)
def _shared(step: str, code: str) -> Place:
    """One object per place and step: 100,000 channels share a few hundred."""
    county = code[:6] if len(code) >= 6 else ""
    return Place(code[:4], county, code if len(code) == 8 else "", step)
