"""The table of clauses: clause, module, tests, state, for both editions.

The clauses stand in `docs/conformance/clauses.toml`; which tests prove one is read off their marks
(`@pytest.mark.clause(standard, number)`, on a test or in `pytestmark`), so that the table can claim
no more than is tested. Only the syntax tree is read: no test is imported.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs.tools.tables import table

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "conformance" / "clauses.toml"
STANDARD = re.compile(r"GB/T 28181-(2016|2022)")
MOST_TESTS = 4
"""Files named in a row; the rest is counted."""

HEAD = """\
# Clauses and their tests

<!-- Made by `make reference` from docs/conformance/clauses.toml and the marks of the tests. -->

What of GB/T 28181 a platform has to do, where the product does it, and which tests prove it. Tests
are counted by their marks; a test that proves a clause of one edition proves it for the other one
where both say the same. The number of 2016 stands behind the stroke where it is another one.

States: **tested**; *in part*, as said; *not built yet*; *no test* (a rule forbids these).
"""


@dataclass(frozen=True, slots=True)
class Clause:
    """A row of the table."""

    id: str
    old: str
    """In the edition of 2016; empty where it does not have it."""
    zh: str
    en: str
    module: str
    """Empty: not built yet."""
    note: str
    partly: bool

    def numbers(self) -> set[tuple[str, str]]:
        """(edition, number) that stand for this row."""
        found = {("2022", self.id)}
        return found | ({("2016", self.old)} if self.old else set())


@dataclass(slots=True)
class Proof:
    """Which tests prove a clause."""

    tests: dict[str, int] = field(default_factory=dict)
    """Path below the checkout to the number of tests."""

    @property
    def count(self) -> int:
        return sum(self.tests.values())


@functools.cache
def clauses() -> tuple[Clause, ...]:
    """The rows, in the order of the file."""
    rows = tomllib.loads(DATA.read_text("utf-8"))["clause"]
    return tuple(
        Clause(
            row["id"],
            row.get("old", row["id"]),
            row["zh"],
            row["en"],
            row.get("module", ""),
            row.get("note", ""),
            row.get("partly", False),
        )
        for row in rows
    )


@functools.cache
def marks() -> dict[tuple[str, str], Proof]:
    """(edition, number) of every mark, and the tests that carry it."""
    found: dict[tuple[str, str], Proof] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        where = str(path.relative_to(ROOT))
        for marked in _marked(ast.parse(path.read_text("utf-8"))):
            proof = found.setdefault(marked, Proof())
            proof.tests[where] = proof.tests.get(where, 0) + 1
    return found


def row_of(edition: str, number: str) -> Clause | None:
    """The row a mark belongs to: its own, else that of the nearest clause around it, else the
    first of its parts."""
    whole = number
    while number:
        for clause in clauses():
            if {(edition, number), (edition, f"annex {number}")} & clause.numbers():
                return clause
        number = number.rpartition(".")[0]
    parts = (c for c in clauses() if any(e == edition and n.startswith(f"{whole}.")
                                         for e, n in c.numbers()))  # fmt: skip
    return next(parts, None)


@functools.cache
def proofs() -> dict[str, Proof]:
    """Id of a row to its tests."""
    found = {clause.id: Proof() for clause in clauses()}
    for (edition, number), proof in marks().items():
        clause = row_of(edition, number)
        if clause is not None:
            tests = found[clause.id].tests
            for where, count in proof.tests.items():
                tests[where] = tests.get(where, 0) + count
    return found


def state_of(clause: Clause) -> str:
    """In a word."""
    if proofs()[clause.id].count:
        return "*in part*" if clause.partly else "**tested**"
    return "*no test*" if clause.module else "*not built yet*"


def page() -> str:
    built = [clause for clause in clauses() if clause.module or proofs()[clause.id].count]
    waiting = [clause for clause in clauses() if clause not in built]
    rows = (
        (_number(c), f"{c.zh} {c.en}", _module(c), _tests(c), _state(c)) for c in (*built, *waiting)
    )
    head = ("Clause 2022 / 2016", "What", "Module", "Tests", "State")
    return "\n".join([HEAD, table(head, rows)]).rstrip("\n") + "\n"


def _number(clause: Clause) -> str:
    if clause.old == clause.id:
        return clause.id
    return f"{clause.id} / {clause.old or '-'}"


def _module(clause: Clause) -> str:
    return f"[`{clause.module}`](../../{clause.module})" if clause.module else "-"


def _tests(clause: Clause) -> str:
    """Files with the most tests first; enough of them to find the rest."""
    proof = proofs()[clause.id]
    if not proof.count:
        return "-"
    files = sorted(proof.tests, key=lambda path: (-proof.tests[path], path))
    shown = ", ".join(f"[{Path(path).stem}](../../{path})" for path in files[:MOST_TESTS])
    more = f" and {len(files) - MOST_TESTS} more files" if len(files) > MOST_TESTS else ""
    return f"{proof.count}: {shown}{more}"


def _state(clause: Clause) -> str:
    return f"{state_of(clause)}, {clause.note}" if clause.note else state_of(clause)


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(edition, number) once for each test that carries it, by itself or by its module."""
    whole: set[tuple[str, str]] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            whole |= set(_calls(node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_"):
            own = {mark for one in node.decorator_list for mark in _calls(one)}
            yield from own | whole


def _calls(node: ast.AST) -> Iterator[tuple[str, str]]:
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.clause"):
            continue
        standard, number = (ast.literal_eval(argument) for argument in call.args)
        edition = STANDARD.fullmatch(standard)
        if edition is not None:
            yield edition[1], number
