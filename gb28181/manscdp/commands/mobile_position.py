"""MobilePosition (Query, Notify): where something moves. GB/T 28181-2022 A.2.4.10, A.2.5.6,
A.2.1.14.

2022 reports a list, each entry with its own DeviceID and CaptureTime; 2016 reports one place flat
in the body, with `Time`. Both become the same entries. A place needs both coordinates; an entry
without them, or out of their range, is told in `problems` and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.fields import Fields, decimal

DEFAULT_INTERVAL: Final = 5
_MOST_ENTRIES: Final = 10_000
_MOST_PROBLEMS: Final = 32
_MOST_ID: Final = 64
_MOST_TIME: Final = 64


@dataclass(frozen=True, slots=True)
class MobilePositionQuery(Message):
    """Body of a subscription to positions."""

    interval: int = DEFAULT_INTERVAL
    """Seconds between two reports."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One place at one time, as reported; the coordinate system is not said in the message."""

    device_id: str
    time: str
    longitude: float
    latitude: float
    speed: float | None = None
    """km/h."""
    direction: float | None = None
    """Degrees clockwise from north, 0 to below 360."""
    altitude: float | None = None
    """Metres above sea level."""
    height: float | None = None
    """2022: metres above the ground."""


@dataclass(frozen=True, slots=True)
class MobilePositionNotify(Message):
    """One report; `fixes` in their order."""

    time: str = ""
    fixes: tuple[Fix, ...] = ()
    flat: bool = False
    """Written in the form of 2016."""
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> MobilePositionQuery:
    interval = Fields(decoded.tree).whole("Interval", 1, 86_400)
    return MobilePositionQuery(decoded.sn, decoded.device_id, interval or DEFAULT_INTERVAL)


def _write_query(message: MobilePositionQuery) -> tuple[Node, ...]:
    return (Node("Interval", message.interval),)


def _read_notify(decoded: Decoded) -> MobilePositionNotify:
    tree = decoded.tree
    problems: list[str] = []
    time = xml.child_text(tree, "Time")[:_MOST_TIME]
    lists = list(xml.children(tree, "DeviceList"))
    entries = [item for holder in lists for item in xml.children(holder, "Item")]
    flat = not entries and not lists
    fixes = []
    for element in [tree] if flat else entries[:_MOST_ENTRIES]:
        found = _fix(element, decoded.device_id, time, problems)
        if found is not None:
            fixes.append(found)
    return MobilePositionNotify(
        decoded.sn,
        decoded.device_id,
        time,
        tuple(fixes),
        flat,
        tuple(problems[:_MOST_PROBLEMS]),
    )


def _fix(element: Element, sender: str, time: str, problems: list[str]) -> Fix | None:
    fields = Fields(element)
    code = fields.text("DeviceID", _MOST_ID) or sender
    longitude = fields.real("Longitude", -180.0, 180.0)
    latitude = fields.real("Latitude", -90.0, 90.0)
    direction = fields.real("Direction", 0.0, 360.0)
    fix = None
    if longitude is not None and latitude is not None:
        fix = Fix(
            device_id=code,
            time=fields.text("CaptureTime", _MOST_TIME) or fields.text("Time", _MOST_TIME) or time,
            longitude=longitude,
            latitude=latitude,
            speed=fields.real("Speed", 0.0, 100_000.0),
            direction=None if direction is None else direction % 360.0,
            altitude=fields.real("Altitude", -12_000.0, 1_000_000.0),
            height=fields.real("Height", -12_000.0, 1_000_000.0),
        )
    else:
        for name, value in (("Longitude", longitude), ("Latitude", latitude)):
            if value is None and not fields.raw(name):
                fields.missing(name)
    problems.extend(f"{code} {problem}" for problem in fields.problems)
    return fix


def _write_notify(message: MobilePositionNotify) -> tuple[Node, ...]:
    nodes = [Node("Time", message.time)] if message.time else []
    if message.flat:
        return (*nodes, *(node for fix in message.fixes[:1] for node in _values(fix)))
    items = tuple(
        Node(
            "Item",
            (Node("DeviceID", fix.device_id), Node("CaptureTime", fix.time), *_values(fix)),
        )
        for fix in message.fixes
    )
    nodes.append(Node("SumNum", len(items)))
    nodes.append(Node("DeviceList", items, (("Num", str(len(items))),)))
    return tuple(nodes)


def _values(fix: Fix) -> list[Node]:
    named = (
        ("Longitude", fix.longitude),
        ("Latitude", fix.latitude),
        ("Speed", fix.speed),
        ("Direction", fix.direction),
        ("Altitude", fix.altitude),
        ("Height", fix.height),
    )
    return [Node(name, decimal(value)) for name, value in named if value is not None]


COMMANDS: Final = (
    Command("Query", "MobilePosition", MobilePositionQuery, _read_query, _write_query),
    Command("Notify", "MobilePosition", MobilePositionNotify, _read_notify, _write_notify),
)
