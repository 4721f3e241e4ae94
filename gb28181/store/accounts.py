"""Users and API keys: who may ask the platform for anything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gb28181.store import rows
from gb28181.store.cipher import Cipher
from gb28181.store.errors import StoreUnavailable
from gb28181.store.passwords import Passwords
from gb28181.store.records import ApiKeyRecord, UserRecord
from gb28181.store.statements import Statements
from gb28181.store.writer import Writer


def key_digest(key: str) -> str:
    """How an API key is kept. Keys are long and random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


class Accounts:
    """All write-through."""

    def __init__(
        self,
        engine: AsyncEngine,
        statements: Statements,
        writer: Writer,
        cipher: Cipher,
        passwords: Passwords | None = None,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._writer = writer
        self._cipher = cipher
        self.passwords = passwords or Passwords()

    async def users(self) -> list[UserRecord]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.all["user"])
            return sorted((UserRecord(**row) for row in result.mappings()), key=lambda u: u.name)

    async def user(self, name: str) -> UserRecord | None:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.user_by_name, {"name": name})
            row = result.mappings().first()
            return None if row is None else UserRecord(**row)

    async def save_user(self, record: UserRecord) -> None:
        row = rows.to_row(record, self._cipher)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["user"], row)

        await self._writer.through(work)

    async def set_password(self, name: str, password: str, role: str = "admin") -> UserRecord:
        """Create the user, or give an existing one a new password (its role stays)."""
        password_hash = await self.passwords.hash(password)
        record = await self.user(name) or UserRecord(name, "", role)
        record.password_hash = password_hash
        await self.save_user(record)
        return record

    async def ensure_user(
        self, name: str, make_password: Callable[[], str], role: str = "admin"
    ) -> str | None:
        """Create the user when missing; returns the password it got, else None."""
        if await self.user(name) is not None:
            return None
        password = make_password()
        await self.set_password(name, password, role)
        return password

    async def verify(self, name: str, password: str) -> UserRecord | None:
        """The user when name and password fit and it is not disabled."""
        record = await self.user(name)
        fits = await self.passwords.verify(record.password_hash if record else None, password)
        return record if record is not None and fits and not record.disabled else None

    async def delete_user(self, name: str) -> bool:
        """Remove a user; False when there was none."""

        async def work(connection: AsyncConnection) -> bool:
            result = await connection.execute(self._statements.delete["user"], {"k_name": name})
            return result.rowcount > 0

        return bool(await self._writer.through(work))

    async def add_api_key(self, key_id: str, key: str, name: str, role: str) -> ApiKeyRecord:
        """Keep the digest of a key the caller made and shows once."""
        record = ApiKeyRecord(key_id, key_digest(key), name, role)
        row = rows.to_row(record, self._cipher)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.upsert["api_key"], row)

        try:
            await self._writer.through(work)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, IntegrityError):
                raise ValueError("this key is in use already") from error
            raise
        return record

    async def api_key(self, key: str) -> ApiKeyRecord | None:
        async with self._engine.connect() as connection:
            result = await connection.execute(
                self._statements.api_key_by_digest, {"digest": key_digest(key)}
            )
            row = result.mappings().first()
            return None if row is None else ApiKeyRecord(**row)

    async def api_keys(self) -> list[ApiKeyRecord]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._statements.all["api_key"])
            return [ApiKeyRecord(**row) for row in result.mappings()]

    async def delete_api_key(self, key_id: str) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            result = await connection.execute(
                self._statements.delete["api_key"], {"k_key_id": key_id}
            )
            return result.rowcount > 0

        return bool(await self._writer.through(work))
