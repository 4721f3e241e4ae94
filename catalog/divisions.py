"""Administrative divisions: which codes exist, their names and their children (GB/T 2260).

Read-only table from `data/divisions.csv`, whose comment header names source and date. It is *not*
the tree of the platform (`tree.py`): nothing is counted here.

Some counties hang directly below a province (429004, 659001). Their four-digit prefix is no
division of its own, but the tree files by prefix, so it is completed here under the name the
statistics use for such groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_DIRECT = "省直辖县级行政区划"
_PROVINCE_LEVEL = "所辖各区"


class Divisions:
    """Code -> name, with children in code order."""

    __slots__ = ("_children", "_names")

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        self._names: dict[str, str] = dict(rows)
        for code in [code for code in self._names if len(code) == 6]:
            if code[:4] not in self._names:
                self._names[code[:4]] = _DIRECT if code[2] == "9" else _PROVINCE_LEVEL
        self._children: dict[str, list[str]] = {}
        for code in sorted(self._names):
            self._children.setdefault(code[:-2], []).append(code)

    @classmethod
    def load(cls) -> Divisions:
        """The table that ships with the package, read once per process."""
        return _shipped()

    def exists(self, code: str) -> bool:
        """True for a known code of 2, 4 or 6 digits."""
        return code in self._names

    def name(self, code: str) -> str:
        """The Chinese name, or an empty text for an unknown code."""
        return self._names.get(code, "")

    def children(self, code: str) -> list[str]:
        """Codes one level below; the provinces for an empty code; empty for a county or an
        unknown code.
        """
        return list(self._children.get(code, ()))

    def longest(self, code: str) -> str:
        """The longest known prefix (6, 4 or 2 digits) of a code, or an empty text."""
        for length in (6, 4, 2):
            if len(code) >= length and code[:length] in self._names:
                return code[:length]
        return ""

    def __len__(self) -> int:
        return len(self._names)


@cache
def _shipped() -> Divisions:
    text = (files("catalog") / "data" / "divisions.csv").read_text(encoding="utf-8")
    return Divisions(parse_csv(text))


def parse_csv(text: str) -> list[tuple[str, str]]:
    """Rows of a `code,name` table; comment lines, the header and blanks are skipped."""
    rows = []
    for line in text.splitlines():
        code, _, name = line.partition(",")
        if code.isascii() and code.isdigit():
            rows.append((code, name.strip()))
    return rows
