"""The reference page of the command line, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from docs.tools.tables import table
from gb28181 import cli

HEAD = """\
# Command line

<!-- Made by `make reference` from gb28181/cli.py; edit the texts there. -->

`gb28181 COMMAND --help` says the same. Settings come from the file given with `--config`, else
`./gb28181.toml`, else `/etc/gb28181/gb28181.toml`, and from the environment
([settings](configuration.md)).

Exit codes: 0 done; 1 failed, with one line on standard error; 2 wrong use; 78 the settings are
wrong, or somebody else's package stands in the place of ours.
"""


def page() -> str:
    root = typer.main.get_command(cli.app)
    parts = [HEAD]
    for words, command in _commands(root, ("gb28181",)):
        parts += _section(words, command)
    return "\n".join(parts).rstrip("\n") + "\n"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, child in inner.items():
        if not child.hidden:
            yield from _commands(child, (*words, name))


def _section(words: tuple[str, ...], command: Any) -> list[str]:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [p.name.upper() for p in shown if p.param_type_name == "argument"]
    title = " ".join(words)
    text = " ".join((command.help or "").split())
    lines = [f"## {title}", "", f"`{' '.join([title, *arguments])}`", "", text, ""]
    rows = [_row(parameter) for parameter in shown]
    if rows:
        lines.append(table(("Option", "Default", "Meaning"), rows))
    return lines


def _row(parameter: Any) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    names = parameter.opts if is_option else [parameter.name.upper()]
    default = parameter.default
    shown = "" if default is None or callable(default) or default is False else f"`{default}`"
    name = ", ".join(f"`{name}`" for name in names)
    return name, shown, getattr(parameter, "help", "") or ""
