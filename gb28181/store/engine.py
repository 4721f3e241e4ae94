"""From a database URL to an async engine with the settings each database needs.

SQLite runs in WAL mode (readers do not stop the writer, a killed process loses nothing that was
committed) with `synchronous=normal`; the mode is a property of the file and is set once, by
`migrate.py`. PostgreSQL is checked before each use of a pooled connection.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DATABASE_FILE = "gb28181.sqlite3"
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def database_url(url: str | None, data_dir: Path) -> URL:
    """The URL with our driver; none given means SQLite in the data directory."""
    if not url:
        return URL.create("sqlite+aiosqlite", database=str(data_dir / DATABASE_FILE))
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    parsed = make_url(url)
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _dump(value: Any) -> str:
    """JSON text; the empty values most rows hold take the short way."""
    if not value:
        if value == {}:
            return "{}"
        if value == []:
            return "[]"
    return _encode(value)


def create_engine(url: URL, *, busy_timeout_ms: int = 5000) -> AsyncEngine:
    """An engine; nothing is connected yet."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url, json_serializer=_dump, pool_pre_ping=True, pool_size=4, max_overflow=4
        )
    engine = create_async_engine(url, json_serializer=_dump)

    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={busy_timeout_ms}",
            "synchronous=normal",
            "foreign_keys=on",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", set_pragmas)
    return engine
