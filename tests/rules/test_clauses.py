"""Every clause that is built is proved by a test that is marked with it."""

from __future__ import annotations

from docs.tools import clauses
from docs.tools.clauses import Clause, row_of
from tests.rules.source import ROOT


def test_no_clause_that_is_built_is_without_a_test() -> None:
    bare = [c.id for c in clauses.clauses() if c.module and not clauses.proofs()[c.id].count]
    assert bare == []


def test_modules_of_clauses_exist() -> None:
    gone = [c.module for c in clauses.clauses() if c.module and not (ROOT / c.module).is_file()]
    assert gone == []


def test_every_mark_belongs_to_a_clause() -> None:
    strange = [mark for mark in clauses.marks() if row_of(*mark) is None]
    assert strange == [], "marks of clauses that docs/conformance/clauses.toml does not know"


def test_numbers_stand_once() -> None:
    ids = [clause.id for clause in clauses.clauses()]
    assert len(ids) == len(set(ids))


def test_a_part_of_a_clause_belongs_to_the_nearest_one_around_it() -> None:
    def of(edition: str, number: str) -> str:
        row = row_of(edition, number)
        return "" if row is None else row.id

    assert of("2022", "A.2.5.3") == "A.2.5.3"
    assert of("2022", "A.2.5.9") == "annex A"
    assert of("2022", "N.4.3.2") == "annex N"
    assert of("2016", "annex P") == "annex N"
    assert of("2022", "9.11.2") == "9.11"
    assert of("2022", "9.12") == "9.12.1"
    assert of("2022", "77") == ""


def test_what_is_not_built_is_said_plainly() -> None:
    waiting = [c for c in clauses.clauses() if not c.module and not clauses.proofs()[c.id].count]
    page = clauses.page()
    assert all(f"| {number(clause)} |" in page for clause in waiting)
    assert page.count("*not built yet*") >= len(waiting)


def number(clause: Clause) -> str:
    """As the table writes it."""
    return clause.id if clause.old == clause.id else f"{clause.id} / {clause.old or '-'}"
