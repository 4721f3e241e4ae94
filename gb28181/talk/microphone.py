"""One open microphone: chunks of any rate to A-law for a voice, and what devices say back.

Bounded on both sides. More sound than time has passed (and two seconds) is no microphone: it is
refused. What a listener does not take in time is forgotten, because nobody wants to hear the past.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from gb28181.errors import BadInput
from media.sound import alaw
from media.sound.speech import Resampler

AHEAD_S = 2.0
"""How much more sound than time a microphone may bring."""
MOST_CHUNK = 65_536
"""Bytes of one chunk: a third of a second at the highest rate."""
MOST_HEARD = 25
"""Chunks of a device's microphone that wait for the listener: half a second."""


class Microphone:
    """Made by ``TalkService.microphone``; closed by whoever opened it."""

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float],
        speak: Callable[[bytes], None],
        on_closed: Callable[[], None],
    ) -> None:
        """Raises BadInput for an impossible rate."""
        try:
            self._resampler = Resampler(rate)
        except ValueError as error:
            raise BadInput(str(error), rate=rate) from error
        self.rate = rate
        self.seconds = 0.0
        """Of sound that came."""
        self.closed = False
        self._clock = clock
        self._start = clock()
        self._speak = speak
        self._on_closed = on_closed
        self._heard: deque[bytes] = deque(maxlen=MOST_HEARD)
        self._more = asyncio.Event()

    def feed(self, pcm: bytes) -> None:
        """Signed 16-bit little-endian samples of one channel. Raises BadInput."""
        if len(pcm) > MOST_CHUNK or len(pcm) % 2:
            raise BadInput(f"a chunk has whole samples and at most {MOST_CHUNK} bytes")
        self.seconds += len(pcm) / 2 / self.rate
        if self.seconds > self._clock() - self._start + AHEAD_S:
            raise BadInput("more sound than time: is the sample rate right?", rate=self.rate)
        samples = alaw.encode(self._resampler.feed(pcm))
        if samples:
            self._speak(samples)

    def hear(self, samples: bytes) -> None:
        """A-law of a device's microphone."""
        self._heard.append(samples)
        self._more.set()

    async def heard(self) -> bytes:
        """The next of it, as signed 16-bit samples at 8 kHz; empty when it is closed."""
        while not self._heard and not self.closed:
            self._more.clear()
            await self._more.wait()
        return alaw.decode(self._heard.popleft()) if self._heard else b""

    def close(self) -> None:
        """Idempotent."""
        if not self.closed:
            self.closed = True
            self._more.set()
            self._on_closed()
