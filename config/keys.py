"""Every key of the settings as data: path, variable, type in words, default, limits, meaning.

Read from the models of `sections.py`; `load.py` judges names by it and `render.py` prints it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo

from config.schema import Settings
from config.sections import Section
from config.types import Kind, KindName, show_duration, show_size

ENV_PREFIX = "GB28181_"
ENV_SEPARATOR = "__"
FILE_SUFFIX = "_file"

Path = tuple[str, ...]

KIND_WORDS: dict[KindName, str] = {
    "duration": "duration",
    "size": "size",
    "ports": "port range",
    "network": "network",
    "secret": "secret text",
}
KIND_UNITS: dict[KindName, str] = {
    "duration": "s when no unit is written",
    "size": "bytes when no unit is written",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting; `kind` is None for plain texts, numbers, switches and choices."""

    path: Path
    type_words: str
    kind: KindName | None
    is_list: bool
    default: Any
    limits: str
    meaning: str

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        return ENV_PREFIX + ENV_SEPARATOR.join(self.path).upper()

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    @property
    def unit(self) -> str:
        return KIND_UNITS.get(self.kind, "") if self.kind else ""


def all_keys() -> dict[Path, Key]:
    """In the order of the schema: keys without a section first."""
    return dict(_keys_of(Settings, ()))


def sections() -> dict[str, str]:
    """Name and purpose (first line of the docstring) of each section."""
    return {
        name: (field.annotation.__doc__ or "").strip().splitlines()[0]
        for name, field in Settings.model_fields.items()
        if _is_section(field)
    }


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def _keys_of(model: type[Section], prefix: Path) -> typing.Iterator[tuple[Path, Key]]:
    plain = [(n, f) for n, f in model.model_fields.items() if not _is_section(f)]
    for name, field in plain:
        path = (*prefix, name)
        kind, is_list = _kind_of(field)
        words = _type_words(field.annotation, kind, is_list)
        limits = _limits(field, kind)
        meaning = " ".join((field.description or "").split())
        yield path, Key(path, words, kind, is_list, field.default, limits, meaning)
    for name, field in model.model_fields.items():
        if _is_section(field):
            assert isinstance(field.annotation, type)
            yield from _keys_of(field.annotation, (*prefix, name))


def _kind_of(field: FieldInfo) -> tuple[KindName | None, bool]:
    marks = [mark for mark in _marks(field.annotation, field.metadata) if isinstance(mark, Kind)]
    is_list = typing.get_origin(field.annotation) is tuple
    return (marks[0].name if marks else None), is_list


def _marks(annotation: Any, metadata: list[Any]) -> list[Any]:
    """Annotations of a key, those inside `X | None` and `tuple[X, ...]` included."""
    found: list[Any] = []
    for mark in metadata:
        found += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    if typing.get_origin(annotation) is typing.Annotated:
        found += _marks(None, list(annotation.__metadata__))
    for inner in typing.get_args(annotation):
        found += _marks(inner, [])
    return found


def _type_words(annotation: Any, kind: KindName | None, is_list: bool) -> str:
    if kind:
        return f"list of {KIND_WORDS[kind]}s" if is_list else KIND_WORDS[kind]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = [part for part in typing.get_args(annotation) if part is not type(None)]
        return _type_words(inner[0], kind, is_list)
    if typing.get_origin(annotation) is typing.Annotated:
        return _type_words(typing.get_args(annotation)[0], kind, is_list)
    if is_list:
        return f"list of {_type_words(typing.get_args(annotation)[0], kind, False)}"
    if typing.get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    return names[annotation]


def _limits(field: FieldInfo, kind: KindName | None) -> str:
    marks = _marks(field.annotation, field.metadata)
    low = next((m.ge for m in marks if getattr(m, "ge", None) is not None), None)
    high = next((m.le for m in marks if getattr(m, "le", None) is not None), None)
    if low is None or high is None:
        return ""
    show = shower(kind)
    return f"{show(low)} to {show(high)}"


def shower(kind: KindName | None) -> Callable[[Any], str]:
    if kind == "duration":
        return show_duration
    if kind == "size":
        return show_size
    return str
