"""Who may import whom: the star of packages, the floors of the application, no cycle."""

from __future__ import annotations

import ast

import pytest

from tests.rules.source import ROOT, Module, modules, parse, target

SIDE_PACKAGES = ("sip", "media", "catalog", "config")

# From the top; a floor imports only what lies below it. A new folder or module is added here.
FLOORS = (
    ("__main__",),
    ("cli",),
    (
        "app",
        "serve",
        "demo",
        "figures",
        "switchboard",
        "reports",
        "wiring",
        "examining",
        "relaying",
        "filming",
    ),
    ("api",),
    (
        "playback",
        "cascade",
        "programme",
        "talk",
        "alarms",
        "positions",
        "diagnosis",
        "conformance",
        "recording",
        "sources",
        "pushes",
    ),
    ("session", "control", "subscribe"),
    ("device",),
    ("manscdp", "store", "cluster", "trace"),
    ("telemetry",),
    ("errors", "outcome", "origin", "health"),
)
# The composition root is several files that may know each other; all other floors are not.
COMPOSITION = FLOORS[2]
SIMULATOR = "simulator"
SIMULATOR_MAY_IMPORT = ("manscdp", SIMULATOR)


def part(name: str) -> str | None:
    """Folder or module of the application a name belongs to; None for the package itself."""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "gb28181" and len(pieces) > 1 else None


def floor(piece: str) -> int:
    for number, names in enumerate(FLOORS):
        if piece in names:
            return number
    raise AssertionError(f"gb28181/{piece} stands on no floor: add it to FLOORS in {__name__}")


def crossings(module: Module) -> list[str]:
    """Imports of a module that the directions forbid, one sentence each."""
    found = []
    for imported in module.imports:
        other = imported.name.partition(".")[0]
        reason = _forbidden(module, imported.name) if other in (*SIDE_PACKAGES, "gb28181") else ""
        if reason:
            found.append(f"{module.where}:{imported.line}: {reason} ({imported.name})")
    return found


def _forbidden(module: Module, name: str) -> str:
    other = name.partition(".")[0]
    if module.package in SIDE_PACKAGES:
        return "" if other == module.package else f"{module.package} may not import {other}"
    if other != "gb28181":
        return _side_of_simulator(module, other)
    # `from gb28181 import x` names the part x, or the version.
    here, there = part(module.name), part(target(name, modules()) or "gb28181")
    if here is None or there is None or here == there:
        return ""
    if there == SIMULATOR:
        return "" if here == "cli" else "only cli may import the simulator"
    if here == SIMULATOR:
        return "" if there in SIMULATOR_MAY_IMPORT else f"the simulator may not import {there}"
    if here in COMPOSITION and there in COMPOSITION:
        return ""
    return "" if floor(here) < floor(there) else f"{here} may not import {there}: not below it"


def _side_of_simulator(module: Module, other: str) -> str:
    if part(module.name) == SIMULATOR and other not in ("sip", "media"):
        return f"the simulator may not import {other}"
    return ""


def test_imports_follow_the_directions() -> None:
    found = [line for module in modules().values() for line in crossings(module)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "statement", "allowed"),
    [
        ("sip.x", "import media.hub", False),
        ("sip.x", "from gb28181.device import service", False),
        ("sip.x", "from sip.flow import Flow", True),
        ("media.x", "def f():\n    import sip.message", False),
        ("gb28181.device.x", "from sip.flow import Flow", True),
        ("gb28181.device.x", "from gb28181.session import service", False),
        ("gb28181.session.x", "from gb28181.telemetry import events", True),
        ("gb28181.telemetry.x", "from gb28181.store import store", False),
        ("gb28181.session.x", "from gb28181 import __version__", True),
        ("gb28181.simulator.x", "from catalog import model", False),
        ("gb28181.simulator.x", "from gb28181.manscdp import codec", True),
        ("gb28181.simulator.x", "from gb28181.telemetry import logs", False),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(name: str, statement: str, allowed: bool) -> None:
    path = ROOT / (name.replace(".", "/") + ".py")
    module = Module(name, path, statement, ast.parse(statement))
    assert (crossings(module) == []) is allowed


def test_no_module_imports_itself_through_others() -> None:
    assert cycles(run_time_graph()) == []


def run_time_graph() -> dict[str, set[str]]:
    """Edges of imports done while modules load; a package's own parents are left out."""
    known = modules()
    graph: dict[str, set[str]] = {name: set() for name in known}
    for module in known.values():
        for imported in module.imports:
            other = target(imported.name, known)
            if other and other != module.name and imported.at_run_time and imported.at_top:
                graph[module.name].add(other)
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other: repeatedly drops what cannot lie on a cycle."""
    rest = {name: set(others) for name, others in graph.items()}
    changed = True
    while changed:
        used = {other for others in rest.values() for other in others}
        gone = [name for name, others in rest.items() if not others or name not in used]
        changed = bool(gone)
        for name in gone:
            del rest[name]
        for others in rest.values():
            others &= rest.keys()
    return [sorted(rest)] if rest else []


def test_the_search_for_cycles_finds_one() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert cycles(graph) == [["b", "c"]]
    assert cycles({"a": {"b"}, "b": set()}) == []


def test_the_camera_of_the_tests_shares_nothing_with_the_product() -> None:
    import sys

    folder = ROOT / "tests" / "e2e" / "camera"
    foreign = [
        f"{module.where}:{imported.line}: {imported.name}"
        for module in map(parse, sorted(folder.rglob("*.py")))
        for imported in module.imports
        if imported.name.partition(".")[0] not in sys.stdlib_module_names
        and not imported.name.startswith("tests.e2e.camera")
    ]
    assert not foreign, "standard library only:\n" + "\n".join(foreign)
