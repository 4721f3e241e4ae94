"""RecordInfo (Query, Response): which recordings a device holds. GB/T 28181-2022 A.2.4.5, A.2.6.7.

Times are local to the device, Beijing in practice, without zone; here they stay text as they came
(`playback.records` gives them a zone). A response is one page of `sum_num` items in all; many
devices send one or two items a page. An item without usable times is counted in `unusable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

_MOST_SUM: Final = 10_000_000
_MOST_TEXT: Final = 1_024
_MOST_PROBLEMS: Final = 100
TYPES: Final = ("time", "alarm", "manual", "all")


@dataclass(frozen=True, slots=True)
class RecordInfoQuery(Message):
    """Asks for the recordings of the channel `device_id` in a stretch of time."""

    start_time: str = ""
    end_time: str = ""
    type: str = "all"
    """Always sent: some recorders answer nothing without it (reference quirk 34)."""
    secrecy: str = "0"
    file_path: str = ""
    address: str = ""
    recorder_id: str = ""
    indistinct: str = ""
    """`1`: ask the centre and the front end."""
    stream_number: str = ""
    """2022: 0 main, 1 sub."""


@dataclass(frozen=True, slots=True)
class RecordItem:
    """One recording as reported."""

    device_id: str
    start_time: str
    end_time: str
    type: str = ""
    name: str = ""
    file_path: str = ""
    address: str = ""
    secrecy: str = ""
    recorder_id: str = ""
    size: int | None = None
    """Bytes; None when missing or no number."""
    stream_number: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class RecordInfoResponse(Message):
    """One page of recordings."""

    name: str = ""
    sum_num: int | None = None
    items: tuple[RecordItem, ...] = ()
    unusable: int = 0
    """Items without start or end."""
    problems: tuple[str, ...] = ()


_QUERY_TEXTS: Final = (
    ("StartTime", "start_time"),
    ("EndTime", "end_time"),
    ("FilePath", "file_path"),
    ("Address", "address"),
    ("Secrecy", "secrecy"),
    ("Type", "type"),
    ("RecorderID", "recorder_id"),
    ("IndistinctQuery", "indistinct"),
    ("StreamNumber", "stream_number"),
)
_ITEM_TEXTS: Final = (
    ("DeviceID", "device_id"),
    ("Name", "name"),
    ("FilePath", "file_path"),
    ("Address", "address"),
    ("StartTime", "start_time"),
    ("EndTime", "end_time"),
    ("Secrecy", "secrecy"),
    ("Type", "type"),
    ("RecorderID", "recorder_id"),
    ("StreamNumber", "stream_number"),
    ("RecordLocation", "location"),
)


def _texts(element: Element, names: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {field: xml.child_text(element, name)[:_MOST_TEXT] for name, field in names}


def _number(text: str, most: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return None
    return min(int(text), most)


def _read_query(decoded: Decoded) -> RecordInfoQuery:
    return RecordInfoQuery(decoded.sn, decoded.device_id, **_texts(decoded.tree, _QUERY_TEXTS))


def _write_query(message: RecordInfoQuery) -> tuple[Node, ...]:
    found = ((name, getattr(message, field)) for name, field in _QUERY_TEXTS)
    return tuple(Node(name, value) for name, value in found if value)


def _read_response(decoded: Decoded) -> RecordInfoResponse:
    problems: list[str] = []
    items: list[RecordItem] = []
    unusable = 0
    lists = list(xml.children(decoded.tree, "RecordList"))
    for holder in lists or [decoded.tree]:
        for element in xml.children(holder, "Item"):
            values = _texts(element, _ITEM_TEXTS)
            if not (values["start_time"] and values["end_time"]):
                unusable += 1
                problems.append("an item without StartTime or EndTime")
                continue
            values["device_id"] = values["device_id"] or decoded.device_id
            size = _number(xml.child_text(element, "FileSize"), 2**63 - 1)
            items.append(RecordItem(size=size, **values))
    sum_num = _number(xml.child_text(decoded.tree, "SumNum"), _MOST_SUM)
    if sum_num is None:
        problems.insert(0, "SumNum missing or no number")
    return RecordInfoResponse(
        sn=decoded.sn,
        device_id=decoded.device_id,
        name=xml.child_text(decoded.tree, "Name")[:_MOST_TEXT],
        sum_num=sum_num,
        items=tuple(items),
        unusable=unusable,
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )


def _write_response(message: RecordInfoResponse) -> tuple[Node, ...]:
    total = message.sum_num if message.sum_num is not None else len(message.items)
    nodes = [Node("Name", message.name), Node("SumNum", total)]
    if message.items:
        items = tuple(Node("Item", _write_item(item)) for item in message.items)
        nodes.append(Node("RecordList", items, (("Num", str(len(items))),)))
    return tuple(nodes)


def _write_item(item: RecordItem) -> tuple[Node, ...]:
    found = [(name, getattr(item, field)) for name, field in _ITEM_TEXTS]
    if item.size is not None:
        found.append(("FileSize", str(item.size)))
    required = ("DeviceID", "Name", "StartTime", "EndTime")
    return tuple(Node(name, value) for name, value in found if value or name in required)


COMMANDS: Final = (
    Command("Query", "RecordInfo", RecordInfoQuery, _read_query, _write_query),
    Command("Response", "RecordInfo", RecordInfoResponse, _read_response, _write_response),
)
