"""DeviceStatus (Query, Response): how the device is. GB/T 28181-2022 A.2.4.1, A.2.6.6.

The list of alarm inputs is written `Alarmstatus`, as in the text and on the wire; names are read
without case. `DeviceTime` is the device's local time as it says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import Extra, parts, text, word


class Result(StrEnum):
    OK = "OK"
    ERROR = "ERROR"


class Online(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class Switch(StrEnum):
    ON = "ON"
    OFF = "OFF"


class Duty(StrEnum):
    """State of an alarm input."""

    ONDUTY = "ONDUTY"
    OFFDUTY = "OFFDUTY"
    ALARM = "ALARM"


@dataclass(frozen=True, slots=True)
class AlarmInput:
    """One alarm input."""

    device_id: str = text("DeviceID", 64, needed=True)
    duty_status: Duty | None = word("DutyStatus", Duty, needed=True)


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery(Message):
    """Asks how a device is."""


@dataclass(frozen=True, slots=True)
class DeviceStatusResponse(Message):
    """The answer; None or empty text means "not said"."""

    result: Result | None = word("Result", Result, needed=True)
    online: Online | None = word("Online", Online, needed=True)
    status: Result | None = word("Status", Result, needed=True)
    reason: str = text("Reason", 256)
    encode: Switch | None = word("Encode", Switch)
    record: Switch | None = word("Record", Switch)
    device_time: str = text("DeviceTime", 64)
    alarm_inputs: tuple[AlarmInput, ...] = parts("Alarmstatus", "Item", AlarmInput, 1000)
    extra: Extra = ()
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> DeviceStatusQuery:
    return DeviceStatusQuery(decoded.sn, decoded.device_id)


def _read_response(decoded: Decoded) -> DeviceStatusResponse:
    return table.message(DeviceStatusResponse, decoded)


def _nothing(_: DeviceStatusQuery) -> tuple[Node, ...]:
    return ()


COMMANDS: Final = (
    Command("Query", "DeviceStatus", DeviceStatusQuery, _read_query, _nothing),
    Command("Response", "DeviceStatus", DeviceStatusResponse, _read_response, table.nodes),
)
