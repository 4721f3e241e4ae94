"""Records a stream in segment files, off the loop: the shell around `cutter.py`.

What the cutter gives is collected and performed in its order by one thread for all recordings of a
process. A disk that is full or too slow ends the recording with a reason, and what is whole of the
file stays; the stream goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from media.record.cutter import Closed, Cutter, Opened, Out, Written
from media.record.segment import (
    SegmentClosed,
    SegmentEvent,
    SegmentOpened,
    SegmentsFailed,
    SegmentsInfo,
    SegmentSpec,
)
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat

BACKLOG = 32 << 20
"""Bytes of one stream that wait for the disk before it is called too slow."""
MOST_NAMES = 100
"""Files that may begin in the same millisecond."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(slots=True)
class _File:
    """The file that grows; touched by the thread only."""

    path: str
    file: BinaryIO
    start: float
    end: float
    size: int
    ticks: int = 0
    pictures: int = 0


class SegmentRecorder:
    """One stream on its way to the disk; a sink of `media.hub`."""

    def __init__(
        self,
        stream_id: str,
        spec: SegmentSpec,
        thread: ThreadPoolExecutor,
        tell: Callable[[SegmentEvent], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError for a zone nobody knows."""
        self.stream_id = stream_id
        self.failure: str | None = None
        self._spec = spec
        self._folder = Path(spec.folder)
        self._zone = _zone(spec.zone)
        self._cutter = Cutter(spec.seconds)
        self._thread = thread
        self._tell = tell
        self._clock = clock
        self._waiting: list[Out] = []
        self._bytes = 0
        self._work: asyncio.Task[None] | None = None
        self._file: _File | None = None
        self._segments = 0
        self._size = 0
        self._ticks = 0

    def __repr__(self) -> str:
        return f"<SegmentRecorder {self.stream_id} {self._segments} segments {self._size} bytes>"

    # --- what the hub gives ------------------------------------------------------------------

    def set_format(self, video: VideoFormat | None, sound: AudioFormat | None) -> None:
        self._take(self._cutter.set_format(video, sound, self._clock()))

    def begin(self, units: list[AccessUnit]) -> None:
        """The units since the last key frame."""
        self._take(self._cutter.begin(units, self._clock()))

    def push(self, unit: AccessUnit) -> None:
        if self.failure is not None:
            return
        outs = self._cutter.push(unit, self._clock())
        if outs:
            self._take(outs)

    def interrupt(self) -> None:
        self._take(self._cutter.interrupt(self._clock()))

    def tick(self) -> None:
        """Once a second."""
        self._take(self._cutter.tick(self._clock()))

    # --- towards the disk --------------------------------------------------------------------

    @property
    def info(self) -> SegmentsInfo:
        file = self._file
        return SegmentsInfo(
            self.stream_id,
            self._segments,
            self._size,
            self._ticks / CLOCK_HZ,
            None if file is None else file.path,
            0.0 if file is None else file.start,
            0.0 if file is None else file.end,
            0 if file is None else file.size,
            self.failure,
        )

    async def prepare(self) -> None:
        """See that the folder can be written to; raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._thread, lambda: self._folder.mkdir(parents=True, exist_ok=True)
        )

    async def aclose(self) -> None:
        """Write what waits, close the file. Idempotent."""
        self._take(self._cutter.close(self._clock()))
        while self._work is not None:
            await asyncio.wait({self._work})

    def _take(self, outs: list[Out]) -> None:
        if not outs or self.failure is not None:
            return
        self._waiting += outs
        self._bytes += sum(len(out.data) for out in outs if not isinstance(out, Closed))
        if self._bytes > BACKLOG:
            self._fail("the disk is too slow", full=False)
            self._waiting = [Closed(0.0, 0, b"", "the disk is too slow")]
            self._bytes = 0
        if self._work is None:
            self._begin_work()

    def _begin_work(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._perform())
        self._work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        self._work = None
        if not work.cancelled() and work.exception() is not None:
            self._fail(repr(work.exception()), full=False)
        elif self._waiting:  # came between the last look and here
            self._begin_work()

    async def _perform(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            outs, self._waiting, self._bytes = self._waiting, [], 0
            told, error = await loop.run_in_executor(self._thread, self._write, outs)
            for one in told:
                self._tell(one)
            if error is not None:
                self._waiting.clear()
                self._fail(error.strerror or str(error), full=error.errno in _FULL)

    def _fail(self, reason: str, *, full: bool) -> None:
        if self.failure is None:
            self.failure = reason
            self._tell(SegmentsFailed(self.stream_id, reason, full))

    # --- in the thread -----------------------------------------------------------------------

    def _write(self, outs: list[Out]) -> tuple[list[SegmentEvent], OSError | None]:
        told: list[SegmentEvent] = []
        try:
            for out in outs:
                match out:
                    case Opened():
                        told.append(self._open(out))
                    case Written():
                        self._append(out)
                    case Closed():
                        told += self._close(out)
        except OSError as error:
            told += self._rescue(error)
            return told, error
        return told, None

    def _open(self, out: Opened) -> SegmentOpened:
        self._rescue(None)
        path, file = self._create(out.start)
        self._file = _File(path, file, out.start, out.start, 0)
        self._segments += 1
        file.write(out.data)
        file.flush()
        self._file.size = len(out.data)
        self._size += len(out.data)
        return SegmentOpened(
            self.stream_id,
            path,
            out.start,
            "" if out.video is None else _words(out.video),
            "" if out.audio is None else out.audio.codec.value,
        )

    def _create(self, start: float) -> tuple[str, BinaryIO]:
        at = datetime.fromtimestamp(start, self._zone)
        name = f"{at:%H%M%S}-{at.microsecond // 1000:03}"
        folder = f"{at:%Y-%m-%d}/{self._spec.name}"
        (self._folder / folder).mkdir(parents=True, exist_ok=True)
        for number in range(MOST_NAMES):
            path = f"{folder}/{name}{f'-{number}' if number else ''}.mp4"
            try:
                return path, (self._folder / path).open("xb")
            except FileExistsError:
                continue
        raise FileExistsError(errno.EEXIST, "too many files of one name", str(self._folder / path))

    def _append(self, out: Written) -> None:
        file = self._file
        if file is None:
            return
        file.file.write(out.data)
        file.file.flush()
        file.size += len(out.data)
        self._size += len(out.data)
        self._ticks += out.ticks - file.ticks
        file.end, file.ticks = out.end, out.ticks
        file.pictures += out.pictures

    def _close(self, out: Closed) -> list[SegmentEvent]:
        file, self._file = self._file, None
        if file is None:
            return []
        try:
            if out.index:
                file.file.seek(out.at)
                file.file.write(out.index)
        finally:
            file.file.close()
        return self._closed(file, out.reason)

    def _rescue(self, error: OSError | None) -> list[SegmentEvent]:
        """After a failure: keep what is whole of the file."""
        file, self._file = self._file, None
        if file is None:
            return []
        with contextlib.suppress(OSError):  # what it still had to write is what failed
            file.file.close()
        with (
            contextlib.suppress(OSError),  # uncut, it is read up to its last whole fragment
            (self._folder / file.path).open("r+b") as again,
        ):
            again.truncate(file.size)
        return self._closed(file, "" if error is None else error.strerror or str(error))

    def _closed(self, file: _File, reason: str) -> list[SegmentEvent]:
        if not file.ticks:
            (self._folder / file.path).unlink(missing_ok=True)  # nothing but a header
        seconds = file.ticks / CLOCK_HZ
        return [
            SegmentClosed(
                *(self.stream_id, file.path, file.start, file.end),
                *(file.size, seconds, file.pictures, reason),
            )
        ]


def _words(video: VideoFormat) -> str:
    return f"{video.codec.value} {video.width}x{video.height}"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"no time zone {name}") from error
