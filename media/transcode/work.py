"""A stream of H.264 made of one of H.265, through the seam: a forward, a receiver, a process.

Works on every kind of node, because it asks for nothing a platform above and a camera could not ask
for. Whoever opens it closes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Callable
from typing import Final

from media.errors import MediaError
from media.node import MediaNode, MediaStarted, NodeEvent, ReceiverInfo, ReceiverSpec
from media.outgoing import ForwardInfo, ForwardSpec

FIRST_S: Final = 12.0
"""Time for the first picture, the start of the process included."""
END_S: Final = 3.0


class TranscodeFailed(MediaError):
    """No H.264 could be made of the stream."""


class Transcode:
    """One stream and its process."""

    def __init__(
        self, node: MediaNode, source_id: str, stream_id: str, host: str, on_end: Callable[[], None]
    ) -> None:
        """`host`: an address of this machine the node listens at."""
        self.stream_id = stream_id
        self.receiver: ReceiverInfo | None = None
        self._node = node
        self._source_id = source_id
        self._host = host
        self._on_end = on_end
        self._forward: ForwardInfo | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._closed = False

    async def start(self, opened: Callable[[str], None]) -> None:
        """Until there is a picture; `opened` hears of the receiver. Raises MediaError, OSError."""
        # A viewer until the process is one: a pull nobody looks at might end meanwhile.
        hold = self._node.open_viewer(self._source_id, "flv")
        try:
            await self._start(opened)
        finally:
            await hold.aclose()

    async def _start(self, opened: Callable[[str], None]) -> None:
        ssrc = secrets.randbits(31) | 1
        spec = ReceiverSpec(self.stream_id, "tcp-passive", ssrc, sources=(self._host,))
        self.receiver = await self._node.open_receiver(spec)
        opened(self.receiver.receiver_id)
        self._forward = await self._node.open_forward(
            ForwardSpec(self._source_id, "tcp-passive", ssrc, networks=(self._host,))
        )
        # -P: a folder named media where we happen to stand is not ours.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "media.transcode", self._host),
            *(str(self._forward.port), str(self.receiver.port), str(ssrc)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._waiting = asyncio.get_running_loop().create_task(self._wait(self._process))
        try:
            async with asyncio.timeout(FIRST_S):
                await self._started.wait()
        except TimeoutError:
            raise TranscodeFailed(f"no picture in {FIRST_S:.0f} s") from None
        if self._process.returncode is not None:
            raise TranscodeFailed("its process ended")

    def heard(self, event: NodeEvent) -> None:
        """An event of the node."""
        if isinstance(event, MediaStarted) and event.stream_id == self.stream_id:
            self._started.set()

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._started.set()
        if not self._closed:
            self._on_end()

    async def aclose(self, reason: str) -> None:
        """End all of it. Idempotent."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        forward, self._forward = self._forward, None
        receiver, self.receiver = self.receiver, None
        with contextlib.suppress(MediaError):  # it went with its worker
            if forward is not None:
                await self._node.close_forward(forward.forward_id, rest_s=END_S)
            if receiver is not None:
                await self._node.close_receiver(receiver.receiver_id, rest_s=END_S)
                await self._node.close_stream(self.stream_id, reason)
