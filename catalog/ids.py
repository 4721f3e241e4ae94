"""GB/T 28181 ids: reading the 20-digit form, types, divisions, and what counts as a channel.

A tolerant reader of what devices report; it is *not* a validator that refuses: an id of 18 digits
or of letters keeps its place in the catalog, it only tells nothing about itself.

Clauses: GB/T 28181-2022 annex E.1 and table E.1 (2016: annex D.1), A.2.1.2 (2, 4, 6, 8 or 20
digits), annex J (kinds of catalog nodes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from catalog.errors import BadId

PLATFORM: Final = "200"
BUSINESS_GROUP: Final = "215"
VIRTUAL_ORGANISATION: Final = "216"
CAMERAS: Final = frozenset({"131", "132"})
NOT_CHANNELS: Final = frozenset(
    {"134", "135", "136", "137", PLATFORM, BUSINESS_GROUP, VIRTUAL_ORGANISATION}
)
"""Alarm input and output, voice input and output, platforms, groups and organisations send no
video.
"""

_DIVISION_LENGTHS: Final = frozenset({2, 4, 6, 8})


@dataclass(frozen=True, slots=True)
class GbId:
    """The parts of a 20-digit id (table in GB/T 28181-2022 E.1)."""

    text: str
    """All 20 digits."""

    @property
    def civil(self) -> str:
        """Digits 1-8: province, city, county, basic access unit."""
        return self.text[:8]

    @property
    def domain(self) -> str:
        """Digits 1-10, the usual SIP domain of the owner."""
        return self.text[:10]

    @property
    def industry(self) -> str:
        """Digits 9-10."""
        return self.text[8:10]

    @property
    def type(self) -> str:
        """Digits 11-13, for example 131 camera, 118 NVR, 200 platform."""
        return self.text[10:13]

    @property
    def network(self) -> str:
        """Digit 14."""
        return self.text[13]

    @property
    def serial(self) -> str:
        """Digits 15-20."""
        return self.text[14:]


class Reported(Protocol):
    """What `is_channel_item` needs to see of a catalog item."""

    @property
    def device_id(self) -> str: ...
    @property
    def parental(self) -> bool | None: ...


def is_digits(text: str) -> bool:
    """True for one or more ASCII digits (`str.isdigit` alone accepts other scripts)."""
    return text.isascii() and text.isdigit()


def is_gb_id(text: str) -> bool:
    """True for exactly 20 ASCII digits."""
    return len(text) == 20 and is_digits(text)


def parse_id(text: str) -> GbId | None:
    """The id in a text with white space around it, or None when it is not 20 digits."""
    stripped = text.strip()
    return GbId(stripped) if is_gb_id(stripped) else None


def require_id(text: str) -> GbId:
    """`parse_id` for places where only a real id will do, such as operator input; raises BadId."""
    found = parse_id(text)
    if found is None:
        raise BadId(text)
    return found


def type_code(text: str) -> str:
    """Digits 11-13 of a 20-digit id, else an empty text."""
    return text[10:13] if is_gb_id(text) else ""


def is_division(text: str) -> bool:
    """True for the code of an administrative division: 2, 4, 6 or 8 digits (A.2.1.2)."""
    return len(text) in _DIVISION_LENGTHS and is_digits(text)


def is_channel_item(item: Reported, has_children: bool) -> bool:
    """True when a catalog item can send video, so that it becomes a channel.

    Types 131 and 132 always; any other device item that has no children and is not an alarm or
    voice device, a platform, a business group, a virtual organisation or a division. `Parental` =
    1 counts as having children, because the children may still be on a page to come.
    """
    if is_division(item.device_id):
        return False
    code = type_code(item.device_id)
    if code in CAMERAS:
        return True
    return code not in NOT_CHANNELS and not has_children and not item.parental
