"""A copy of the database while the platform runs.

SQLite: the online backup interface, from a connection of its own, into a file beside the target
that is renamed when whole. It copies what is committed; the caller flushes first if it can. The
key file is not part of it: keep `secrets.key` elsewhere, or the copy would tell the passwords.
PostgreSQL: its own tool does this better, so we say which.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

from sqlalchemy.engine import URL

from gb28181.store.engine import database_url
from gb28181.store.errors import BackupUnsupported, StoreError

PAGES_PER_STEP = 1000


def _copy(source_path: Path, target: Path) -> int:
    if not source_path.exists():
        raise StoreError(f"there is no database at {source_path}")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    source = sqlite3.connect(f"{source_path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        copy = sqlite3.connect(draft)
        try:
            source.backup(copy, pages=PAGES_PER_STEP, sleep=0.01)
            verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            copy.close()
        if verdict != "ok":
            raise StoreError(f"the copy is damaged: {verdict}")
        os.chmod(draft, 0o600)
        os.replace(draft, target)
    except sqlite3.Error as error:
        raise StoreError(f"backup failed: {error}") from error
    finally:
        source.close()
        draft.unlink(missing_ok=True)
    return target.stat().st_size


async def backup_database(url: str | URL | None, data_dir: Path, target: Path) -> int:
    """Write a copy to `target`; returns its size in bytes. Works from any process."""
    parsed = url if isinstance(url, URL) else database_url(url, data_dir)
    if parsed.get_backend_name() != "sqlite":
        raise BackupUnsupported(
            "this database is a server: back it up with `pg_dump --format=custom` "
            f"--dbname={parsed.set(drivername='postgresql').render_as_string(hide_password=True)}"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise BackupUnsupported("a database in memory has nothing to copy")
    return await asyncio.to_thread(_copy, Path(parsed.database), target)
