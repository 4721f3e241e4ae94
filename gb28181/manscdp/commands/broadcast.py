"""Broadcast (Notify, Response): a device is told that speech is for it, and says whether it will
call. GB/T 28181-2022 9.12.1, A.2.5.4 and its response; the same in 2016.

The notification names two ends instead of a `DeviceID`: where speech comes from, and the voice
output (137) or the whole device it is for. `Message.device_id` is the target here, so that whoever
asks about a device needs not know that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

_MOST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class BroadcastNotify(Message):
    """Speech from `source_id` is for `device_id`."""

    source_id: str = ""


@dataclass(frozen=True, slots=True)
class BroadcastResponse(Message):
    """Whether the device will call."""

    ok: bool = True


def _read_notify(decoded: Decoded) -> BroadcastNotify:
    target = xml.child_text(decoded.tree, "TargetID")[:_MOST_ID] or decoded.device_id
    return BroadcastNotify(decoded.sn, target, xml.child_text(decoded.tree, "SourceID")[:_MOST_ID])


def _write_notify(message: BroadcastNotify) -> tuple[Node, ...]:
    return (Node("SourceID", message.source_id), Node("TargetID", message.device_id))


def _read_response(decoded: Decoded) -> BroadcastResponse:
    result = xml.child_text(decoded.tree, "Result").upper()
    return BroadcastResponse(decoded.sn, decoded.device_id, result != "ERROR")


def _write_response(message: BroadcastResponse) -> tuple[Node, ...]:
    return (Node("Result", "OK" if message.ok else "ERROR"),)


COMMANDS: Final = (
    Command(
        "Notify", "Broadcast", BroadcastNotify, _read_notify, _write_notify, names_device=False
    ),
    Command("Response", "Broadcast", BroadcastResponse, _read_response, _write_response),
)
