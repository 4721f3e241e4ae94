"""Log calls and the catalogue agree: names, fields, form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gb28181.telemetry.catalogue import all_events
from gb28181.telemetry.events import COMMON
from tests.rules.source import Module, modules

CATALOGUE = "gb28181.telemetry.events"
NOT_FIELDS = {"exc_info"}


def test_event_names_are_stable_words_and_stand_once() -> None:
    names = [event.name for event in all_events().values()]
    assert [name for name in names if not re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", name)] == []
    assert sorted(names) == sorted(set(names))


def test_constants_are_called_like_their_events() -> None:
    """DEVICE_REGISTERED is device.registered; one constant may leave the noun of its section."""
    odd = [
        constant
        for constant, event in all_events().items()
        if constant.lower() != event.name.replace(".", "_")
        and constant.lower() not in event.name.replace(".", "_")
    ]
    assert odd == []


def test_events_have_meanings_and_fields_in_snake_case() -> None:
    for event in all_events().values():
        assert event.meaning.endswith("."), event.name
        assert len(set(event.fields)) == len(event.fields), event.name
        assert [f for f in event.fields if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", f)] == []
        assert not set(event.fields) & set(COMMON), event.name


def test_every_log_call_uses_an_event_of_the_catalogue_with_its_fields() -> None:
    known = all_events()
    found = []
    for module in modules().values():
        for call, constant in log_calls(module):
            place = f"{module.where}:{call.lineno}"
            if constant not in known:
                found.append(f"{place}: {constant} is not in the catalogue")
                continue
            allowed = {*known[constant].fields, *COMMON, *NOT_FIELDS}
            given = {keyword.arg for keyword in call.keywords if keyword.arg}
            found += [f"{place}: {known[constant].name} has no field {f}" for f in given - allowed]
    assert not found, "\n" + "\n".join(found)


def log_calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Calls `something.event(ev.CONSTANT, ...)` with the name of the constant."""
    aliases, constants = _names_for_catalogue(module)
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        first = node.args[0]
        if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name):
            if first.value.id in aliases and node.func.attr == "event":
                yield node, first.attr
        elif isinstance(first, ast.Name) and first.id in constants and node.func.attr == "event":
            yield node, first.id


def _names_for_catalogue(module: Module) -> tuple[set[str], set[str]]:
    aliases: set[str] = set()
    constants: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "gb28181.telemetry":
            aliases |= {a.asname or a.name for a in node.names if a.name.startswith("events")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(CATALOGUE):
            constants |= {a.asname or a.name for a in node.names if a.name.isupper()}
    return aliases, constants


def test_loggers_are_named_by_hand() -> None:
    """`__name__` would give a logger called `media`, which is anybody's."""
    found = [
        f"{module.where}:{number}"
        for module in modules().values()
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"get_?[lL]ogger\(\s*__name__", line)
    ]
    assert not found, found


# Catalogued ahead of the part that writes them; this list may only shrink.
WAITING = frozenset(
    {
        "CATALOG_CHANGED",
        "DEVICE_REFRESHED",
    }
)


def test_every_event_is_written_somewhere() -> None:
    text = "\n".join(m.text for m in modules().values() if not m.name.startswith(CATALOGUE))
    unused = {name for name in all_events() if not re.search(rf"\b{name}\b", text)}
    assert unused - WAITING == set(), "nothing writes these events"
    assert WAITING - unused == set(), "take these out of WAITING: they are written now"
