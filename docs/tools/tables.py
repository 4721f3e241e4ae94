"""Markdown tables, the one shape most generated pages consist of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a blank line behind it; `|` inside a cell is escaped."""
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def first_sentence(text: str | None) -> str:
    """The first line of a docstring, joined to one paragraph."""
    return " ".join((text or "").strip().split("\n\n")[0].split())
