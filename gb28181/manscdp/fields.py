"""Single fields of reports: what a text may be, and what was wrong with it.

A value of the wrong type or out of its range is dropped and told in `problems`; a doubled element
counts once, the first that says something. Nothing here raises.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.item import Real, Text, Whole, convert


class Fields:
    """The children of some elements, searched in the order of the elements."""

    def __init__(self, *elements: Element | None) -> None:
        self._elements = [element for element in elements if element is not None]
        self.problems: list[str] = []

    def raw(self, name: str) -> str:
        """The first text of that name; one that only repeats the name is an unfilled template."""
        for element in self._elements:
            for found in xml.children(element, name):
                text = xml.text_of(found)
                if text and text.lower() != name.lower():
                    return text
        return ""

    def text(self, name: str, most: int = 256) -> str:
        text = self.raw(name)
        if not text:
            return ""
        value, problem = convert(Text(most), text)
        self._note(name, problem)
        return str(value)

    def whole(self, name: str, least: int, most: int) -> int | None:
        text = self.raw(name)
        if not text:
            return None
        value, problem = convert(Whole(least, most), text)
        self._note(name, problem)
        return None if value is None else int(value)

    def real(self, name: str, lowest: float, highest: float) -> float | None:
        text = self.raw(name)
        if not text:
            return None
        value, problem = convert(Real(lowest, highest), text)
        self._note(name, problem)
        return None if value is None else float(value)

    def missing(self, name: str) -> None:
        """A field the standard requires is not there."""
        self._note(name, "missing")

    def _note(self, name: str, problem: str) -> None:
        if problem:
            self.problems.append(f"{name} {problem}")


def decimal(value: float) -> str:
    """A decimal number as devices write it, without an exponent."""
    return f"{value:.10f}".rstrip("0").rstrip(".") or "0"
