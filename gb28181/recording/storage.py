"""Where recordings lie: one interface, and the local disk behind it. Paths are relative, with `/`.

Every call may block and is made in a thread (`in_thread`), except `free`, which is quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from gb28181.errors import BadInput
from media.record.fragments import Layout, scan

T = TypeVar("T")


class StorageUnreachable(OSError):
    """The place does not answer, or does not let us in; what lies there is not lost."""


class Storage(Protocol):
    """A place that keeps files."""

    @property
    def threads(self) -> Executor | None:
        """Where calls are made; None: among all others of the process."""
        ...

    def size(self, path: str) -> int:
        """Bytes of a file; raises OSError when there is none."""
        ...

    def read(self, path: str, at: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end; raises OSError."""
        ...

    def layout(self, path: str) -> Layout:
        """What lies where in a file; raises OSError, StreamFormatError."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; one that is gone is no fault. Raises OSError."""
        ...

    def walk(self) -> Iterator[str]:
        """All recordings there are; raises OSError."""
        ...


class Disk(Storage, Protocol):
    """A place recordings are written to."""

    def cut(self, path: str, size: int) -> None:
        """Let a file end here; raises OSError."""
        ...

    def free(self) -> int:
        """Bytes that may still be written."""
        ...


async def in_thread(storage: Storage, call: Callable[..., T], *args: object) -> T:
    """Make a call that may block; raises StorageUnreachable when the platform is ending."""
    try:
        work = asyncio.get_running_loop().run_in_executor(storage.threads, call, *args)
    except RuntimeError as error:
        raise StorageUnreachable(str(error)) from error
    return await work


class LocalStorage:
    """A folder."""

    threads: Executor | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<LocalStorage {self.folder}>"

    def size(self, path: str) -> int:
        return self.file(path).stat().st_size

    def read(self, path: str, at: int, size: int) -> bytes:
        with self.file(path).open("rb") as file:
            file.seek(at)
            return file.read(size)

    def layout(self, path: str) -> Layout:
        return scan(lambda at, size: self.read(path, at, size), self.size(path))

    def delete(self, path: str) -> None:
        file = self.file(path)
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty yet
            file.parent.rmdir()
            file.parent.parent.rmdir()

    def cut(self, path: str, size: int) -> None:
        with self.file(path).open("r+b") as file:
            file.truncate(size)

    def walk(self) -> Iterator[str]:
        for file in sorted(self.folder.glob("*/*/*.mp4")):
            yield file.relative_to(self.folder).as_posix()

    def free(self) -> int:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free
        return 0

    def file(self, path: str) -> Path:
        """Raises BadInput for a path that leads out of the folder."""
        return self.folder / checked(path)


def checked(path: str) -> PurePosixPath:
    """Raises BadInput for a path that leads out of where it should."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise BadInput("no path of a recording")
    return pure
