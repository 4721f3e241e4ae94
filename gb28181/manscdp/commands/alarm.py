"""Alarm (Notify, Response, Query): what a device reports, our receipt, and the filter of a
subscription. GB/T 28181-2022 A.2.5.3, A.2.4.6, 9.4; 2016 the same without `AlarmTypeParam` lists.

Numbers stay numbers here: their names are in `gb28181.alarms.kinds`. Some devices write
`AlarmType` beside `Info` instead of inside; both places are read. `AlarmMethod` may be a
combination (`1/2`): the first number counts as the method, all of them are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.fields import Fields, decimal

_MOST_DESCRIPTION: Final = 1024
_MOST_TIME: Final = 64
_METHODS: Final = re.compile(r"[0-9]{1,2}(?:\s*[/,;]\s*[0-9]{1,2}){0,7}")


@dataclass(frozen=True, slots=True)
class AlarmNotify(Message):
    """One alarm; `device_id` is what raised it: a channel, an alarm input or the device."""

    priority: int | None = None
    """1 highest to 4."""
    method: int | None = None
    methods: tuple[int, ...] = ()
    """All of a combination."""
    time: str = ""
    """As written."""
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    type: int | None = None
    event_type: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmResponse(Message):
    """The receipt of an alarm, and the answer to an alarm query."""

    ok: bool = True


@dataclass(frozen=True, slots=True)
class AlarmQuery(Message):
    """The filter of an alarm subscription; 0 and empty mean all."""

    start_priority: int = 0
    end_priority: int = 0
    method: str = "0"
    type: str = ""
    start_time: str = ""
    end_time: str = ""


def _read_notify(decoded: Decoded) -> AlarmNotify:
    tree = decoded.tree
    info = xml.child(tree, "Info")
    own, about = Fields(tree), Fields(info, tree)
    parameters = Fields(
        xml.child(info, "AlarmTypeParam") if info is not None else None,
        xml.child(tree, "AlarmTypeParam"),
        info,
    )
    priority = own.whole("AlarmPriority", 1, 4)
    methods = _methods(own)
    time = own.text("AlarmTime", _MOST_TIME)
    for name, value in (("AlarmPriority", priority), ("AlarmMethod", methods), ("AlarmTime", time)):
        if not value and not own.raw(name):
            own.missing(name)
    kind = about.whole("AlarmType", 0, 999)
    event_type = parameters.whole("EventType", 0, 999)
    return AlarmNotify(
        sn=decoded.sn,
        device_id=decoded.device_id,
        priority=priority,
        method=methods[0] if methods else None,
        methods=methods,
        time=time,
        description=own.text("AlarmDescription", _MOST_DESCRIPTION),
        longitude=own.real("Longitude", -180.0, 180.0),
        latitude=own.real("Latitude", -90.0, 90.0),
        type=kind,
        event_type=event_type,
        problems=(*own.problems, *about.problems, *parameters.problems),
    )


def _methods(own: Fields) -> tuple[int, ...]:
    text = own.raw("AlarmMethod")
    if not text:
        return ()
    if _METHODS.fullmatch(text) is None:
        own.problems.append(f"AlarmMethod not a number: {text[:20]!r}")
        return ()
    numbers = tuple(int(part) for part in re.split(r"\s*[/,;]\s*", text))
    good = tuple(number for number in numbers if 1 <= number <= 7)
    if good != numbers:
        own.problems.append(f"AlarmMethod out of range: {text[:20]}")
    return good


def _write_notify(message: AlarmNotify) -> tuple[Node, ...]:
    nodes: list[Node] = []
    if message.priority is not None:
        nodes.append(Node("AlarmPriority", message.priority))
    methods = message.methods or (() if message.method is None else (message.method,))
    if methods:
        nodes.append(Node("AlarmMethod", "/".join(map(str, methods))))
    if message.time:
        nodes.append(Node("AlarmTime", message.time))
    if message.description:
        nodes.append(Node("AlarmDescription", message.description))
    for name, value in (("Longitude", message.longitude), ("Latitude", message.latitude)):
        if value is not None:
            nodes.append(Node(name, decimal(value)))
    info: list[Node] = []
    if message.type is not None:
        info.append(Node("AlarmType", message.type))
    if message.event_type is not None:
        info.append(Node("AlarmTypeParam", (Node("EventType", message.event_type),)))
    if info:
        nodes.append(Node("Info", tuple(info)))
    return tuple(nodes)


def _read_response(decoded: Decoded) -> AlarmResponse:
    result = xml.child_text(decoded.tree, "Result").upper()
    return AlarmResponse(decoded.sn, decoded.device_id, result != "ERROR")


def _write_response(message: AlarmResponse) -> tuple[Node, ...]:
    return (Node("Result", "OK" if message.ok else "ERROR"),)


def _read_query(decoded: Decoded) -> AlarmQuery:
    own = Fields(decoded.tree)
    return AlarmQuery(
        decoded.sn,
        decoded.device_id,
        own.whole("StartAlarmPriority", 0, 4) or 0,
        own.whole("EndAlarmPriority", 0, 4) or 0,
        own.text("AlarmMethod", 32) or "0",
        own.text("AlarmType", 32),
        own.text("StartAlarmTime", _MOST_TIME) or own.text("StartTime", _MOST_TIME),
        own.text("EndAlarmTime", _MOST_TIME) or own.text("EndTime", _MOST_TIME),
    )


def _write_query(message: AlarmQuery) -> tuple[Node, ...]:
    nodes = [
        Node("StartAlarmPriority", message.start_priority),
        Node("EndAlarmPriority", message.end_priority),
        Node("AlarmMethod", message.method),
    ]
    for name, value in (
        ("AlarmType", message.type),
        ("StartAlarmTime", message.start_time),
        ("EndAlarmTime", message.end_time),
    ):
        if value:
            nodes.append(Node(name, value))
    return tuple(nodes)


COMMANDS: Final = (
    Command("Notify", "Alarm", AlarmNotify, _read_notify, _write_notify),
    Command("Response", "Alarm", AlarmResponse, _read_response, _write_response),
    Command("Query", "Alarm", AlarmQuery, _read_query, _write_query),
)
