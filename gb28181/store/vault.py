"""Secrets the platform made or was given: device default password, nonce key, token key.

Every value is encrypted with the key file of the data directory. `ensure` is safe when several
processes start together: who comes second reads what the first one wrote.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store.cipher import Cipher
from gb28181.store.errors import StoreError
from gb28181.store.statements import Statements
from gb28181.store.writer import Writer


class Vault:
    """Key -> encrypted text."""

    def __init__(
        self, engine: AsyncEngine, statements: Statements, writer: Writer, cipher: Cipher
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._writer = writer
        self._cipher = cipher

    async def get(self, key: str) -> str | None:
        """The secret, or None; a key file that does not fit is an error, not an absence."""
        async with self._engine.connect() as connection:
            token = await connection.scalar(self._statements.kv_by_key, {"key": key})
        if token is None:
            return None
        value = self._cipher.decrypt(token)
        if value is None:
            raise StoreError(
                f"the secret {key!r} was encrypted with another key: put back the secrets.key "
                "that belongs to this database"
            )
        return value

    async def put(self, key: str, value: str) -> None:
        row = {"key": key, "value": self._cipher.encrypt(value)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["kv"], row)

        await self._writer.through(work)

    async def ensure(self, key: str, make: Callable[[], str]) -> tuple[str, bool]:
        """The secret, made when missing; and whether it was made now."""
        present = await self.get(key)
        if present is not None:
            return present, False
        made = make()
        row = {"key": key, "value": self._cipher.encrypt(made)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.insert_kv, row)

        await self._writer.through(work)
        stored = await self.get(key)
        assert stored is not None, "a row just written is gone"
        return stored, stored == made
