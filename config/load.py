"""Reads the settings: defaults < TOML file < environment; every problem is reported at once.

The names allowed and their meaning are `keys.py`'s; rules between keys are `check.py`'s. The only
module of the package that opens files.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from config.check import check
from config.errors import ConfigError, Problem
from config.keys import ENV_PREFIX, ENV_SEPARATOR, FILE_SUFFIX, Key, Path, all_keys, sections
from config.schema import Settings

SEARCH = ("./gb28181.toml", "/etc/gb28181/gb28181.toml")
BUILD_VARIABLES = frozenset({"GB28181_SKIP_WEB"})
# What Kubernetes adds to every container when a service is called "gb28181".
_SERVICE_LINK = re.compile(r"GB28181_(SERVICE_HOST|SERVICE_PORT\w*|PORT(_\d+_(TCP|UDP)\w*)?)")
MASK = "***"


@dataclass(frozen=True, slots=True)
class Value:
    """One given value and where it stands, in words a person can look up."""

    data: Any
    source: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, the file they came from and the source of each key that was given."""

    settings: Settings
    path: str | None
    sources: dict[Path, str]


def load(path: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force; raises ConfigError with every problem found."""
    return load_with_sources(path, environ).settings


def load_with_sources(
    path: str | None = None,
    environ: Mapping[str, str] = os.environ,
    search: tuple[str, ...] = SEARCH,
) -> Loaded:
    problems: list[Problem] = []
    chosen = path or next((name for name in search if FilePath(name).is_file()), None)
    given: dict[Path, Value] = {}
    if chosen is not None:
        given.update(_from_file(chosen, problems))
    given.update(_from_environment(environ, problems))
    given = _with_secret_files(given, problems)
    settings = _validated(given, problems)
    if settings is not None:
        sources = {key: value.source for key, value in given.items()}
        problems += check(settings, sources)
        if not problems:
            return Loaded(settings, chosen, sources)
    raise ConfigError(tuple(problems))


def _from_file(name: str, problems: list[Problem]) -> dict[Path, Value]:
    try:
        document = tomllib.loads(FilePath(name).read_text("utf-8"))
    except OSError as error:
        problems.append(Problem("file", name, error.strerror or "", "a TOML file that can be read"))
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem("file", name, str(error), "valid TOML in UTF-8"))
        return {}
    found: dict[Path, Value] = {}
    known_sections = sections()
    for key, data in document.items():
        if key not in known_sections:
            _take((key,), data, name, found, problems)
        elif isinstance(data, dict):
            for inner, value in data.items():
                _take((key, inner), value, name, found, problems)
        else:
            problems.append(Problem(key, name, repr(data), f"a table, written [{key}]"))
    return found


def _take(
    path: Path, data: Any, name: str, found: dict[Path, Value], problems: list[Problem]
) -> None:
    key = known_paths().get(path)
    if key is not None:
        if data == "" and (key.default is None or key.path != path):
            return  # how the example file shows a key that has no default
        found[path] = Value(data, name)
    else:
        dotted = ".".join(path)
        is_section = isinstance(data, dict) and len(path) == 1
        known = list(sections()) if is_section else [".".join(one) for one in known_paths()]
        problems.append(Problem(dotted, name, "", f"unknown key{_nearest(dotted, known)}"))


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[Path, Value]:
    found: dict[Path, Value] = {}
    variables = {_variable(path): path for path in known_paths()}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name in BUILD_VARIABLES or not environ[name].strip():
            continue
        if name in variables:
            found[variables[name]] = Value(environ[name].strip(), "environment")
        elif not _SERVICE_LINK.fullmatch(name):
            near = _nearest(name, list(variables))
            problems.append(Problem(name, "environment", "", f"unknown variable{near}"))
    return found


def _variable(path: Path) -> str:
    return ENV_PREFIX + ENV_SEPARATOR.join(path).upper()


def known_paths() -> dict[Path, Key]:
    """Every key, and for each secret the key that names a file holding it."""
    keys = all_keys()
    files = {(*p[:-1], p[-1] + FILE_SUFFIX): key for p, key in keys.items() if key.is_secret}
    return keys | files


def _nearest(name: str, known: list[str]) -> str:
    # A slip of the hand; else a key put into the wrong section; else whatever is like it.
    last = name.rpartition(".")[2]
    close = (
        difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        or [other for other in known if other.rpartition(".")[2] == last][:1]
        or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    )
    return f", did you mean {close[0]}?" if close else ""


def _with_secret_files(given: dict[Path, Value], problems: list[Problem]) -> dict[Path, Value]:
    keys = all_keys()
    result = {path: value for path, value in given.items() if path in keys}
    for path, value in given.items():
        if path in keys:
            continue
        target = (*path[:-1], path[-1].removesuffix(FILE_SUFFIX))
        dotted = ".".join(path)
        if target in given:
            wanted = f"either this or {'.'.join(target)}, not both"
            problems.append(Problem(dotted, value.source, "", wanted))
            continue
        try:
            secret = FilePath(str(value.data)).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(dotted, value.source, str(error), "a text file to read"))
            continue
        if not secret:
            problems.append(Problem(dotted, value.source, "an empty file", "a file with a secret"))
            continue
        result[target] = Value(secret, f"{value.source} (file {value.data})")
    return result


def _validated(given: dict[Path, Value], problems: list[Problem]) -> Settings | None:
    tree: dict[str, Any] = {}
    for path, value in given.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value.data
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        reported: set[Path] = set()
        for detail in error.errors(include_url=False, include_context=False):
            path = _known_prefix(detail["loc"], given)
            if path not in reported:
                reported.add(path)
                problems.append(_problem(path, given, detail["msg"], detail["input"]))
        return None


def _known_prefix(location: tuple[int | str, ...], given: dict[Path, Value]) -> Path:
    """pydantic adds list positions and type names to the path of a key."""
    names = tuple(str(part) for part in location)
    for length in range(len(names), 0, -1):
        if names[:length] in given:
            return names[:length]
    return names


def _problem(path: Path, given: dict[Path, Value], message: str, found: Any) -> Problem:
    key = all_keys().get(path)
    source = given[path].source if path in given else "settings"
    name = ".".join(path)
    if source == "environment":
        name = _variable(path)
    shown = MASK if key is not None and key.is_secret else repr(found)
    wanted = message.removeprefix("Value error, ").removeprefix("Input ")
    if key is not None and key.limits and "should be" in wanted:
        wanted = f"should be {key.type_words}, {key.limits}"
    return Problem(name, source, shown, wanted)
