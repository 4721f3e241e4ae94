"""The organisation view of one device's catalog: business groups and virtual organisations.

GB/T 28181-2022 annexes A.2.1.9, J (2016 has the same types): a business group (type 215) is the
root of a hierarchy, virtual organisations (216) are its branches, channels hang in them by
`ParentID` and `BusinessGroupID`. `ParentID` may name several parents (`a/b`), and then the channel
is in each. A parent that is a device is climbed over to the organisation it stands in.

What is wrong is mended, not refused: a branch whose parent is unknown, or whose parents go round in
a circle, is a root of its own; a channel in no organisation hangs on the device.

Rebuilt from the catalog whenever it is looked at; *not* here: regions (`tree.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from catalog.arrange import parent_ids
from catalog.ids import BUSINESS_GROUP, VIRTUAL_ORGANISATION, type_code
from catalog.model import CatalogItem, Channel

_DEEPEST: Final = 32
ROOT: Final = ""
"""The device itself, as a parent."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A business group or virtual organisation; counts are of distinct channels below it."""

    code: str
    kind: str
    name: str
    total: int
    online: int


def is_unit(code: str) -> bool:
    """Whether an item is a business group or a virtual organisation."""
    return type_code(code) in (BUSINESS_GROUP, VIRTUAL_ORGANISATION)


class Organisation:
    """One device's hierarchy."""

    def __init__(self, items: Mapping[str, CatalogItem], channels: Iterable[Channel]) -> None:
        self._items = items
        self._units = {code: item for code, item in items.items() if is_unit(code)}
        self._below: dict[str, list[str]] = {}
        for code, parent in self._parents().items():
            self._below.setdefault(parent, []).append(code)
        self._members: dict[str, list[Channel]] = {}
        for channel in channels:
            if not channel.hidden:
                for code in self._homes(channel.item) or (ROOT,):
                    self._members.setdefault(code, []).append(channel)

    def __contains__(self, code: str) -> bool:
        return code == ROOT or code in self._units

    def units(self, parent: str, online: Callable[[Channel], bool]) -> list[Unit]:
        """Groups and organisations right below, by name."""
        found = [self.unit(code, online) for code in self._below.get(parent, ())]
        return sorted(found, key=lambda unit: (unit.name, unit.code))

    def unit(self, code: str, online: Callable[[Channel], bool]) -> Unit:
        """One of them with what is below it."""
        below = self._all_below(code)
        item = self._units[code]
        kind = "group" if type_code(code) == BUSINESS_GROUP else "organisation"
        alive = sum(map(online, below.values()))
        return Unit(code, kind, item.name or code, len(below), alive)

    def channels(self, parent: str) -> list[Channel]:
        """Channels right in a unit, by their ids."""
        return sorted(self._members.get(parent, ()), key=lambda channel: channel.channel_id)

    def _all_below(self, code: str) -> dict[str, Channel]:
        found: dict[str, Channel] = {}
        waiting = [code]
        while waiting:
            one = waiting.pop()
            found.update((channel.channel_id, channel) for channel in self._members.get(one, ()))
            waiting += self._below.get(one, ())
        return found

    # --- who hangs where ----------------------------------------------------------------------

    def _parents(self) -> dict[str, str]:
        parents = {code: self._parent(item) for code, item in self._units.items()}
        for code in parents:
            seen = {code}
            above = parents[code]
            while above != ROOT and above not in seen:
                seen.add(above)
                above = parents[above]
            if above == code:  # a circle: cut here
                parents[code] = ROOT
        return parents

    def _parent(self, item: CatalogItem) -> str:
        if type_code(item.device_id) == BUSINESS_GROUP:
            return ROOT
        named = [code for code in parent_ids(item) if code in self._units]
        nearest = [code for code in named if type_code(code) == VIRTUAL_ORGANISATION]
        return (nearest or named or [ROOT])[0]

    def _homes(self, item: CatalogItem) -> list[str]:
        """Units an item hangs in; the business group only where no branch of it is named."""
        code, seen = item, {item.device_id}
        for _ in range(_DEEPEST):
            named = [parent for parent in parent_ids(code) if parent in self._units]
            if named:
                branches = [one for one in named if type_code(one) == VIRTUAL_ORGANISATION]
                return list(dict.fromkeys(branches or named))
            above = next((p for p in parent_ids(code) if p in self._items and p not in seen), "")
            if not above:
                break
            seen.add(above)
            code = self._items[above]
        return []
