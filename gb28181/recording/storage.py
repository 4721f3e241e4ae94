"""Where recordings lie: one interface, and the local disk behind it. Paths are relative, with `/`.

Every call may block and is made in a thread, except `free`, which is quick.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from gb28181.errors import BadInput
from media.record.fragments import Layout, scan


class Storage(Protocol):
    """A place that keeps files."""

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

    def cut(self, path: str, size: int) -> None:
        """Let a file end here; raises OSError."""
        ...

    def walk(self) -> Iterator[str]:
        """All recordings there are."""
        ...

    def free(self) -> int:
        """Bytes that may still be written."""
        ...


class LocalStorage:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<LocalStorage {self.folder}>"

    def size(self, path: str) -> int:
        return self._of(path).stat().st_size

    def read(self, path: str, at: int, size: int) -> bytes:
        with self._of(path).open("rb") as file:
            file.seek(at)
            return file.read(size)

    def layout(self, path: str) -> Layout:
        return scan(lambda at, size: self.read(path, at, size), self.size(path))

    def delete(self, path: str) -> None:
        file = self._of(path)
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty yet
            file.parent.rmdir()
            file.parent.parent.rmdir()

    def cut(self, path: str, size: int) -> None:
        with self._of(path).open("r+b") as file:
            file.truncate(size)

    def walk(self) -> Iterator[str]:
        for file in sorted(self.folder.glob("*/*/*.mp4")):
            yield file.relative_to(self.folder).as_posix()

    def free(self) -> int:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free
        return 0

    def _of(self, path: str) -> Path:
        """Raises BadInput for a path that leads out of the folder."""
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise BadInput("no path of a recording")
        return self.folder / pure
