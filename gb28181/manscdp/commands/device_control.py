"""DeviceControl (Control, Response): do something. GB/T 28181-2022 A.2.3.1, A.2.6.1.

The actions are in `actions.py`. Only some have a Response (2022 9.3.1, table 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.actions import Action, read_action, write_action
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message


@dataclass(frozen=True, slots=True)
class DeviceControl(Message):
    """One action; None when the body holds none that is known."""

    action: Action | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceControlResponse(Message):
    """Whether it was done; `said` is False when there was no Result."""

    ok: bool = True
    said: bool = True


def _read(decoded: Decoded) -> DeviceControl:
    problems: list[str] = []
    action = read_action(decoded.tree, problems)
    return DeviceControl(decoded.sn, decoded.device_id, action, tuple(problems))


def _write(message: DeviceControl) -> tuple[Node, ...]:
    return () if message.action is None else write_action(message.action)


def _read_response(decoded: Decoded) -> DeviceControlResponse:
    result = xml.child_text(decoded.tree, "Result").upper()
    return DeviceControlResponse(decoded.sn, decoded.device_id, result != "ERROR", bool(result))


def _write_response(message: DeviceControlResponse) -> tuple[Node, ...]:
    return (Node("Result", "OK" if message.ok else "ERROR"),) if message.said else ()


COMMANDS: Final = (
    Command("Control", "DeviceControl", DeviceControl, _read, _write),
    Command("Response", "DeviceControl", DeviceControlResponse, _read_response, _write_response),
)
