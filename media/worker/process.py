"""The process of a worker: started with one end of a socket pair, ended by closing the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

END_S = 3.0
"""A worker that was hung up on may take so long to let go before it is killed."""


class WorkerProcess:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls) -> tuple[WorkerProcess, socket.socket]:
        """The process and our end of its link; raises OSError.

        Called from the main thread: the worker dies with the thread that started it.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                # -P: a folder named media where we happen to stand is not ours.
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "media.worker", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError:
                ours.close()
                raise
        return cls(process), ours

    async def end(self) -> None:
        """Wait until it is gone; the link is closed already."""
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
