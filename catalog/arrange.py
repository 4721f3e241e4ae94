"""A device's catalog -> the channels in it, each with its place.

Decides for the whole set of items one device has reported: who has children, who is a channel,
which ancestors speak for its place. A pure function of the set, so it is simply called again when
pages arrive; the order of items does not matter. *Not* here: public ids (`identity.py`) and
counting (`tree.py`).

Parents: `ParentID` may be the device itself, the server's own id, `a/b` (2022 annex J: several
parents; the last part is the nearest), a cycle, or nonsense. An edge that closes a cycle does not
exist; a parent that is not in the catalog is only a hint for the place; an item without a parent
hangs on the device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.derive import place
from catalog.divisions import Divisions
from catalog.ids import PLATFORM, is_channel_item, type_code
from catalog.model import CatalogItem, Place

_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Arranged:
    """A channel before it has its public id."""

    item: CatalogItem
    place: Place


def parent_ids(item: CatalogItem) -> list[str]:
    """The parents an item names, nearest first: the whole text, then its parts from the last."""
    whole = item.parent_id.strip()
    found = [whole] if whole else []
    if "/" in whole:
        found.extend(part.strip() for part in reversed(whole.split("/")) if part.strip())
    group = item.business_group_id.strip()
    if group:
        found.append(group)
    return [parent for parent in found if parent != item.device_id]


def arrange(
    device_id: str,
    items: Iterable[CatalogItem],
    *,
    region: str,
    complete: bool,
    server_id: str = "",
    device_name: str = "",
    divisions: Divisions | None = None,
) -> list[Arranged]:
    """The channels of a device, in the order of their codes.

    `complete` says that a complete sync stands behind the items: only then a device without any
    item is a channel itself.
    """
    known = {item.device_id: item for item in items}
    if not known and complete:
        known[device_id] = CatalogItem(device_id, name=device_name or device_id)
    family = _Family(device_id, server_id, known)
    channels = []
    for code in sorted(known):
        item = known[code]
        if is_channel_item(item, family.has_children(code)):
            chain = family.codes_above(item)
            where = place(item.civil_code, code, chain, device_id, region, divisions)
            channels.append(Arranged(item, where))
    return channels


class _Family:
    """Who hangs below whom in one catalog."""

    def __init__(self, device_id: str, server_id: str, known: dict[str, CatalogItem]) -> None:
        self._device_id = device_id
        self._server_id = server_id
        self._known = known
        self._with_children: set[str] = set()
        for item in known.values():
            parents = [p for p in parent_ids(item) if p in known and not self._is_above(item, p)]
            self._with_children.update(parents or self._default_parent(item))

    def _default_parent(self, item: CatalogItem) -> tuple[str, ...]:
        return () if item.device_id == self._device_id else (self._device_id,)

    def has_children(self, code: str) -> bool:
        return code in self._with_children

    def _is_above(self, item: CatalogItem, parent: str) -> bool:
        """True when `item` is an ancestor of `parent`: the edge between them closes a cycle."""
        return any(ancestor.device_id == item.device_id for ancestor in self._upwards(parent))

    def _upwards(self, code: str) -> list[CatalogItem]:
        """The item of a code and its ancestors by nearest parent, each once."""
        found: dict[str, CatalogItem] = {}
        while code in self._known and code not in found and len(found) < _DEEPEST:
            item = found[code] = self._known[code]
            code = next((p for p in parent_ids(item) if p in self._known), "")
        return list(found.values())

    def codes_above(self, item: CatalogItem) -> list[str]:
        """Civil codes and ids that may stand in for the item's own, nearest first."""
        codes: list[str] = []
        for parent in parent_ids(item):
            if parent in self._known:
                for ancestor in self._upwards(parent):
                    codes += (ancestor.civil_code, ancestor.device_id)
            elif self._is_hint(parent):
                codes.append(parent)
        return codes

    def _is_hint(self, parent: str) -> bool:
        """An unlisted parent hints at the place, unless it is a platform: that may be ours or
        above.
        """
        return parent not in (self._device_id, self._server_id) and type_code(parent) != PLATFORM
