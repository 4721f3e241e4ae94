"""Bringing a database to the schema of this release, from inside the process.

The alembic scripts lie in `migrations/` inside the package, so an installed wheel needs no checkout
and no `alembic.ini`. Several nodes may start at once: PostgreSQL serialises them by an advisory
lock, SQLite by its own write lock.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from gb28181.store.errors import StoreTooNew

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 28181
WAL_ATTEMPTS = 100
WAL_PAUSE_S = 0.05


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: sa.Connection) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:
        # the lock before the first read: two that read "empty" would both create
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in known:
        raise StoreTooNew(
            f"the database is at revision {present}, which this release does not know; "
            "start the release that made it"
        )
    head = scripts.get_current_head()
    assert head is not None, "the package holds no migration"
    if present != head:
        command.upgrade(config, "head")
    return head


async def upgrade(engine: AsyncEngine) -> str:
    """Apply what is missing in one transaction; returns the revision now in force."""
    if engine.dialect.name == "sqlite":
        await _write_ahead(engine)
    async with engine.begin() as connection:
        return await connection.run_sync(_upgrade)


async def _write_ahead(engine: AsyncEngine) -> None:
    """Put the file into WAL mode. SQLite does not wait for a lock here, whatever `busy_timeout`
    says, so two processes that make the database together have to try again."""
    async with engine.connect() as connection:
        for attempt in range(WAL_ATTEMPTS):
            try:
                mode = await connection.exec_driver_sql("PRAGMA journal_mode=wal")
                mode.close()
                return
            except OperationalError:
                if attempt == WAL_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(WAL_PAUSE_S)
