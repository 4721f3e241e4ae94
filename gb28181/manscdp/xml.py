"""Text -> element tree, with the dirt of real devices removed and the traps of XML refused.

The text arrives decoded (`charset.py`), so the declaration is dropped: expat knows neither GB2312
nor GB18030. Element names are compared without case everywhere, because the editions and the
makers differ in it.

Refused: DOCTYPE and ENTITY, more than `Limits` allows. Repaired: control characters, `&` that
starts no entity, `<` that starts no tag, whatever follows the root, and at last an unreadable
`Address`. *Not* here: what a message means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gb28181.manscdp.errors import BadXml, Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one body; a page of 1,000 catalog items needs about 1 MB and 40,000 nodes."""

    bytes: int = 4 * 1024 * 1024
    depth: int = 32
    nodes: int = 250_000


_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]*>", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"<!\s*(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_DIRT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_AMPERSAND: Final = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:#(?:([0-9]{1,8})|x([0-9A-Fa-f]{1,8}));)?"
)
_STRAY_LESS: Final = re.compile(r"<(?![A-Za-z_/!?])")
_ADDRESS: Final = re.compile(
    r"<Address\b[^<>]{0,64}>.*?</Address[ \t\r\n]{0,8}>", re.IGNORECASE | re.DOTALL
)
_ADDRESS_END: Final = re.compile(r"</Address[ \t\r\n]{0,8}>", re.IGNORECASE)
_ROOT: Final = re.compile(r"<([A-Za-z_][\w.\-]{0,63})")


def parse(text: str, limits: Limits) -> Element:
    """The root element; raises BadXml."""
    cleaned = _clean(text)
    if cleaned.count("<") > 2 * limits.nodes:
        raise BadXml(Reason.TOO_MANY_NODES)
    root = _parse(cleaned)
    _check_depth(root, limits)
    return root


def _clean(text: str) -> str:
    start = text.find("<")
    if start < 0:
        raise BadXml(Reason.MALFORMED if text.strip() else Reason.EMPTY)
    text = text[start:]
    declaration = _DECLARATION.match(text)
    if declaration is not None:
        text = text[declaration.end() :]
    # The dirt goes first: `<!DOC` + NUL + `TYPE` must not grow together behind the check.
    text = _DIRT.sub("", text)
    if "<!" in text and _FORBIDDEN.search(text):
        raise BadXml(Reason.DOCTYPE)
    return text


def _repair(text: str) -> str:
    """Only for a text that does not parse: it would also change what stands in CDATA."""
    return _STRAY_LESS.sub("&lt;", _AMPERSAND.sub(_reference, text))


def _reference(found: re.Match[str]) -> str:
    """A character reference that XML allows stays; a forbidden one goes; a bare `&` is escaped."""
    decimal, hexadecimal = found.group(1), found.group(2)
    if decimal is None and hexadecimal is None:
        return "&amp;"
    number = int(decimal) if decimal is not None else int(hexadecimal, 16)
    return found.group(0) if _is_xml_character(number) else ""


def _is_xml_character(number: int) -> bool:
    return (
        number in (0x9, 0xA, 0xD)
        or 0x20 <= number <= 0xD7FF
        or 0xE000 <= number <= 0xFFFD
        or 0x10000 <= number <= 0x10FFFF
    )


def _parse(text: str) -> Element:
    """As it stands; else repaired; else without what follows the root; else without addresses."""
    found = _try(text)
    if found is None:
        text = _repair(text)
        found = _try(text)
    if found is None:
        text = _cut_after_root(text)
        found = _try(text)
    if found is None:
        found = _try(_without_addresses(text))
    if found is None:
        raise BadXml(Reason.MALFORMED)
    return found


def _try(text: str) -> Element | None:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None


def _cut_after_root(text: str) -> str:
    """Up to the first closing tag of the root; no element of MANSCDP holds one of the root's
    name.
    """
    root = _ROOT.search(text)
    if root is None:
        return text
    closing = re.search(rf"</{re.escape(root.group(1))}\s*>", text)
    return text[: closing.end()] if closing else text


def _without_addresses(text: str) -> str:
    """Without `Address` elements; as far as one still ends, so that the search stays linear."""
    end = max((found.end() for found in _ADDRESS_END.finditer(text)), default=0)
    return _ADDRESS.sub("", text[:end]) + text[end:]


def _check_depth(root: Element, limits: Limits) -> None:
    level, depth, nodes = [root], 1, 1
    while level:
        if depth > limits.depth:
            raise BadXml(Reason.TOO_DEEP)
        level = [child for element in level for child in element]
        depth += 1
        nodes += len(level)
        if nodes > limits.nodes:
            raise BadXml(Reason.TOO_MANY_NODES)


def name_of(element: Element) -> str:
    """The element's name without a namespace, as written."""
    tag = element.tag
    return tag.rpartition("}")[2] if "}" in tag else tag


def text_of(element: Element | None) -> str:
    """The stripped text of an element; empty for none."""
    return (element.text or "").strip() if element is not None else ""


def child(element: Element, name: str) -> Element | None:
    """The first child of that name, whatever its case."""
    return next(children(element, name), None)


def children(element: Element, name: str) -> Iterator[Element]:
    """All children of that name, whatever its case."""
    wanted = name.lower()
    return (found for found in element if name_of(found).lower() == wanted)


def child_text(element: Element, name: str) -> str:
    """The stripped text of the first child of that name; empty when there is none."""
    return text_of(child(element, name))
