"""Catalog (Notify): what changed in a catalog. GB/T 28181-2022 annex N (N.4.3.2), 2016 annex P.

ON, OFF, VLOST, DEFECT and DEL name an item by its DeviceID alone; ADD and UPDATE carry its fields.
A Notify whose items name no event is read as UPDATE of each: some devices leave the word out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element

from catalog.model import CatalogItem
from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.item import read_item, write_item

_MOST_PROBLEMS: Final = 100


class ItemEvent(StrEnum):
    """What happened to an item."""

    ON = "ON"
    OFF = "OFF"
    VLOST = "VLOST"
    """The device lost the picture of this channel."""
    DEFECT = "DEFECT"
    """The channel is broken."""
    ADD = "ADD"
    DEL = "DEL"
    UPDATE = "UPDATE"


_FULL: Final = frozenset({ItemEvent.ADD, ItemEvent.UPDATE})


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One item of a notification."""

    event: ItemEvent
    item: CatalogItem
    has_status: bool = False
    """The item said ON or OFF; else its `status_on` is only the default."""


@dataclass(frozen=True, slots=True)
class CatalogNotify(Message):
    """Changes in the order in which they happened."""

    changes: tuple[CatalogChange, ...] = ()
    sum_num: int | None = None
    unusable: int = 0
    problems: tuple[str, ...] = ()


def _read(decoded: Decoded) -> CatalogNotify:
    problems: list[str] = []
    changes: list[CatalogChange] = []
    unusable = 0
    lists = list(xml.children(decoded.tree, "DeviceList"))
    for holder in lists or [decoded.tree]:
        for element in xml.children(holder, "Item"):
            change = _change(element, problems)
            if change is None:
                unusable += 1
            else:
                changes.append(change)
    total = xml.child_text(decoded.tree, "SumNum")
    return CatalogNotify(
        decoded.sn,
        decoded.device_id,
        tuple(changes),
        int(total) if total.isascii() and total.isdigit() and len(total) <= 7 else None,
        unusable,
        tuple(problems[:_MOST_PROBLEMS]),
    )


def _change(element: Element, problems: list[str]) -> CatalogChange | None:
    item, wrong = read_item(element)
    problems.extend(wrong)
    if item is None:
        return None
    word = xml.child_text(element, "Event").upper()
    try:
        event = ItemEvent(word or "UPDATE")
    except ValueError:
        problems.append(f"{item.device_id} Event unknown: {word[:20]!r}")
        return None
    extra = tuple(pair for pair in item.extra if pair[0].lower() != "event")
    if extra != item.extra:
        item = replace(item, extra=extra)
    return CatalogChange(event, item, bool(xml.child_text(element, "Status")))


def _write(message: CatalogNotify) -> tuple[Node, ...]:
    items = []
    for change in message.changes:
        code = Node("DeviceID", change.item.device_id)
        named = Node("Event", change.event.value)
        rest: tuple[Node, ...] = ()
        if change.event in _FULL:
            written = write_item(change.item).value
            assert isinstance(written, tuple)
            rest = written[1:]
        items.append(Node("Item", (code, named, *rest)))
    count = len(items)
    return (Node("SumNum", count), Node("DeviceList", tuple(items), (("Num", str(count)),)))


COMMANDS: Final = (Command("Notify", "Catalog", CatalogNotify, _read, _write),)
