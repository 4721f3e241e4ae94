"""The local disk and the store behind it as one place: a file is where it is found, here first.

Recordings are written here; `mover` brings whole ones to the store and frees them here. Which of
the two has a file is also in the index, for counting; reading asks nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor

from media.record.fragments import Layout

from .bucket import Bucket
from .storage import LocalStorage

LOCAL, STORE = "local", "store"
"""Where the index says a file is."""


class Places:
    """`storage.Disk` over both."""

    def __init__(self, local: LocalStorage, bucket: Bucket | None) -> None:
        self.local = local
        self.bucket = bucket
        self._moving: set[str] = set()

    def __repr__(self) -> str:
        return f"<Places {self.local!r} {self.bucket!r}>"

    @property
    def threads(self) -> Executor | None:
        """A store that hangs must not hold up what else needs a thread."""
        return None if self.bucket is None else self.bucket.threads

    @property
    def names(self) -> tuple[str, ...]:
        """What can be reached of the two."""
        return (LOCAL,) if self.bucket is None else (LOCAL, STORE)

    @property
    def trouble(self) -> str:
        """Why nothing is brought to the store; empty: there is none, or it takes files."""
        return "" if self.bucket is None else self.bucket.trouble

    def size(self, path: str) -> int:
        try:
            return self.local.size(path)
        except FileNotFoundError:
            if self.bucket is None:
                raise
        return self.bucket.size(path)

    def read(self, path: str, at: int, size: int) -> bytes:
        try:
            return self.local.read(path, at, size)
        except FileNotFoundError:
            if self.bucket is None:
                raise
        return self.bucket.read(path, at, size)

    def layout(self, path: str) -> Layout:
        try:
            return self.local.layout(path)
        except FileNotFoundError:
            if self.bucket is None:
                raise
        return self.bucket.layout(path)

    def delete(self, path: str) -> None:
        self.drop(path, is_lost=False)

    def drop(self, path: str, *, is_lost: bool) -> None:
        """Remove a file where it is. One that was lost is nowhere: the store, which may be away, is
        not asked about it."""
        is_here = self.local.file(path).exists()
        self.local.delete(path)
        is_there = path in self._moving or not (is_here or is_lost)
        if self.bucket is not None and is_there:
            self.bucket.delete(path)

    def cut(self, path: str, size: int) -> None:
        self.local.cut(path, size)

    def walk(self) -> Iterator[str]:
        yield from self.local.walk()
        if self.bucket is not None:
            yield from self.bucket.walk()

    def free(self) -> int:
        return self.local.free()

    @contextlib.contextmanager
    def moving(self, path: str) -> Iterator[None]:
        """While this lasts, the file may be at both places."""
        self._moving.add(path)
        try:
            yield
        finally:
            self._moving.discard(path)
