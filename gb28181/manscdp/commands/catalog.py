"""Catalog (Query, Response): what a device or platform holds. GB/T 28181-2022 A.2.4.3, A.2.6.4,
annexes J and M.

A response is one page: `sum_num` is the total over all pages, the items are those of this page.
Collecting pages is `catalog.sync`, one item is `item.py`. An item with an unusable id is counted
in `unusable`, so that the accounting against SumNum can still come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from catalog.model import CatalogItem
from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.item import read_item, write_item

_MOST_SUM: Final = 10_000_000
_MOST_PROBLEMS: Final = 100
_MOST_TIME: Final = 64


@dataclass(frozen=True, slots=True)
class CatalogQuery(Message):
    """Asks for the catalog below `device_id` (device, division, system, group or organisation)."""

    start_time: str = ""
    """Only what was added since; local time without zone."""
    end_time: str = ""


@dataclass(frozen=True, slots=True)
class CatalogResponse(Message):
    """One page of a catalog."""

    sum_num: int | None = None
    """Number of items over all pages; None when it is missing or no number."""
    num: int | None = None
    """What the page says it holds; only told, never trusted."""
    items: tuple[CatalogItem, ...] = ()
    unusable: int = 0
    """Items without a usable DeviceID."""
    problems: tuple[str, ...] = ()
    """What was wrong with values, bounded; for the device's warnings, not for control flow."""


def _read_query(decoded: Decoded) -> CatalogQuery:
    return CatalogQuery(
        decoded.sn,
        decoded.device_id,
        xml.child_text(decoded.tree, "StartTime")[:_MOST_TIME],
        xml.child_text(decoded.tree, "EndTime")[:_MOST_TIME],
    )


def _write_query(message: CatalogQuery) -> tuple[Node, ...]:
    times = (("StartTime", message.start_time), ("EndTime", message.end_time))
    return tuple(Node(name, value) for name, value in times if value)


def _read_response(decoded: Decoded) -> CatalogResponse:
    problems: list[str] = []
    items: list[CatalogItem] = []
    unusable = 0
    lists = list(xml.children(decoded.tree, "DeviceList"))
    # Some devices leave the list out and put the items straight into the response.
    for holder in lists or [decoded.tree]:
        for element in xml.children(holder, "Item"):
            item, wrong = read_item(element)
            problems.extend(wrong)
            if item is None:
                unusable += 1
            else:
                items.append(item)
    sum_num = _number(xml.child_text(decoded.tree, "SumNum"))
    if sum_num is None:
        problems.insert(0, "SumNum missing or no number")
    return CatalogResponse(
        sn=decoded.sn,
        device_id=decoded.device_id,
        sum_num=sum_num,
        num=_number(_attribute(lists[0], "Num")) if lists else None,
        items=tuple(items),
        unusable=unusable,
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )


def _attribute(element: Element, name: str) -> str:
    for key, value in element.attrib.items():
        if key.lower() == name.lower():
            return value.strip()
    return ""


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    number = int(text)
    return number if number <= _MOST_SUM else None


def _write_response(message: CatalogResponse) -> tuple[Node, ...]:
    total = message.sum_num if message.sum_num is not None else len(message.items)
    nodes = [Node("SumNum", total)]
    if message.items:
        num = message.num if message.num is not None else len(message.items)
        items = tuple(write_item(item) for item in message.items)
        nodes.append(Node("DeviceList", items, (("Num", str(num)),)))
    return tuple(nodes)


COMMANDS: Final = (
    Command("Query", "Catalog", CatalogQuery, _read_query, _write_query),
    Command("Response", "Catalog", CatalogResponse, _read_response, _write_response),
)
