"""The messages of one device while it is examined, as they come from the recorder.

The recorder calls `take` inside the SIP endpoint, so that it only keeps the frame; reading is done
by whoever waits. Bounded in number and bytes; what is beyond is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gb28181.trace.frame import Frame

from .evidence import Seen, seen

MOST_FRAMES = 20_000
MOST_BYTES = 32 * 1024 * 1024


class Wire:
    """One per run."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._read: list[Seen] = []
        self._bytes = 0
        self._news = asyncio.Event()
        self.dropped = 0

    def take(self, frame: Frame) -> None:
        """A message; called by the recorder."""
        if len(self._frames) >= MOST_FRAMES or self._bytes + len(frame.data) > MOST_BYTES:
            self.dropped += 1
            return
        self._bytes += len(frame.data)
        self._frames.append(frame)
        self._news.set()

    def messages(self) -> list[Seen]:
        """All of them, read."""
        self._read += [seen(frame) for frame in self._frames[len(self._read) :]]
        return self._read

    def before(self, number: int) -> set[tuple[str, str]]:
        """Requests among the first so many messages: what repeats them later is nothing new."""
        return {one.key for one in self.messages()[:number] if one.request}

    async def wait(
        self, test: Callable[[Seen], bool], seconds: float, count: int, begin: int | None = None
    ) -> bool:
        """Until so many different messages pass the test; False when time is up. `begin`: number
        of the first message that counts; None: those from now on."""
        begin = len(self.messages()) if begin is None else begin
        found = set[tuple[str, str, int]]()
        old = self.before(begin)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    fresh = self.messages()[begin:]
                    begin += len(fresh)
                    news = (one for one in fresh if not (one.request and one.key in old))
                    found |= {(*one.key, one.status) for one in news if test(one)}
                    if len(found) >= count:
                        return True
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
