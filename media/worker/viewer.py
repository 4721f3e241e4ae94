"""A viewer of a worker's stream as the node's side sees it; see `media.node.Viewer`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable


class WorkerViewer:
    """Chunks as the worker sends them. It holds what the credit allows and no more."""

    def __init__(
        self,
        number: int,
        ask_bytes: int,
        more: Callable[[int], None],
        leave: Callable[[WorkerViewer], None],
    ) -> None:
        """`more` is called whenever about `ask_bytes` were read."""
        self.number = number
        self.remote = ""
        self.dropped_frames = 0
        self.bytes_out = 0
        self.end_reason: str | None = None
        self._ask_bytes = ask_bytes
        self._more = more
        self._leave = leave
        self._chunks: deque[bytes] = deque()
        self._read = 0
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def push(self, chunk: bytes) -> None:
        """The worker sent something."""
        if not self._closed:
            self._chunks.append(chunk)
            self._wake()

    def end(self, reason: str, *, discard: bool = False) -> None:
        """The stream ends for this viewer; what came before is still read, unless discarded."""
        if discard:
            self._chunks.clear()
        if self.end_reason is None:
            self.end_reason = reason
        self._wake()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self.end_reason is not None:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("a viewer has one reader")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._chunks.popleft()
        self.bytes_out += len(chunk)
        self._read += len(chunk)
        if self._read >= self._ask_bytes:
            self._more(self._read)
            self._read = 0
        return chunk

    async def aclose(self) -> None:
        """Stop looking. Idempotent."""
        if not self._closed:
            self._closed = True
            self._chunks.clear()
            self.end("closed")
            self._leave(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
