"""What can be subscribed to: the Event header and the body of each kind.

The text of the standard names only the catalog's Event (`Catalog;id=`, 2022 N.4.2). For the others
devices want `presence`, as most platforms send it, or the name of the command: who answers 489 to
one is offered the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from gb28181.manscdp import CatalogQuery, GenericMessage, Message
from gb28181.manscdp.commands.alarm import AlarmQuery
from gb28181.manscdp.commands.mobile_position import MobilePositionQuery


class Kind(StrEnum):
    """The four event sources of GB/T 28181."""

    CATALOG = "catalog"
    ALARM = "alarm"
    POSITION = "position"
    PTZ_POSITION = "ptz_position"
    """2022 only."""


EVENTS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.CATALOG: ("Catalog", "presence"),
    Kind.ALARM: ("presence", "Alarm"),
    Kind.POSITION: ("presence", "MobilePosition"),
    Kind.PTZ_POSITION: ("presence", "PTZPosition"),
}
"""Event packages to offer, the usual one first."""

COMMANDS: Final = {
    "catalog": Kind.CATALOG,
    "alarm": Kind.ALARM,
    "mobileposition": Kind.POSITION,
    "ptzposition": Kind.PTZ_POSITION,
}
"""CmdType of a notification, in lower case, and what it belongs to."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the device."""

    expires: int = 600
    interval: int = 5
    """Seconds between positions."""
    target: str = ""
    """What is watched, by the device's code; empty: the device itself."""
    start_priority: int = 0
    end_priority: int = 0
    method: str = "0"
    alarm_type: str = ""

    @classmethod
    def of(cls, settings: dict[str, Any], expires: int, interval: int) -> Wish:
        """A stored wish over the device's settings."""
        known = {name: settings[name] for name in cls.__dataclass_fields__ if name in settings}
        return cls(**{"expires": expires, "interval": interval, **known})


def event_header(kind: Kind, variant: int, number: int) -> str:
    """The Event header of one dialog; the id stays the same in all its requests."""
    return f"{EVENTS[kind][variant]};id={number}"


def body(kind: Kind, sn: str, device_id: str, wish: Wish) -> Message:
    """The query in the body of the SUBSCRIBE."""
    code = wish.target or device_id
    match kind:
        case Kind.CATALOG:
            return CatalogQuery(sn, code)
        case Kind.ALARM:
            return AlarmQuery(
                sn,
                code,
                wish.start_priority,
                wish.end_priority,
                wish.method,
                wish.alarm_type,
            )
        case Kind.POSITION:
            return MobilePositionQuery(sn, code, wish.interval)
        case Kind.PTZ_POSITION:
            return GenericMessage(sn, code, "Query", "PTZPosition")
    assert_never(kind)
