"""Every statement compiles for both databases, and means the same there."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from gb28181.store.statements import Statements

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]
NAMES = sorted(Statements("sqlite").every())


def test_the_list_is_not_empty() -> None:
    assert len(NAMES) > 35


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NAMES)
def test_compiles(name: str, dialect: str) -> None:
    statement = Statements(dialect).every()[name]
    text = str(statement.compile(dialect=DIALECTS[dialect]))
    assert text.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("upsert")])
def test_an_upsert_is_one_statement_on_both(name: str) -> None:
    for dialect in DIALECTS:
        text = str(Statements(dialect).every()[name].compile(dialect=DIALECTS[dialect]))
        assert "ON CONFLICT" in text
        assert "DO UPDATE SET" in text
