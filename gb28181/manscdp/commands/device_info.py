"""DeviceInfo (Query, Response): who the device is. GB/T 28181-2022 A.2.4.4, A.2.6.5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

_MOST_TEXT: Final = 256
_MOST_CHANNELS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery(Message):
    """Asks a device about itself."""


@dataclass(frozen=True, slots=True)
class DeviceInfoResponse(Message):
    """The answer; empty text or None means "not said"."""

    ok: bool = True
    """Result OK; False for ERROR. Missing counts as OK."""
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    channel: int | None = None
    """Number of video inputs."""


def _read_query(decoded: Decoded) -> DeviceInfoQuery:
    return DeviceInfoQuery(decoded.sn, decoded.device_id)


def _write_query(message: DeviceInfoQuery) -> tuple[Node, ...]:
    return ()


def _read_response(decoded: Decoded) -> DeviceInfoResponse:
    tree = decoded.tree
    return DeviceInfoResponse(
        sn=decoded.sn,
        device_id=decoded.device_id,
        ok=xml.child_text(tree, "Result").upper() != "ERROR",
        name=_said(decoded, "DeviceName"),
        manufacturer=_said(decoded, "Manufacturer"),
        model=_said(decoded, "Model"),
        firmware=_said(decoded, "Firmware"),
        channel=_count(xml.child_text(tree, "Channel")),
    )


def _said(decoded: Decoded, field: str) -> str:
    """The text of a field; one that only repeats its own name is a template nobody filled in."""
    text = xml.child_text(decoded.tree, field)[:_MOST_TEXT]
    return "" if text.lower() == field.lower() else text


def _count(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    number = int(text)
    return number if number <= _MOST_CHANNELS else None


def _write_response(message: DeviceInfoResponse) -> tuple[Node, ...]:
    nodes = [Node("DeviceName", message.name)] if message.name else []
    nodes.append(Node("Result", "OK" if message.ok else "ERROR"))
    for name, value in (
        ("Manufacturer", message.manufacturer),
        ("Model", message.model),
        ("Firmware", message.firmware),
    ):
        if value:
            nodes.append(Node(name, value))
    if message.channel is not None:
        nodes.append(Node("Channel", message.channel))
    return tuple(nodes)


COMMANDS: Final = (
    Command("Query", "DeviceInfo", DeviceInfoQuery, _read_query, _write_query),
    Command("Response", "DeviceInfo", DeviceInfoResponse, _read_response, _write_response),
)
