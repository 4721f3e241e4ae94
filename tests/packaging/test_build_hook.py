"""The hook that builds the console, without the console: a stand-in for npm writes the site."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest

from tests.rules.source import ROOT

NPM = """#!/bin/sh
echo "$@" >> npm-calls
if [ "$1" = run ]; then mkdir -p dist && cp source.txt dist/index.html; fi
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The hook's module; hatchling is there only while a wheel is built, so a stand-in serves."""
    interface = types.ModuleType("hatchling.builders.hooks.plugin.interface")

    class BuildHookInterface:
        def __class_getitem__(cls, _item: object) -> type:
            return cls

    interface.BuildHookInterface = BuildHookInterface  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "web" / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path, hook: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    web = tmp_path / "web"
    web.mkdir()
    (web / "package.json").write_text("{}")
    (web / "source.txt").write_text("first")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    monkeypatch.setattr(hook, "npm_command", lambda: [str(programs / "npm")])
    monkeypatch.setattr(hook, "node_environment", lambda: environment)
    return tmp_path


def make_hook(hook: types.ModuleType, root: Path, target: str = "wheel") -> types.SimpleNamespace:
    built = object.__new__(hook.ConsoleBuildHook)
    built.root, built.target_name = str(root), target
    built.app = types.SimpleNamespace(display_info=lambda _text: None)
    return built  # type: ignore[no-any-return]


def run_hook(hook: types.ModuleType, root: Path, target: str = "wheel") -> list[str]:
    data: dict[str, list[str]] = {"artifacts": []}
    make_hook(hook, root, target).initialize("standard", data)
    return data["artifacts"]


def calls(root: Path) -> list[str]:
    path = root / "web" / "npm-calls"
    return path.read_text().splitlines() if path.is_file() else []


def site(root: Path) -> Path:
    return root / "gb28181" / "api" / "static" / "index.html"


def test_the_site_is_built_into_the_package_and_announced(
    hook: types.ModuleType, project: Path
) -> None:
    assert run_hook(hook, project) == ["/gb28181/api/static/**"]
    assert site(project).read_text() == "first"
    assert [line.split()[0] for line in calls(project)] == ["ci", "run"]
    assert "--ignore-scripts" in calls(project)[0]


def test_unchanged_sources_are_not_built_again(hook: types.ModuleType, project: Path) -> None:
    (project / "web" / "npm-calls").touch()
    (project / "web" / "npm-calls").rename(project / "log")
    run_hook(hook, project)
    (project / "web" / "npm-calls").unlink()
    run_hook(hook, project)
    assert calls(project) == []
    (project / "web" / "source.txt").write_text("second")
    run_hook(hook, project)
    assert site(project).read_text() == "second"


def test_the_switch_leaves_everything_alone(
    hook: types.ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GB28181_SKIP_WEB", "1")
    run_hook(hook, project)
    assert (calls(project), site(project).exists()) == ([], False)
    assert make_hook(hook, project).dependencies() == []


def test_node_is_asked_for_only_when_there_is_something_to_build(
    hook: types.ModuleType, project: Path
) -> None:
    assert make_hook(hook, project).dependencies() == [hook.NODE_REQUIREMENT]
    assert make_hook(hook, project, "sdist").dependencies() == []
    (project / "web" / "package.json").unlink()
    assert make_hook(hook, project).dependencies() == []
    run_hook(hook, project)
    assert calls(project) == []


def test_a_build_that_leaves_no_site_fails(hook: types.ModuleType, project: Path) -> None:
    (project / "programs" / "npm").write_text("#!/bin/sh\nmkdir -p dist\n")
    with pytest.raises(RuntimeError, match=r"no web/dist/index\.html"):
        run_hook(hook, project)


def test_what_is_installed_or_built_is_no_source(hook: types.ModuleType, project: Path) -> None:
    before = hook.source_hash(project / "web")
    (project / "web" / "node_modules").mkdir()
    (project / "web" / "node_modules" / "x.js").write_text("x")
    (project / "web" / "dist").mkdir()
    (project / "web" / "dist" / "y.js").write_text("y")
    assert hook.source_hash(project / "web") == before
