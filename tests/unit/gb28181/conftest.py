"""Fixtures: each test of the store on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from gb28181.store import Store, StoreOptions
from tests.unit.gb28181.store_support import postgresql

OPTIONS = StoreOptions(flush_interval_s=0.02, alive_interval_s=0.02)


@pytest.fixture(scope="session")
def server() -> Iterator[str | None]:
    try:
        with postgresql() as url:
            yield url
    except (OSError, subprocess.SubprocessError):
        yield None


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    server: str | None = request.getfixturevalue("server")
    if server is None:
        pytest.skip("PostgreSQL cannot be started here")
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    async with admin.connect() as connection:
        await connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


@pytest.fixture
async def store(url: str | None, tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(url, tmp_path, OPTIONS)
    yield opened
    await opened.aclose()
