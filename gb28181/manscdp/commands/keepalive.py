"""Keepalive (Notify): the device's heartbeat. GB/T 28181-2022 A.2.5.2 and 9.6, same shape in 2016.

`quick` reads the usual form without an XML parser: it is nearly all of a platform's MANSCDP
traffic. It accepts only a body whose every byte it understands; anything unusual (other order,
other case, faulty children, non-ASCII, comments, entities) goes the full way, so that both ways
cannot disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

_MOST_FAULTY: Final = 1000
_MOST_ID: Final = 64
_MOST_USUAL: Final = 512


@dataclass(frozen=True, slots=True)
class Keepalive(Message):
    """A heartbeat; `device_id` is that of the sending device."""

    ok: bool = True
    """Status OK; False for ERROR. Missing counts as OK: the message itself proves that the device
    lives.
    """
    faulty: tuple[str, ...] = ()
    """Children that do not work, from `Info`."""


_USUAL: Final = re.compile(
    rb"(?:<\?xml version=[\"']1\.0[\"'](?: encoding=[\"'][A-Za-z0-9-]{1,16}[\"'])?"
    rb"(?: standalone=[\"']yes[\"'])? ?\?>)?"
    rb"\s*<Notify>\s*<CmdType>Keepalive</CmdType>\s*<SN>([0-9]{1,10})</SN>\s*"
    rb"<DeviceID>([0-9A-Za-z]{1,32})</DeviceID>\s*<Status>OK</Status>\s*"
    rb"(?:<Info>\s*</Info>\s*|<Info ?/>\s*)?</Notify>\s*"
).fullmatch


def is_usual(body: bytes) -> bool:
    """Whether `quick` can read it, for who needs no more than that."""
    return len(body) < _MOST_USUAL and _USUAL(body) is not None


def quick(body: bytes) -> Keepalive | None:
    """The heartbeat in its usual form, or None for anything else."""
    found = _USUAL(body) if len(body) < _MOST_USUAL else None
    if found is None:
        return None
    sn, device_id = found.groups()
    return Keepalive(sn.decode(), device_id.decode())


def _read(decoded: Decoded) -> Keepalive:
    faulty: list[str] = []
    info = xml.child(decoded.tree, "Info")
    if info is not None:
        for element in xml.children(info, "DeviceID"):
            text = xml.text_of(element)
            if text and len(text) <= _MOST_ID and len(faulty) < _MOST_FAULTY:
                faulty.append(text)
    status = xml.child_text(decoded.tree, "Status").upper()
    return Keepalive(decoded.sn, decoded.device_id, status != "ERROR", tuple(faulty))


def _write(message: Keepalive) -> tuple[Node, ...]:
    faulty = tuple(Node("DeviceID", child) for child in message.faulty)
    status = Node("Status", "OK" if message.ok else "ERROR")
    return (status, Node("Info", faulty)) if faulty else (status,)


COMMANDS: Final = (Command("Notify", "Keepalive", Keepalive, _read, _write),)
