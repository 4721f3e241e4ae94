"""Every command of MANSCDP, with anything inside its frame: a message that can be written."""

from __future__ import annotations

from gb28181.manscdp import BadXml, Limits, read, registry, write

from .vectors import manscdp_bodies

LIMITS = Limits(bytes=16384, depth=32, nodes=500)
COMMANDS = sorted(registry.COMMANDS, key=lambda command: (command.root, command.name))


def seeds() -> list[bytes]:
    """Each vector's content behind the number of its command."""
    found = []
    for body in manscdp_bodies():
        for number, command in enumerate(COMMANDS):
            if f"<CmdType>{command.name}</CmdType>".encode() in body:
                inner = body.partition(b"</CmdType>")[2].rpartition(b"</")[0]
                found.append(bytes([number]) + inner)
    return found


def check(data: bytes) -> None:
    if not data:
        return
    command = COMMANDS[data[0] % len(COMMANDS)]
    head = f"<{command.root}><CmdType>{command.name}</CmdType><SN>1</SN>".encode()
    try:
        message = read(head + data[1:] + f"</{command.root}>".encode(), limits=LIMITS)
    except BadXml:
        return
    assert write(message)
