"""What a command is to the registry: a message type with the functions that read and write it.

Each file in `commands/` defines its message types as frozen dataclasses below `Message` and lists
one `Command` per (root, CmdType) in `COMMANDS`. Adding a command is adding such a file; nothing
else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gb28181.manscdp.codec import Decoded, Node


@dataclass(frozen=True, slots=True)
class Message:
    """What all messages share."""

    sn: str
    """Sequence number as text; a response repeats that of its query."""
    device_id: str


@dataclass(frozen=True, slots=True)
class GenericMessage(Message):
    """Any command without a file of its own: the frame and the content as nested values."""

    root: str
    command: str
    content: Mapping[str, Any] = field(default_factory=dict)
    """Element name -> text, mapping, or a list of them where a name repeats; attributes as
    `@name`.
    """


M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Command(Generic[M]):
    """One (root, CmdType) and how its message is read and written."""

    root: str
    name: str
    type: type[M]
    read: Callable[[Decoded], M]
    write: Callable[[M], tuple[Node, ...]]
    """The children after CmdType, SN and DeviceID."""
    aliases: tuple[str, ...] = ()
    """Other spellings of the CmdType that are read as this one."""
    names_device: bool = True
    """Whether it has a DeviceID; Broadcast names two ends instead."""
