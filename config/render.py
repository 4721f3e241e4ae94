"""Writes settings for people: in force, as an example file, as the reference page, and problems.

Pure: texts out, no file touched. `config/default.toml` and `docs/reference/configuration.md` are
made by it and kept fresh by a test.
"""

from __future__ import annotations

import json
from typing import Any

from config.errors import ConfigError
from config.keys import FILE_SUFFIX, Key, all_keys, sections, shower
from config.load import MASK, Loaded
from config.schema import Settings

WIDTH = 96


def show(loaded: Loaded) -> str:
    """The settings in force as TOML; secrets masked, each given key with its source."""
    lines = [f"# settings in force; file: {loaded.path or 'none'}"]
    for section, keys in _by_section().items():
        if section:
            lines += ["", f"[{section}]"]
        for key in keys:
            source = loaded.sources.get(key.path)
            note = f"  # {source}" if source else ""
            value = _value_of(loaded.settings, key)
            if value is None:
                lines.append(f"# {key.path[-1]} is not set")
            elif key.is_secret:
                lines.append(f'{key.path[-1]} = "{MASK}"{note}')
            else:
                lines.append(f"{key.path[-1]} = {_toml(key, value)}{note}")
    return "\n".join(lines) + "\n"


def report(error: ConfigError) -> str:
    """All problems, one a line, under one heading."""
    count = len(error.problems)
    heading = f"{count} problem{'s' if count != 1 else ''} in the settings:"
    return "\n".join([heading, *(f"  {problem}" for problem in error.problems)]) + "\n"


def example() -> str:
    """An annotated file with every key at its default, commented out."""
    lines = [
        "# Settings of gb28181, each at its default. Take the # away to change one.",
        "# Put this file at ./gb28181.toml or /etc/gb28181/gb28181.toml, or name it with --config.",
        "# Every key is also a variable: GB28181_ + section + __ + key, in capitals.",
    ]
    purposes = sections()
    for section, keys in _by_section().items():
        if section:
            lines += ["", f"# {purposes[section]}", f"[{section}]"]
        for key in keys:
            lines += ["", *_wrapped(_annotation(key), "# ")]
            # A key without a default cannot be written in TOML: show an empty place for it.
            default = '""' if key.default is None else _toml(key, key.default)
            lines.append(f"#{key.path[-1]} = {default}")
    return "\n".join(lines) + "\n"


def _annotation(key: Key) -> str:
    parts = [key.meaning]
    if key.limits:
        parts.append(f"({key.limits})")
    elif key.is_secret:
        parts.append(f"(or {key.path[-1]}{FILE_SUFFIX}: a file that holds it)")
    return " ".join(parts)


REFERENCE_HEAD = """\
# Settings

<!-- Made by `make reference` from config/sections.py; edit the descriptions there. -->

Each value is looked up in this order, the later one wins: the default, the TOML file, the
environment. The file is the one named with `--config`, else `./gb28181.toml`, else
`/etc/gb28181/gb28181.toml` if it exists. No file is needed.

- In the file a key stands in the table of its section: `[sip]`, then `port = 5060`. A key without
  a default counts as not given when its text is empty.
- In the environment it is `GB28181_` + section + `__` + key in capitals. An empty variable counts
  as not given. A list is written with commas: `10.0.0.0/8, 192.168.0.0/16`.
- Durations are written `500ms`, `30s`, `10min`, `2h`, `7d`; a bare number is seconds. Sizes are
  written `64KiB`, `4MiB`, `5MB`; a bare number is bytes.
- Each secret also has a key with `_file` at its end (`GB28181_SIP__PASSWORD_FILE`) that names a
  file holding it. Secrets are never shown in logs or by `gb28181 config show`.
- An unknown key or variable is an error that names the nearest known one, and all problems are
  reported at once; `gb28181 config check` reads the settings without starting anything. Only
  `GB28181_SKIP_WEB` (a build switch) and the `GB28181_SERVICE_*` and `GB28181_PORT*` variables that
  Kubernetes sets for a service called `gb28181` are passed over.

`gb28181 config example` prints a file with every key and its default.
"""


def reference() -> str:
    """The reference page in Markdown: one table per section."""
    purposes = sections()
    parts = [REFERENCE_HEAD]
    for section, keys in _by_section().items():
        title = f"`[{section}]`" if section else "Keys without a section"
        parts.append(f"## {title}\n")
        if section:
            parts.append(f"{purposes[section]}\n")
        parts.append("| Key | Variable | Type, limits | Default | Meaning |")
        parts.append("|---|---|---|---|---|")
        parts += [_reference_row(key) for key in keys]
        parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def _reference_row(key: Key) -> str:
    kind = ", ".join(part for part in (key.type_words, key.limits, key.unit) if part)
    default = "-" if key.default is None else f"`{_toml(key, key.default)}`"
    return f"| `{key.path[-1]}` | `{key.variable}` | {kind} | {default} | {key.meaning} |"


def _by_section() -> dict[str, list[Key]]:
    grouped: dict[str, list[Key]] = {}
    for path, key in all_keys().items():
        grouped.setdefault(path[0] if len(path) > 1 else "", []).append(key)
    return grouped


def _value_of(settings: Settings, key: Key) -> Any:
    value: Any = settings
    for name in key.path:
        value = getattr(value, name)
    return value


def _toml(key: Key, value: Any) -> str:
    """A value as TOML; JSON's way to write texts, numbers and switches is TOML's as well."""
    if key.is_list:
        return "[" + ", ".join(json.dumps(str(item)) for item in value) + "]"
    if key.kind is not None:
        return json.dumps(shower(key.kind)(value))
    return json.dumps(value, ensure_ascii=False)


def _wrapped(text: str, prefix: str) -> list[str]:
    lines, line = [], prefix.rstrip()
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = prefix.rstrip()
        line += " " + word
    return [*lines, line]
