"""What simulated devices do wrong, by name: `name`, `name=value`, either with `@share`.

`--fault loss=0.03` makes every device lose three of a hundred packets, `--fault busy@0.1` makes
one device of ten refuse calls. Which ones is decided by the seed, the name and the device's id
alone: the same seed gives the same devices whatever else changes.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    LOSS = "loss"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    LATE_ANSWER = "late-answer"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    REFUSE = "refuse"
    NO_MEDIA = "no-media"
    MEDIA_STOPS = "media-stops"
    WRONG_SSRC = "wrong-ssrc"
    NO_BYE = "no-bye"
    EARLY_BYE = "early-bye"
    SILENT_DEATH = "silent-death"
    NO_KEEPALIVE = "no-keepalive"
    WRONG_PASSWORD = "wrong-password"
    WRONG_SUMNUM = "wrong-sumnum"
    LOST_PAGE = "lost-page"
    BAD_CHARSET = "bad-charset"


@dataclass(frozen=True, slots=True)
class Meaning:
    text: str
    default: float | None
    """Value where none is given; None for a fault that takes none."""
    least: float = 0.0
    most: float = 86_400.0


MEANINGS: Final[dict[Fault, Meaning]] = {
    Fault.LOSS: Meaning("this share of RTP packets is not sent (UDP)", 0.03, 0, 1),
    Fault.DUPLICATE: Meaning("this share of RTP packets is sent twice (UDP)", 0.03, 0, 1),
    Fault.REORDER: Meaning("this share of RTP packets leaves after the next one (UDP)", 0.03, 0, 1),
    Fault.LATE_ANSWER: Meaning("INVITE is answered after so many seconds", 5),
    Fault.NO_ANSWER: Meaning("INVITE is never answered, not even with 100", None),
    Fault.BUSY: Meaning("every INVITE is answered 486", None),
    Fault.REFUSE: Meaning("every INVITE is refused with this status", 403, 300, 699),
    Fault.NO_MEDIA: Meaning("calls are accepted, but nothing is sent", None),
    Fault.MEDIA_STOPS: Meaning("media stops without BYE after so many seconds", 10),
    Fault.WRONG_SSRC: Meaning("RTP carries another SSRC than asked for", None),
    Fault.NO_BYE: Meaning("BYE is neither sent nor answered, media goes on for seconds", 60),
    Fault.EARLY_BYE: Meaning("the device ends a call after so many seconds", 10),
    Fault.SILENT_DEATH: Meaning("so many seconds after registering nothing is sent any more", 30),
    Fault.NO_KEEPALIVE: Meaning("registers, but sends no heartbeat", None),
    Fault.WRONG_PASSWORD: Meaning("registers with a wrong password", None),
    Fault.WRONG_SUMNUM: Meaning("catalog pages announce so many items too many", 1, -1000, 1000),
    Fault.LOST_PAGE: Meaning("the last page of the catalog is not sent", None),
    Fault.BAD_CHARSET: Meaning("texts are UTF-8 under the label GB2312", None),
}


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
