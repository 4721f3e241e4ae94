"""The one task that writes: batches of pending rows, and write-throughs at once.

One writer means no lock fights inside SQLite and a plain order of things: a write-through first,
then the batch. Write-throughs that wait together share one transaction; if it fails, each is tried
alone so that one bad statement does not fail its neighbours. A batch that fails is given back and
tried again with a growing pause; a row the database can never take (an integrity or data error) is
dropped alone and reported, because keeping it would hold up all others for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store.cipher import Cipher
from gb28181.store.errors import StoreRefused, StoreUnavailable
from gb28181.store.pending import ORDER, Batch, Pending
from gb28181.store.rows import Row, times_of, to_row
from gb28181.store.statements import Statements
from gb28181.store.tables import metadata

Work = Callable[[AsyncConnection], Awaitable[Any]]
Failed = Callable[[int, str], None]
"""Told about a failed flush: rows concerned, reason."""

BATCH_ROWS = 2000
"""Rows of one transaction."""
STATEMENT_ROWS = 500
"""Rows of one statement; between two the loop serves others."""
MAX_PAUSE_S = 15.0
"""Longest pause between two attempts on a failing database."""

POISON = (StatementError, OverflowError, TypeError, ValueError)
"""What a bad value raises, among them errors that are no fault of the row (`_poisonous`)."""

_KEYS = {
    "run": metadata.tables["runs"],
    "device": metadata.tables["devices"],
    "registration": metadata.tables["registrations"],
    "refresh": metadata.tables["registrations"],
    "channel": metadata.tables["channels"],
    "interval": metadata.tables["intervals"],
    "subscription": metadata.tables["subscriptions"],
    "alarm": metadata.tables["alarms"],
    "position": metadata.tables["positions"],
}


@dataclass(slots=True, eq=False)
class _Through:
    work: Work
    done: asyncio.Future[Any]


@dataclass(slots=True)
class WriterCounters:
    """What the writer did since the start."""

    transactions: int = 0
    rows: int = 0
    failures: int = 0
    poisoned: int = 0
    """Rows the database refused for good."""


class Writer:
    """Owns all writing of one process."""

    def __init__(
        self,
        engine: AsyncEngine,
        statements: Statements,
        pending: Pending,
        cipher: Cipher,
        *,
        interval_s: float,
        failed: Failed,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._pending = pending
        self._cipher = cipher
        self._interval = interval_s
        self._failed = failed
        self._through: list[_Through] = []
        self._flushes: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._due: float | None = None
        self._pause = 0.0
        self._task: asyncio.Task[None] | None = None
        self.counters = WriterCounters()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store writer")

    def touched(self) -> None:
        """Something became pending: make sure a flush is due."""
        if self._due is None:
            self._due = asyncio.get_running_loop().time() + self._interval
            self._wake.set()

    async def through(self, work: Work) -> Any:
        """Run `work` in a transaction now; returns its result once committed."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._through.append(_Through(work, done))
        self._wake.set()
        return await done

    async def flush(self) -> None:
        """Return when everything pending now is on disk; raise when it cannot be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append(done)
        self._wake.set()
        await done

    async def aclose(self) -> None:
        """Stop the task; what was not flushed before stays unwritten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for waiting in [item.done for item in self._through] + self._flushes:
            if not waiting.done():
                waiting.set_exception(StoreUnavailable("the store is closed"))
        self._through.clear()
        self._flushes.clear()

    # --- the task ---------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._sleep()
            if self._through:
                await self._run_through()
            if self._flushes or (self._due is not None and loop.time() >= self._due):
                await self._flush_all()

    async def _sleep(self) -> None:
        """Wait for a write-through, a flush that was asked for, or the time of the next batch."""
        if self._through or self._flushes:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._due):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _run_through(self) -> None:
        items, self._through = self._through, []
        try:
            results = await self._transact(items)
        except Exception as error:
            if len(items) == 1:
                _fail(items[0].done, error)
                return
            for item in items:
                try:
                    _settle(item.done, (await self._transact([item]))[0])
                except Exception as alone:
                    _fail(item.done, alone)
        else:
            for item, result in zip(items, results, strict=True):
                _settle(item.done, result)

    async def _transact(self, items: list[_Through]) -> list[Any]:
        async with self._engine.begin() as connection:
            return [await item.work(connection) for item in items]

    async def _flush_all(self) -> None:
        waiting, self._flushes = self._flushes, []
        self._due = None
        error: Exception | None = None
        while len(self._pending) and error is None:
            batch = self._pending.take(BATCH_ROWS)
            try:
                await self._write(batch)
            except Exception as failure:
                self._pending.give_back(batch)
                error = failure
            except BaseException:
                self._pending.give_back(batch)
                raise
            if self._through:
                await self._run_through()
        if error is None:
            self._pause = 0.0
            for done in waiting:
                _settle(done, None)
            return
        self.counters.failures += 1
        self._failed(len(self._pending), _reason(error))
        self._pause = min(MAX_PAUSE_S, max(self._interval, 2 * self._pause))
        self._due = asyncio.get_running_loop().time() + self._pause
        for done in waiting:
            _fail(done, error)

    async def _write(self, batch: Batch) -> None:
        plan = self._plan(batch)
        try:
            async with self._engine.begin() as connection:
                for statement, rows in plan:
                    await connection.execute(statement, rows)
        except POISON as error:
            if not _poisonous(error):
                raise
            await self._write_singly(plan)
        self.counters.transactions += 1
        self.counters.rows += len(batch)

    def _plan(self, batch: Batch) -> list[tuple[Any, list[Row]]]:
        """Statements with at most `STATEMENT_ROWS` rows each: deletions first, then upserts."""
        plan: list[tuple[Any, list[Row]]] = []
        for kind in ORDER:
            names = [f"k_{column.name}" for column in _KEYS[kind].primary_key.columns]
            gone = [dict(zip(names, key, strict=True)) for key in batch.deletes(kind)]
            plan += [(self._statements.delete[kind], part) for part in _parts(gone)]
        for kind in ORDER:
            values = batch.puts(kind)
            if kind == "refresh":
                times = [times_of(value) for value in values]
                plan += [(self._statements.refresh, part) for part in _parts(times)]
                continue
            rows = [to_row(value, self._cipher) for value in values if value is not None]
            plan += [(self._statements.upsert[kind], part) for part in _parts(rows)]
        return plan

    async def _write_singly(self, plan: list[tuple[Any, list[Row]]]) -> None:
        """The batch holds a row that cannot be stored: find it, drop it, keep the others."""
        for statement, rows in plan:
            for row in rows:
                try:
                    async with self._engine.begin() as connection:
                        await connection.execute(statement, row)
                except POISON as error:
                    if not _poisonous(error):
                        raise
                    self.counters.poisoned += 1
                    self._failed(1, f"dropped for good: {_reason(error)}")


def _parts(rows: list[Row]) -> list[list[Row]]:
    return [rows[at : at + STATEMENT_ROWS] for at in range(0, len(rows), STATEMENT_ROWS)]


def _poisonous(error: Exception) -> bool:
    """The row is at fault, not the database: trying again cannot help. In doubt: the database.

    A plain `StatementError` is a value that could not be bound, a bare `OverflowError` comes from
    sqlite3. asyncpg's refusal of an argument is a `ValueError` below a plain `DBAPIError`; other
    plain ones are the server's troubles, unless their class is 22 (bad data) or 23 (constraint).
    """
    if not isinstance(error, DBAPIError):
        return True
    if error.connection_invalidated or isinstance(error, IntegrityError | DataError):
        return not error.connection_invalidated
    if type(error) is not DBAPIError or error.orig is None:
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in ("22", "23") or isinstance(error.orig.__cause__, ValueError)


def _reason(error: Exception) -> str:
    """The database's own words, without the statement and its parameters (they hold secrets)."""
    cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    return f"{type(cause).__name__}: {cause}"[:200]


def _settle(done: asyncio.Future[Any], result: Any) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        refused = isinstance(error, POISON) and _poisonous(error)
        unavailable = (StoreRefused if refused else StoreUnavailable)(_reason(error))
        unavailable.__cause__ = error
        done.set_exception(unavailable)
