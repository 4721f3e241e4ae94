"""One viewer of a stream: a bounded queue that drops to the next key frame, and its reader.

The producer never waits.  A chunk that does not fit is not queued, and neither is any behind it:
what the viewer has got so far stays decodable.  At the next key frame everything still queued
goes too, and the viewer continues there, at the live end.  A single offer is always taken when
the queue is empty, so that a key frame larger than the bound cannot lock a viewer out; the first
burst (header and the pictures since the last key frame) does not count against the bound.

`ViewerQueue` is the rule, without a loop; `StreamViewer` adds the waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum, auto

from media.node import InitSegment, Sound

MAX_READ_BYTES = 256 * 1024
"""What is queued is read in pieces of about this size: one write for sound and picture."""


class ViewerState(Enum):
    """Where a viewer stands in the stream."""

    WAITING = auto()
    """It has got nothing yet."""
    LIVE = auto()
    """It gets every chunk."""
    SKIPPING = auto()
    """It was too slow and waits for the next key frame."""


class ViewerQueue:
    """Chunks on their way to one viewer, at most `max_bytes` of them."""

    __slots__ = (
        "_burst",
        "_chunks",
        "_heads",
        "_max_bytes",
        "bytes_out",
        "dropped",
        "format_version",
        "opened",
        "overflows",
        "size",
        "state",
    )

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: deque[bytes] = deque()
        self._burst = 0  # bytes of the first burst not read yet
        self._heads = 0  # chunks queued that hold headers, not frames
        self.state = ViewerState.WAITING
        self.size = 0
        self.opened = False
        """The container header was read: it must not come again."""
        self.format_version = 0
        """Which sequence headers the viewer has, or will have when it has read all; 0 = none."""
        self.bytes_out = 0
        self.dropped = 0
        """Frames not handed out."""
        self.overflows = 0

    def __len__(self) -> int:
        return len(self._chunks)

    def start(self, head: bytes, frames: Sequence[bytes], version: int) -> None:
        """The viewer is live from here on: headers it lacks, if any, and a key frame first.

        All of it is taken.  The first burst does not count against the bound until it was read.
        """
        first = self.state is ViewerState.WAITING
        if head:
            self.offer_format(head, version)
        for frame in frames:
            self._chunks.append(frame)
            self.size += len(frame)
        self._burst = self.size if first else 0
        self.state = ViewerState.LIVE

    def offer(self, chunk: bytes) -> bool:
        """One frame for a live viewer; False when it did not fit and skipping began.

        The caller counts it as dropped, unless it is a key frame to go on with at once.
        """
        size = len(chunk)
        if self._chunks and self.size + size > self._max_bytes + self._burst:
            self.state = ViewerState.SKIPPING
            self.overflows += 1
            return False
        self._chunks.append(chunk)
        self.size += size
        return True

    def offer_format(self, head: bytes, version: int) -> None:
        """New sequence headers in mid-stream; small, and never dropped alone."""
        self._chunks.append(head)
        self.size += len(head)
        self._heads += 1
        self.format_version = version

    def discard(self) -> None:
        """Forget what is queued: the viewer continues at the key frame offered next."""
        self.dropped += max(0, len(self._chunks) - self._heads)
        self._chunks.clear()
        self.size = self._burst = 0
        if self._heads:
            self._heads = 0
            self.format_version = 0
        self.state = ViewerState.WAITING if not self.opened else ViewerState.LIVE

    def read(self) -> bytes:
        """What to send next, b"" when nothing is queued.  A lone chunk is not copied."""
        chunks = self._chunks
        if not chunks:
            return b""
        first = chunks.popleft()
        size = len(first)
        if type(first) is InitSegment:
            self._heads -= 1
        elif chunks and size < MAX_READ_BYTES:
            parts = [first]
            while chunks and size < MAX_READ_BYTES and type(chunks[0]) is not InitSegment:
                part = chunks.popleft()
                parts.append(part)
                size += len(part)
            first = b"".join(parts)
        self.size -= size
        self.bytes_out += size
        self.opened = True
        self._burst = max(0, self._burst - size)
        if not chunks:
            self._heads = 0
        return first


class StreamViewer:
    """The asynchronous reader over a queue; see `media.node.Viewer`."""

    __slots__ = (
        "_closed",
        "_on_close",
        "_waiter",
        "audio",
        "end_reason",
        "queue",
        "remote",
        "stalled_at",
        "stalled_out",
    )

    def __init__(
        self, max_bytes: int, *, audio: Sound, on_close: Callable[[StreamViewer], None]
    ) -> None:
        self.queue = ViewerQueue(max_bytes)
        self.audio = audio
        """The sound asked for; sent where the container can carry it."""
        self.remote = ""
        self.end_reason: str | None = None
        self.stalled_at = 0.0
        self.stalled_out = -1
        self._closed = False
        self._on_close = on_close
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        queue = self.queue
        return (
            f"<StreamViewer {self.remote or '-'} {queue.state.name} queued={queue.size}"
            f" out={queue.bytes_out} dropped={queue.dropped}>"
        )

    @property
    def dropped_frames(self) -> int:
        return self.queue.dropped

    @property
    def bytes_out(self) -> int:
        return self.queue.bytes_out

    def wake(self) -> None:
        """Tell the reader that there is something to read or that the end has come."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def end(self, reason: str) -> None:
        """The stream ends for this viewer; it still reads what is queued."""
        if self.end_reason is None:
            self.end_reason = reason
        self.wake()

    def is_stalled(self, now: float, after_s: float) -> bool:
        """Whether something has been queued for `after_s` without anything being read."""
        queue = self.queue
        if not queue.size or queue.bytes_out != self.stalled_out:
            self.stalled_out = queue.bytes_out if queue.size else -1
            self.stalled_at = now
            return False
        return now - self.stalled_at >= after_s

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            chunk = self.queue.read()
            if chunk:
                return chunk
            if self.end_reason is not None:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("a viewer has one reader")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def aclose(self) -> None:
        """Stop looking.  Idempotent."""
        if not self._closed:
            self._closed = True
            dropped = self.queue.dropped
            self.queue.discard()
            self.queue.dropped = dropped  # it leaves: what it did not read, nobody held back
            self.end("closed")
            self._on_close(self)
