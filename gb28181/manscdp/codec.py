"""MANSCDP bodies: bytes -> root, command, SN, device id and tree; and back.

The frame every message shares (GB/T 28181-2022 A.1, A.2): a root `Control`, `Query`, `Notify` or
`Response` whose first children are `CmdType`, `SN` and `DeviceID`. What a command means is *not*
here: see `messages.py`.

Invariant: `decode` of any bytes returns or raises BadXml, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.charset import Charset, CharsetMemory, override_of, to_text
from gb28181.manscdp.errors import BadXml, Reason
from gb28181.manscdp.xml import Limits

ROOTS: Final = {name.lower(): name for name in ("Control", "Query", "Notify", "Response")}
DEFAULT_LIMITS: Final = Limits()
_MOST_SN: Final = 32
_MOST_ID: Final = 64
_MOST_COMMAND: Final = 64
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The frame of one message and its tree."""

    root: str
    """Control, Query, Notify or Response, in this spelling."""
    command: str
    """`CmdType` as written."""
    sn: str
    """As written, at most 32 characters: devices send 0, blanks and letters."""
    device_id: str
    """As written, at most 64 characters; empty where the command has none (Broadcast)."""
    tree: Element
    charset: str


@dataclass(frozen=True, slots=True)
class Node:
    """One element to be written: a text, or children; attributes in order."""

    name: str
    value: str | int | float | tuple[Node, ...] = ""
    attributes: tuple[tuple[str, str], ...] = ()


def decode(
    body: bytes, memory: CharsetMemory | None = None, limits: Limits = DEFAULT_LIMITS
) -> Decoded:
    """Read the frame of a body; raises BadXml."""
    if len(body) > limits.bytes:
        raise BadXml(Reason.TOO_LARGE, f"{len(body)} bytes")
    text, charset = to_text(body, memory)
    tree = xml.parse(text, limits)
    root = ROOTS.get(xml.name_of(tree).lower())
    if root is None:
        raise BadXml(Reason.UNKNOWN_ROOT, xml.name_of(tree)[:_MOST_COMMAND])
    command = xml.child_text(tree, "CmdType")
    if not command:
        raise BadXml(Reason.NO_COMMAND)
    return Decoded(
        root=root,
        command=command[:_MOST_COMMAND],
        sn=xml.child_text(tree, "SN")[:_MOST_SN],
        device_id=xml.child_text(tree, "DeviceID")[:_MOST_ID],
        tree=tree,
        charset=charset.value,
    )


def encode(
    root: str,
    command: str,
    sn: str | int,
    device_id: str,
    children: Iterable[Node] = (),
    charset: str = "GB2312",
) -> bytes:
    """The body with its declaration, lines ended by CRLF.

    The label is written as given, the bytes are GB18030 for every GB label: devices expect the
    label GB2312, and GB18030 is its superset. ValueError for an unknown label.
    """
    reading = override_of(charset)
    if reading is None:
        raise ValueError("a charset to write is needed")
    frame = [Node("CmdType", command), Node("SN", str(sn))]
    if device_id:
        frame.append(Node("DeviceID", device_id))
    lines = [f'<?xml version="1.0" encoding="{charset}"?>']
    _write(Node(root, (*frame, *children)), lines)
    codec = Charset.UTF8 if reading is Charset.UTF8 else Charset.GB18030
    return ("\r\n".join(lines) + "\r\n").encode(codec.value)


def _write(node: Node, lines: list[str]) -> None:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in node.attributes)
    if isinstance(node.value, tuple):
        lines.append(f"<{node.name}{attributes}>")
        for inner in node.value:
            _write(inner, lines)
        lines.append(f"</{node.name}>")
    else:
        lines.append(f"<{node.name}{attributes}>{escape(str(node.value))}</{node.name}>")


def escape(text: str) -> str:
    """Text as element or attribute content; characters XML cannot carry are dropped."""
    text = _ILLEGAL.sub("", text)
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
