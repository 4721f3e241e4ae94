"""Messages as tables: a dataclass whose fields say which element they are read from and written to.

    class Segment:
        start_hour: int | None = whole("StartHour", 0, 23, needed=True)

One table gives reader, writer and bounds. Reading is tolerant: names without case, the first value
that can be used counts; what is missing though needed, doubled with another value, of the wrong
type or out of range is told in `problems` and left at "not said" (None, empty). Unknown leaves are
kept where the class has a field `extra`. Nothing raises.

Not here: which message has which fields (`commands/`, `blocks.py`), HTTP models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Message
from gb28181.manscdp.item import Real, Text, Whole, convert

_KEY: Final = "xml"
_MOST_EXTRA: Final = 32
_MOST_EXTRA_TEXT: Final = 256
MOST_PROBLEMS: Final = 100
FRAME: Final = frozenset({"cmdtype", "sn", "deviceid"})
EXTRA: Final = "extra"

Extra = tuple[tuple[str, str], ...]
T = TypeVar("T")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Word:
    """One of a closed set, whatever its case."""

    words: type[StrEnum]


@dataclass(frozen=True, slots=True)
class Part:
    """An element with a table of its own."""

    table: type[Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """A repeated element with a table of its own, inside a holder where `item` is named.

    Without a holder in the message the items are looked for in its place, as some devices leave
    it out.
    """

    table: type[Any]
    item: str
    most: int
    num: bool = True
    """The holder says in an attribute how many it holds."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A repeated leaf inside a holder."""

    item: str
    most: int
    most_text: int = 256


@dataclass(frozen=True, slots=True)
class Spec:
    """One field of a table."""

    element: str
    kind: Text | Whole | Real | Word | Part | Parts | Texts
    needed: bool = False
    digits: int = 2
    also: tuple[str, ...] = ()
    """Other spellings that are read."""
    secret: bool = False
    """Never written and never shown."""
    told: bool = False
    """The device tells it; nobody sets it."""


def text(
    element: str,
    most: int = 256,
    *,
    needed: bool = False,
    secret: bool = False,
    told: bool = False,
) -> Any:
    """A text; empty when not said."""
    spec = Spec(element, Text(most), needed, secret=secret, told=told)
    return field(default="", metadata={_KEY: spec})


def whole(element: str, least: int, most: int, *, needed: bool = False, told: bool = False) -> Any:
    """A whole number; None when not said."""
    spec = Spec(element, Whole(least, most), needed, told=told)
    return field(default=None, metadata={_KEY: spec})


def real(element: str, least: float, most: float, *, digits: int = 2, needed: bool = False) -> Any:
    """A decimal number; None when not said."""
    return field(
        default=None, metadata={_KEY: Spec(element, Real(least, most), needed, digits=digits)}
    )


def word(element: str, words: type[StrEnum], *, needed: bool = False) -> Any:
    """A word of a closed set; None when not said."""
    return field(default=None, metadata={_KEY: Spec(element, Word(words), needed)})


def part(element: str, table: type[Any], *, needed: bool = False) -> Any:
    """One nested element; None when not there."""
    return field(default=None, metadata={_KEY: Spec(element, Part(table), needed)})


def parts(
    holder: str,
    item: str,
    table: type[Any],
    most: int,
    *,
    num: bool = True,
    also: tuple[str, ...] = (),
) -> Any:
    """A list of nested elements; empty when not there. An empty `holder`: no holder."""
    kind = Parts(table, item, most, num)
    return field(default=(), metadata={_KEY: Spec(holder, kind, also=also)})


def texts(holder: str, item: str, most: int) -> Any:
    """A list of leaves; empty when not there."""
    return field(default=(), metadata={_KEY: Spec(holder, Texts(item, most))})


_TABLES: Final[dict[type[Any], dict[str, Spec]]] = {}


def table_of(cls: type[Any]) -> dict[str, Spec]:
    """Attribute name -> spec, in the order of writing."""
    known = _TABLES.get(cls)
    if known is None:
        known = _TABLES[cls] = {
            f.name: f.metadata[_KEY] for f in dataclasses.fields(cls) if _KEY in f.metadata
        }
    return known


# --- reading --------------------------------------------------------------------------------------


def read(
    cls: type[T], element: Element, problems: list[str], *, deep: bool = False, **given: Any
) -> T:
    """The table's fields out of an element; `deep` finds them at any depth."""
    values: dict[str, Any] = dict(given)
    known = set(FRAME)
    for name, spec in table_of(cls).items():
        known |= {spec.element.lower(), *(other.lower() for other in spec.also)}
        if isinstance(spec.kind, Parts):
            known.add(spec.kind.item.lower())
        value = _value(spec, element, problems, deep)
        if value is not None:
            values[name] = value
    if any(f.name == EXTRA for f in dataclasses.fields(cls)):  # type: ignore[arg-type]
        values[EXTRA] = tuple(_unknown(element, known))
    return cls(**values)


def message(cls: type[M], decoded: Decoded, *, deep: bool = False) -> M:
    """A message whose class has a table and a field `problems`, out of its frame."""
    problems: list[str] = []
    values = read(
        cls, decoded.tree, problems, deep=deep, sn=decoded.sn, device_id=decoded.device_id
    )
    return dataclasses.replace(values, problems=tuple(problems))  # type: ignore[call-arg]


def _value(spec: Spec, element: Element, problems: list[str], deep: bool) -> Any:
    found = list(_find(element, spec, deep))
    match spec.kind:
        case Parts():
            return _read_parts(spec.element, spec.kind, found, element, problems)
        case Texts():
            return _read_texts(spec.kind, found, problems)
        case Part(table):
            if not found:
                _missing(spec, problems)
                return None
            return read(table, found[0], problems, deep=deep)
        case _:
            return _read_leaf(spec, found, problems)


def _find(element: Element, spec: Spec, deep: bool) -> Iterator[Element]:
    if not spec.element:
        return
    wanted = {spec.element.lower(), *(other.lower() for other in spec.also)}
    candidates: Iterable[Element] = element.iter() if deep else element
    for inner in candidates:
        if inner is not element and xml.name_of(inner).lower() in wanted:
            yield inner


def _read_leaf(spec: Spec, found: list[Element], problems: list[str]) -> Any:
    """The first value that can be used."""
    used: Any = None
    first = ""
    for inner in found:
        said = xml.text_of(inner)
        if not said or (isinstance(spec.kind, Text) and said.lower() == spec.element.lower()):
            continue  # a template nobody filled in says nothing
        value, problem = _convert(spec, said)
        if problem:
            _tell(problems, f"{spec.element} {problem}")
        if value is None:
            continue
        if used is None:
            used, first = value, said
        elif said != first:
            _tell(problems, f"{spec.element} doubled: {said[:20]!r}")
    if used is None and not found:
        _missing(spec, problems)
    return used


def _convert(spec: Spec, said: str) -> tuple[Any, str]:
    match spec.kind:
        case Word(words):
            for one in words:
                if one.value.lower() == said.lower():
                    return one, ""
            return None, f"unknown: {said[:20]!r}"
        case Text() | Whole() | Real():
            return convert(spec.kind, said)
    raise TypeError(f"{spec.element} is no leaf")


def _read_parts(
    holder: str, kind: Parts, found: list[Element], around: Element, problems: list[str]
) -> tuple[Any, ...]:
    items: list[Any] = []
    for one in found or [around]:
        for inner in xml.children(one, kind.item):
            if len(items) >= kind.most:
                _tell(problems, f"{holder or kind.item} has more than {kind.most} entries")
                return tuple(items)
            items.append(read(kind.table, inner, problems))
    return tuple(items)


def _read_texts(kind: Texts, found: list[Element], problems: list[str]) -> tuple[str, ...]:
    said = [xml.text_of(inner) for one in found for inner in xml.children(one, kind.item)]
    if len(said) > kind.most:
        _tell(problems, f"more than {kind.most} {kind.item}")
    return tuple(one[: kind.most_text] for one in said[: kind.most] if one)


def _missing(spec: Spec, problems: list[str]) -> None:
    if spec.needed:
        _tell(problems, f"{spec.element} missing")


def _tell(problems: list[str], problem: str) -> None:
    if len(problems) < MOST_PROBLEMS and problem not in problems:
        problems.append(problem)


def _unknown(element: Element, known: set[str]) -> Iterator[tuple[str, str]]:
    kept = 0
    for inner in element:
        name, said = xml.name_of(inner), xml.text_of(inner)
        if name.lower() in known or len(inner) or not said or kept >= _MOST_EXTRA:
            continue
        kept += 1
        yield name[:64], said[:_MOST_EXTRA_TEXT]


# --- writing --------------------------------------------------------------------------------------


def nodes(message: Any) -> tuple[Node, ...]:
    """The elements of a table, in its order; what is not said and what is secret is left out."""
    out: list[Node] = []
    for name, spec in table_of(type(message)).items():
        value = getattr(message, name)
        if spec.secret or value is None or value == "" or value == ():
            continue
        out.extend(_nodes_of(spec, value))
    out.extend(Node(name, said) for name, said in getattr(message, EXTRA, ()))
    return tuple(out)


def _nodes_of(spec: Spec, value: Any) -> Iterable[Node]:
    match spec.kind:
        case Part():
            return (Node(spec.element, nodes(value)),)
        case Parts(_, item, _, num):
            inner = tuple(Node(item, nodes(one)) for one in value)
            if not spec.element:
                return inner
            attributes = (("Num", str(len(inner))),) if num else ()
            return (Node(spec.element, inner, attributes),)
        case Texts(item):
            return (Node(spec.element, tuple(Node(item, one) for one in value)),)
        case Word():
            return (Node(spec.element, value.value),)
        case Real():
            return (Node(spec.element, f"{value:.{spec.digits}f}"),)
        case Text() | Whole():
            return (Node(spec.element, value),)


def settable(message: T) -> T:
    """Without what only the device tells, and without secrets: what may be sent back to it."""
    values: dict[str, Any] = {}
    for f in dataclasses.fields(message):  # type: ignore[arg-type]
        spec: Spec | None = f.metadata.get(_KEY)
        if spec is None:
            continue
        value = getattr(message, f.name)
        if spec.told or spec.secret:
            values[f.name] = f.default
        elif isinstance(spec.kind, Part) and value is not None:
            values[f.name] = settable(value)
        elif isinstance(spec.kind, Parts):
            values[f.name] = tuple(settable(one) for one in value)
    return dataclasses.replace(message, **values)  # type: ignore[type-var]


# --- values of people -----------------------------------------------------------------------------


def merged(current: T, changes: Mapping[str, Any]) -> T:
    """`current` with changes over it: what is not named stays, lists are replaced whole.

    The changes have been validated; only attribute names of the table are taken.
    """
    table = table_of(type(current))
    values: dict[str, Any] = {}
    for name, value in changes.items():
        spec = table[name]
        if isinstance(spec.kind, Part) and isinstance(value, Mapping):
            before = getattr(current, name)
            values[name] = merged(spec.kind.table() if before is None else before, value)
        elif isinstance(spec.kind, Parts):
            values[name] = tuple(merged(spec.kind.table(), one) for one in value)
        elif isinstance(spec.kind, Word) and isinstance(value, str):
            values[name] = spec.kind.words(value)
        elif isinstance(spec.kind, Texts):
            values[name] = tuple(value)
        else:
            values[name] = value
    return dataclasses.replace(current, **values)  # type: ignore[type-var]


def shown(message: Any) -> dict[str, Any]:
    """The table's values as plain data for people; secrets are told only as present."""
    out: dict[str, Any] = {}
    for name, spec in table_of(type(message)).items():
        value = getattr(message, name)
        match spec.kind:
            case Part():
                out[name] = None if value is None else shown(value)
            case Parts():
                out[name] = [shown(one) for one in value]
            case Texts():
                out[name] = list(value)
            case Word():
                out[name] = None if value is None else value.value
            case _:
                out[name] = ("***" if value else "") if spec.secret else value
    return out
