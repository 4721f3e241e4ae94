"""What a catalog notification means for the items we know (GB/T 28181-2022 N.4.3.2). Pure.

- ON, OFF, VLOST and DEFECT change the status of a known item and nothing else. VLOST and DEFECT
  mean that no picture can be had: the channel is off, and `extra` says why until ON comes.
- ADD takes the item as it is; UPDATE changes what it names and keeps the rest, because many
  devices send only the fields that are new.
- DEL takes exactly the named item away. The device itself is never taken away.
- ON for an unknown item is an ADD of a name-less item; every change of an unknown item, except an
  ADD, asks for the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from catalog.model import EMPTY_INFO, CatalogItem, ItemInfo
from gb28181.manscdp import CatalogChange, ItemEvent

REASON = "Event"
"""Name in `extra` under which VLOST and DEFECT are kept."""
_STATUS = {
    ItemEvent.ON: True,
    ItemEvent.OFF: False,
    ItemEvent.VLOST: False,
    ItemEvent.DEFECT: False,
}
_REASONS = frozenset({ItemEvent.VLOST, ItemEvent.DEFECT})
_ITEM_FIELDS = tuple(
    (f.name, f.default)
    for f in fields(CatalogItem)
    if f.name not in {"device_id", "info", "extra", "status_on", "name"}
)
_INFO_FIELDS = tuple((f.name, f.default) for f in fields(ItemInfo))


def changed(
    known: Mapping[str, CatalogItem], changes: Iterable[CatalogChange], device_id: str
) -> tuple[dict[str, CatalogItem | None], bool]:
    """Items to store (None: gone), and whether the whole catalog should be asked for."""
    updates: dict[str, CatalogItem | None] = {}
    unknown = False
    for change in changes:
        code = change.item.device_id
        old = updates[code] if code in updates else known.get(code)
        new, odd = _one(old, change, code == device_id)
        unknown = unknown or odd
        if new is not old:
            updates[code] = new
    return updates, unknown


def _one(
    old: CatalogItem | None, change: CatalogChange, is_device: bool
) -> tuple[CatalogItem | None, bool]:
    """The item after the change, and whether the change was about something unknown."""
    match change.event:
        case ItemEvent.DEL:
            return (old, False) if is_device else (None, False)
        case ItemEvent.ADD:
            return change.item, False
        case ItemEvent.UPDATE:
            return (change.item, True) if old is None else (_merged(old, change), False)
        case ItemEvent.ON if old is None:
            return (None, True) if is_device else (change.item, True)
    if old is None:
        return None, True
    extra = tuple(pair for pair in old.extra if pair[0] != REASON)
    if change.event in _REASONS:
        extra = (*extra, (REASON, change.event.value))
    status = _STATUS[change.event]
    if old.status_on == status and old.extra == extra:
        return old, False
    return replace(old, status_on=status, extra=extra), False


def _merged(old: CatalogItem, change: CatalogChange) -> CatalogItem:
    """The old item with every field the new one fills."""
    new = change.item
    values: dict[str, Any] = {
        name: value for name, default in _ITEM_FIELDS if (value := getattr(new, name)) != default
    }
    if new.name != new.device_id:  # that is only the stand-in for a missing name
        values["name"] = new.name
    if change.has_status:
        values["status_on"] = new.status_on
    if new.info != EMPTY_INFO:
        about = {
            name: value
            for name, default in _INFO_FIELDS
            if (value := getattr(new.info, name)) != default
        }
        values["info"] = replace(old.info, **about)
    extra = dict(old.extra)
    if change.has_status and new.status_on:
        extra.pop(REASON, None)
    extra.update(new.extra)
    values["extra"] = tuple(extra.items())
    return replace(old, **values)
