"""How a device writes its bodies: charset, label and case of element names, by profile and fault.

GB/T 28181-2022 6.10 and A.1; leniencies 14, 15, 17, 72.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gb28181.manscdp import Message
from gb28181.manscdp import registry as commands
from gb28181.manscdp.codec import Node, encode
from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.profiles import Habit, Profile

_TAG: Final = re.compile(rb"<(/?)([A-Za-z0-9]+)")
"""No second byte of GB 18030 is a `<`, so what looks like a tag is one."""


def write(
    profile: Profile,
    faults: Faults,
    root: str,
    command: str,
    sn: str | int,
    device_id: str,
    nodes: Iterable[Node],
) -> bytes:
    """A body as this device writes it."""
    label = profile.label
    if profile.has(Habit.MIXED_CHARSETS) and command == "DeviceInfo":
        label = "UTF-8"
    if Fault.BAD_CHARSET in faults:
        body = encode(root, command, sn, device_id, nodes, "UTF-8")
        body = body.replace(b'encoding="UTF-8"', f'encoding="{profile.label}"'.encode(), 1)
    else:
        body = encode(root, command, sn, device_id, nodes, label)
    if profile.has(Habit.DIRTY_ADDRESS) and command == "Catalog":
        body = body.replace(b"&amp;", b"&").replace(b"&lt;", b"<")
    if profile.has(Habit.LOWER_NAMES):
        body = _TAG.sub(lambda found: b"<" + found.group(1) + found.group(2).lower(), body)
    return body


def write_message(profile: Profile, faults: Faults, message: Message) -> bytes:
    """A body of a message that has a table of its own."""
    command = commands.of_type(message)
    if command is None:
        raise TypeError(f"nobody writes {type(message).__name__}")
    return write(
        profile,
        faults,
        command.root,
        command.name,
        message.sn,
        message.device_id,
        command.write(message),
    )
