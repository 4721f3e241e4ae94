"""Where pictures are decoded: few processes, a short queue, and an end to everything.

A process is started when one is needed and none is free, ended when nothing was asked of it for a
while, and killed when a picture takes too long. What a hostile picture can cost is a process that
is started anew; neither signalling nor live pictures notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Final

from media.errors import MediaError
from media.still.picture import BadPicture, NoKeyFrame, Picture
from media.still.wire import ANSWER, MOST_BYTES, QUESTION, Came, Want

WORK_S: Final = 8.0
"""Time for one picture, the start of a process included."""
WAIT_S: Final = 8.0
"""Longest wait for a free process."""
IDLE_S: Final = 60.0
"""A process nothing is asked of for so long is ended."""
MOST_WAITING: Final = 32
"""Pictures that wait for a process; the next one is refused."""


class StudioBusy(MediaError):
    """Too many pictures are wanted at one time."""


class Studio:
    """One per node."""

    def __init__(
        self, most: int = 2, *, work_s: float = WORK_S, command: tuple[str, ...] | None = None
    ) -> None:
        """`most`: processes at one time. `command`: what is started, for tests."""
        self._places = asyncio.Semaphore(most)
        self._work_s = work_s
        # -P: a folder named media where we happen to stand is not ours.
        self._command = command or (sys.executable, "-P", "-m", "media.still")
        self._free: list[_Process] = []
        self._busy: set[_Process] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False
        self.on_lost: Callable[[str], None] = _nobody
        """A process died or was killed over a picture, and why."""

    def __repr__(self) -> str:
        return f"<Studio busy={len(self._busy)} free={len(self._free)} waiting={self._waiting}>"

    @property
    def processes(self) -> int:
        """How many there are now."""
        return len(self._free) + len(self._busy)

    async def still(self, flv: bytes, most_pixels: int, width: int = 0) -> Picture:
        """The first key frame of an FLV stream as JPEG, at most `width` wide if that is not 0.

        Raises NoKeyFrame, BadPicture, StudioBusy.
        """
        return await self._ask(Want.STILL, flv, most_pixels, width)

    async def proof(self, jpeg: bytes, most_pixels: int) -> Picture:
        """The picture, which really is one.  Raises BadPicture, StudioBusy."""
        return await self._ask(Want.PROOF, jpeg, most_pixels, 0)

    async def aclose(self) -> None:
        """End all processes. Idempotent."""
        self._closed = True
        for process in (*self._free, *self._busy):
            self._end(process)
        self._free.clear()
        if self._ending:
            await asyncio.wait(list(self._ending))

    async def _ask(self, want: Want, body: bytes, most_pixels: int, width: int) -> Picture:
        if len(body) > MOST_BYTES:
            raise BadPicture(f"{len(body)} bytes")
        await self._place()
        try:
            return await self._work(want, body, most_pixels, width)
        finally:
            self._places.release()

    async def _place(self) -> None:
        if self._closed or self._waiting >= MOST_WAITING:
            raise StudioBusy(f"{self._waiting} pictures wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise StudioBusy(f"no process was free for {WAIT_S:.0f} s") from None
        finally:
            self._waiting -= 1

    async def _work(self, want: Want, body: bytes, most_pixels: int, width: int) -> Picture:
        process: _Process | None = None
        try:
            async with asyncio.timeout(self._work_s):
                process = self._free.pop() if self._free else await _Process.start(self._command)
                process.wake()
                self._busy.add(process)
                came, picture = await process.ask(want, body, most_pixels, width)
        except TimeoutError:
            self._lose(process, f"a picture of {len(body)} bytes took over {self._work_s:g} s")
            raise BadPicture("it takes too long to decode") from None
        except (OSError, EOFError) as error:
            self._lose(process, f"died over a picture of {len(body)} bytes: {error}")
            raise BadPicture("it breaks the decoder") from None
        except BaseException:
            self._lose(process, "")
            raise
        self._busy.discard(process)
        if self._closed:
            self._end(process)
        else:
            self._free.append(process)
            process.idle(IDLE_S, self._tired)
        if came is Came.NO_KEY_FRAME:
            raise NoKeyFrame(picture.data.decode("utf-8", "replace"))
        if came is Came.BAD_PICTURE:
            raise BadPicture(picture.data.decode("utf-8", "replace"))
        return picture

    def _tired(self, process: _Process) -> None:
        if process in self._free:
            self._free.remove(process)
            self._end(process)

    def _lose(self, process: _Process | None, reason: str) -> None:
        """A process that is in the middle of something is of no use any more."""
        if process is not None:
            self._busy.discard(process)
            self._end(process)
        if reason and not self._closed:
            self.on_lost(reason)

    def _end(self, process: _Process) -> None:
        task = asyncio.get_running_loop().create_task(process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Process:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, command: tuple[str, ...]) -> _Process:
        """Raises OSError."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        )

    async def ask(
        self, want: Want, body: bytes, most_pixels: int, width: int
    ) -> tuple[Came, Picture]:
        """Raises OSError, EOFError when it dies over it."""
        self._stdin.write(QUESTION.pack(want, width, most_pixels, len(body)) + body)
        await self._stdin.drain()
        head = await self._stdout.readexactly(ANSWER.size)
        came, wide, high, size = ANSWER.unpack(head)
        if size > MOST_BYTES:
            raise OSError(f"an answer of {size} bytes")
        return Came(came), Picture(await self._stdout.readexactly(size), wide, high)

    def idle(self, after_s: float, tired: Callable[[_Process], None]) -> None:
        """Nothing is asked of it from here on."""
        self._timer = asyncio.get_running_loop().call_later(after_s, tired, self)

    def wake(self) -> None:
        """Something is asked of it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def end(self) -> None:
        """Kill it and wait until it is gone: it holds nothing that would have to be kept."""
        self.wake()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _nobody(_: str) -> None:
    """Nobody wants to know."""
