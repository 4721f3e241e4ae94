"""AAC made of other sound: one thread for all streams, and no more of them than are allowed.

The loop only collects: a stream hands over about a frame's worth at a time, and gets its frames
back in the loop.  A stream whose thread is behind loses its oldest sound, never its picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from media.sound.maker import FORMAT, MAKEABLE, AacMaker, Timed
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec

BATCH = 512
"""Bytes handed over at once: a frame of what is made of them."""
MOST_WAITING = 128 * 1024
"""Bytes (16 s) that wait for the thread; beyond that the oldest go."""
QUIET = CLOCK_HZ // 2
"""The thread is told this often, in time of the picture, that no sound came."""


class MadeSound:
    """The AAC of one stream; `format` is known before the first frame."""

    format: AudioFormat = FORMAT

    def __init__(
        self,
        shop: SoundShop,
        codec: Codec,
        take: Callable[[list[AccessUnit]], None],
        failed: Callable[[str], None],
    ) -> None:
        self._shop = shop
        self._maker = AacMaker(codec)
        self._take = take
        self._failed = failed
        self._waiting: list[Timed] = []
        self._size = 0
        self._told = 0
        self._busy = False
        self._closed = False

    @property
    def waiting_bytes(self) -> int:
        return self._size

    def push(self, unit: AccessUnit) -> None:
        """Sound as the camera sends it."""
        self._waiting.append((unit.dts, unit.data))
        self._size += len(unit.data)
        self._told = unit.dts
        while self._size > MOST_WAITING:
            self._size -= len(self._waiting.pop(0)[1] or b"")
        if self._size >= BATCH and not self._busy:
            self._hand_over()

    def passed(self, dts: int) -> None:
        """The picture has come to this time."""
        if dts - self._told >= QUIET and not self._busy:
            self._told = dts
            self._waiting.append((dts, None))
            self._hand_over()

    def close(self) -> None:
        """Nobody listens any more.  Idempotent."""
        if not self._closed:
            self._closed = True
            self._waiting.clear()
            self._shop.left(self)

    def _hand_over(self) -> None:
        items, self._waiting, self._size = self._waiting, [], 0
        self._busy = True
        self._shop.work(lambda: self._maker.feed(items), self._done)

    def _done(self, made: list[AccessUnit], error: Exception | None) -> None:
        self._busy = False
        if self._closed:
            return
        if error is not None:
            self.close()
            self._failed(str(error))
            return
        if self._size >= BATCH:
            self._hand_over()
        if made:
            self._take(made)


Done = Callable[[list[AccessUnit], Exception | None], None]


class SoundShop:
    """Where streams get their AAC made."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[MadeSound] = set()
        self._thread: ThreadPoolExecutor | None = None
        self.refused = 0
        """How often there was no place."""

    def __repr__(self) -> str:
        return f"<SoundShop {len(self._open)} of {self._most} refused={self.refused}>"

    @property
    def running(self) -> int:
        return len(self._open)

    def makes(self, codec: Codec) -> bool:
        """Whether AAC can be made of this, and there is a place for it."""
        return codec in MAKEABLE and len(self._open) < self._most

    def open(
        self,
        codec: Codec,
        take: Callable[[list[AccessUnit]], None],
        failed: Callable[[str], None],
    ) -> MadeSound | None:
        """Begin; None when all places are taken."""
        if not self.makes(codec):
            self.refused += 1
            return None
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sound")
        made = MadeSound(self, codec, take, failed)
        self._open.add(made)
        return made

    def left(self, made: MadeSound) -> None:
        self._open.discard(made)

    def work(self, make: Callable[[], list[AccessUnit]], done: Done) -> None:
        """Let the thread do it; `done` is called in the loop."""
        if self._thread is None:
            return
        loop = asyncio.get_running_loop()

        def run() -> None:
            try:
                result: tuple[list[AccessUnit], Exception | None] = (make(), None)
            except Exception as error:
                # Whatever the encoder says, it ends this sound and not the thread of all others.
                result = ([], error)
            if not loop.is_closed():
                loop.call_soon_threadsafe(done, *result)

        self._thread.submit(run)

    def close(self) -> None:
        """End all; what the thread is doing is not waited for."""
        for made in list(self._open):
            made.close()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None
