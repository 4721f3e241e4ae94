"""What simulated devices do wrong, by name: `name`, `name=value`, either with `@share`.

The names and what they mean are in `fault_table.py`.

`--fault loss=0.03` makes every device lose three of a hundred packets, `--fault busy@0.1` makes
one device of ten refuse calls. Which ones is decided by the seed, the name and the device's id
alone: the same seed gives the same devices whatever else changes.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.simulator.fault_table import MEANINGS, Fault, Meaning

__all__ = [
    "MEANINGS",
    "Fault",
    "FaultSpec",
    "Faults",
    "Meaning",
    "dice_of",
    "faults_of",
    "parse_fault",
]


@dataclass(frozen=True, slots=True)
class FaultSpec:
    fault: Fault
    value: float
    share: float


Faults = dict[Fault, float]
"""What one device does wrong: fault -> value."""


def parse_fault(text: str) -> FaultSpec:
    """ValueError says in words what is wrong."""
    body, at, share = text.strip().partition("@")
    name, equals, value = body.partition("=")
    try:
        fault = Fault(name.strip())
    except ValueError:
        known = ", ".join(Fault)
        raise ValueError(f"no fault {name.strip()!r}: known are {known}") from None
    meaning = MEANINGS[fault]
    if equals and meaning.default is None:
        raise ValueError(f"{fault} takes no value")
    number = _number(value, fault) if equals else meaning.default or 0.0
    if meaning.default is not None and not meaning.least <= number <= meaning.most:
        raise ValueError(f"{fault} lies between {meaning.least:g} and {meaning.most:g}")
    part = _number(share, fault) if at else 1.0
    if not 0 <= part <= 1:
        raise ValueError("the share behind @ lies between 0 and 1")
    return FaultSpec(fault, number, part)


def _number(text: str, fault: Fault) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number for {fault}") from None


def dice_of(seed: int, *words: str) -> random.Random:
    """Random numbers that depend on the seed and these words only, in every process."""
    return random.Random(seed << 32 | zlib.crc32(" ".join(words).encode()))


def faults_of(specs: Iterable[FaultSpec], seed: int, device_id: str) -> Faults:
    """What this device does wrong; the last value of a fault counts."""
    return {
        spec.fault: spec.value
        for spec in specs
        if dice_of(seed, "fault", spec.fault, device_id).random() < spec.share
    }
