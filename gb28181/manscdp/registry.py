"""Which commands exist: every file in `commands/`, found once at import.

Keys are (root, CmdType) without case. Two files that claim the same key, or the same message
type, are a defect and refuse to import.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from gb28181.manscdp import commands
from gb28181.manscdp.command import Command, Message

AnyCommand = Command[Any]


def _collect() -> list[AnyCommand]:
    found: list[AnyCommand] = []
    for module in sorted(iter_modules(commands.__path__), key=lambda info: info.name):
        found.extend(import_module(f"{commands.__name__}.{module.name}").COMMANDS)
    return found


def _by_key(found: list[AnyCommand]) -> dict[tuple[str, str], AnyCommand]:
    table: dict[tuple[str, str], AnyCommand] = {}
    for command in found:
        for name in (command.name, *command.aliases):
            key = (command.root.lower(), name.lower())
            if key in table:
                raise ImportError(f"two commands for {key}")
            table[key] = command
    return table


def _by_type(found: list[AnyCommand]) -> dict[type[Message], AnyCommand]:
    table: dict[type[Message], AnyCommand] = {}
    for command in found:
        if command.type in table:
            raise ImportError(f"two commands for {command.type.__name__}")
        table[command.type] = command
    return table


COMMANDS: Final = tuple(_collect())
_BY_KEY: Final = _by_key(list(COMMANDS))
_BY_TYPE: Final = _by_type(list(COMMANDS))


def lookup(root: str, command: str) -> AnyCommand | None:
    """The command for a root and CmdType, whatever their case; None for an unknown one."""
    return _BY_KEY.get((root.lower(), command.lower()))


def of_type(message: Message) -> AnyCommand | None:
    """The command a message belongs to; None for a GenericMessage."""
    return _BY_TYPE.get(type(message))
