"""The files of downloads: spools that grow, MP4s that are finished, and the room for both."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SUFFIXES = (".spool", ".mp4", ".part")


class NotMade(Exception):
    """No file could be made of a spool."""


@dataclass(slots=True)
class Maker:
    """The process that makes one file."""

    process: asyncio.subprocess.Process

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    async def made(self) -> dict[str, Any]:
        """What the file is; raises NotMade."""
        out, complaint = await self.process.communicate()
        if self.process.returncode != 0:
            raise NotMade(complaint.decode("utf-8", "replace").strip()[-300:])
        told: dict[str, Any] = json.loads(out)
        return told


class Files:
    """One folder, named by download id."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve

    def spool(self, download_id: str) -> Path:
        return self._folder / f"{download_id}.spool"

    def target(self, download_id: str) -> Path:
        return self._folder / f"{download_id}.mp4"

    def has_room(self) -> bool:
        """Whether the disk has more than the reserve."""
        try:
            return shutil.disk_usage(self._folder).free > self._reserve
        except OSError:
            return False

    async def prepare(self, download_ids: Iterable[str]) -> None:
        """Make the folder, remove files of nobody. Only while nothing is ordered: later a new file
        could be taken for a stray one."""
        known = {path.name for one in download_ids for path in (self.spool(one), self.target(one))}
        await asyncio.to_thread(_sweep, self._folder, known)

    async def size(self, download_id: str) -> int:
        """Bytes of the spool."""
        return await asyncio.to_thread(_size, self.spool(download_id))

    async def remove(self, download_id: str) -> None:
        await self.remove_spool(download_id)
        await asyncio.to_thread(self.target(download_id).unlink, missing_ok=True)

    async def remove_spool(self, download_id: str) -> None:
        await asyncio.to_thread(self.spool(download_id).unlink, missing_ok=True)

    async def make(self, download_id: str) -> Maker:
        """Begin to make the file: reading and writing at full speed is for another process."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "media.record.mp4",
            str(self.spool(download_id)),
            str(self.target(download_id)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return Maker(process)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sweep(folder: Path, known: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in known and path.suffix in _SUFFIXES:
            path.unlink(missing_ok=True)
