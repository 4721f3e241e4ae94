"""Writes a stream into a spool file, off the loop: one thread for all recordings of a process.

What comes is encoded at once and collected; some times a second the thread appends it. A disk that
is full or too slow ends the recording with a reason; the stream goes on. A file that is there
already is continued behind its last whole entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from media.node import RecordingInfo
from media.record.spool import MAGIC, Break, Entry, Reader, Tally, encode
from media.unit import AccessUnit

WRITE_S = 0.25
BACKLOG = 64 << 20
"""Bytes that wait for the disk before it is called too slow."""
CHUNK = 1 << 20


class Recorder:
    """One recording."""

    def __init__(
        self, path: str, thread: ThreadPoolExecutor, on_failed: Callable[[str], None]
    ) -> None:
        self.path = path
        self.failure: str | None = None
        self.size = 0
        self._tally = Tally()
        self._thread = thread
        self._on_failed = on_failed
        self._file: BinaryIO | None = None
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[int] | None = None
        self._silent = True

    def __repr__(self) -> str:
        return f"<Recorder {self.path} {self.size} bytes {self.seconds:.1f} s>"

    @property
    def units(self) -> int:
        return self._tally.units

    @property
    def seconds(self) -> float:
        """Recorded time in the file, and in what waits for the disk."""
        return self._tally.seconds

    async def open(self) -> None:
        """Open or continue the file; raises OSError."""
        loop = asyncio.get_running_loop()
        self._file, self.size = await loop.run_in_executor(self._thread, self._open)
        if self._tally.units:
            self._silent = False
            self.take(Break())

    def _open(self) -> tuple[BinaryIO, int]:
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
        try:
            reader = Reader()
            file.seek(0)
            while data := file.read(CHUNK):
                for entry in reader.feed(data):
                    self._tally.add(entry)
            file.truncate(reader.whole)
            if not reader.whole:
                file.write(MAGIC)
                file.flush()
        except BaseException:
            file.close()
            raise
        return file, max(reader.whole, len(MAGIC))

    def take(self, entry: Entry) -> None:
        """One entry, in the loop."""
        if self.failure is not None or self._file is None:
            return
        if isinstance(entry, Break):
            if self._silent:
                return  # nothing came since the last one
            self._silent = True
        elif isinstance(entry, AccessUnit):
            self._silent = False
        self._tally.add(entry)
        data = encode(entry)
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes > BACKLOG:
            self._fail("the disk is too slow")
        elif self._timer is None and self._writing is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_S, self._write)

    def _write(self) -> None:
        self._timer = None
        file, data = self._file, b"".join(self._waiting)
        if file is None or not data:
            return
        self._waiting.clear()
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._thread, _append, file, data)
        self._writing.add_done_callback(lambda done: self._wrote(done, len(data)))

    def _wrote(self, done: asyncio.Future[int], size: int) -> None:
        self._writing = None
        self._bytes -= size
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._fail(str(error))
            return
        self.size += size
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_S, self._write)

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            self._waiting.clear()
            self._on_failed(reason)

    async def aclose(self) -> None:
        """Write what waits, close the file. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._writing is not None:
            await asyncio.wait({self._writing})
        file, self._file = self._file, None
        if file is None:
            return
        data = b"".join(self._waiting) if self.failure is None else b""
        self._waiting.clear()
        loop = asyncio.get_running_loop()
        try:
            self.size += await loop.run_in_executor(self._thread, _finish, file, data)
        except OSError as error:
            self._fail(str(error))


def _append(file: BinaryIO, data: bytes) -> int:
    file.write(data)
    file.flush()
    return len(data)


def _finish(file: BinaryIO, data: bytes) -> int:
    try:
        return _append(file, data) if data else 0
    finally:
        file.close()


def told(stream_id: str, recorder: Recorder) -> RecordingInfo:
    """A recording as it stands."""
    return RecordingInfo(
        stream_id,
        recorder.path,
        recorder.size,
        recorder.units,
        recorder.seconds,
        recorder.failure,
    )
