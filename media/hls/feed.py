"""HLS of one stream while somebody asks for it: segments in memory, and those who wait for more.

The players of a stream who want the same sound share a feed.  A player is a viewer from its first
request on, and until it has asked for nothing for a while; with the last one the feed is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import time

from media.errors import PartUnknown, ReloadLate, ReloadRefused, StreamUnknown
from media.hls import playlist as hls_playlist
from media.hls.segments import Segmenter
from media.output.interleave import Interleaver
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat

FIRST_S = 12.0
"""The first playlist waits so long for the first whole segment."""
RELOAD_TARGETS = 3
"""A blocking reload waits so many target durations."""
IDLE_S = 10.0
"""A player that has asked for nothing for so long is gone; three target durations, if longer."""
MOST_PENDING = 16
"""Requests of one player that wait at one time."""


class HlsFeed:
    """Segments of one stream with one choice of sound, and its players."""

    def __init__(
        self,
        stream_id: str,
        video: VideoFormat | None,
        sound: AudioFormat | None,
        past: Iterable[AccessUnit],
        on_leave: Callable[[HlsPlayer], None],
        clock: Callable[[], float] = time,
    ) -> None:
        """`past` are the units since the last key frame; `clock` is the time of day."""
        self.stream_id = stream_id
        self.segments = Segmenter()
        self.players: set[HlsPlayer] = set()
        self.end_reason: str | None = None
        self._on_leave = on_leave
        self._order = Interleaver()
        self._sound = sound
        self._waiting: list[asyncio.Future[None]] = []
        units = [unit for unit in past if self._is_carried(unit)]
        self._epoch = (clock(), max((unit.dts for unit in units), default=0))
        self._clock = clock if not units else None
        self.set_format(video, sound)
        for unit in self._order.begin(units):
            self.segments.push(unit)

    def __len__(self) -> int:
        return len(self.players)

    def set_format(self, video: VideoFormat | None, sound: AudioFormat | None) -> None:
        self._drain()
        self._sound = sound
        self._order.both = video is not None and sound is not None
        self.segments.set_format(video, sound)
        self._wake()

    def push(self, unit: AccessUnit) -> None:
        if not self._is_carried(unit):
            return
        if self._clock is not None:
            self._epoch, self._clock = (self._clock(), unit.dts), None
        closed = False
        for out in self._order.push(unit):
            closed |= self.segments.push(out)
        if closed:
            self._wake()

    def interrupt(self) -> None:
        """A new sender: its pictures do not go on from what was."""
        self._drain()
        self.segments.interrupt()
        self._wake()

    def join(self) -> HlsPlayer:
        player = HlsPlayer(self)
        self.players.add(player)
        return player

    def leave(self, player: HlsPlayer) -> None:
        if player in self.players:
            self.players.discard(player)
            self._on_leave(player)

    def tick(self, now: float) -> None:
        """Once a second: players that ask for nothing are gone."""
        idle_s = max(IDLE_S, RELOAD_TARGETS * float(self.segments.target_s or 0))
        for player in [p for p in self.players if p.is_idle(now, idle_s)]:
            player.end("left")

    def close(self, reason: str) -> None:
        self.end_reason = reason
        for player in list(self.players):
            player.end(reason)
        self._wake()

    async def until(self, condition: Callable[[], bool], wait_s: float) -> bool:
        """Whether it has come true in time.  Raises StreamUnknown when the stream ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while not condition():
            if self.end_reason is not None:
                raise StreamUnknown(self.stream_id)
            waiter = loop.create_future()
            self._waiting.append(waiter)
            timer = loop.call_at(deadline, _release, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            if loop.time() >= deadline and not condition():
                return False
        return True

    def stamp(self, dts: int) -> str:
        """The time of day of a decoding time."""
        at, when = self._epoch
        told = datetime.fromtimestamp(at + (dts - when) / CLOCK_HZ, UTC)
        return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _is_carried(self, unit: AccessUnit) -> bool:
        return unit.video or (self._sound is not None and unit.codec is self._sound.codec)

    def _drain(self) -> None:
        for unit in self._order.drain():
            self.segments.push(unit)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            _release(waiter)


class HlsPlayer:
    """One player of a feed; see `media.node.HlsViewer`."""

    def __init__(self, feed: HlsFeed) -> None:
        self.remote = ""
        self.end_reason: str | None = None
        self.bytes_out = 0
        self.dropped_frames = 0
        """Always: a player takes what it wants."""
        self._feed = feed
        self._asked = True
        self._pending = 0
        self._quiet_since = 0.0

    def __repr__(self) -> str:
        return f"<HlsPlayer {self.remote or '-'} out={self.bytes_out} pending={self._pending}>"

    async def playlist(self, prefix: str, suffix: str, number: int | None, part: int | None) -> str:
        self._seen()
        stream = self._feed.segments
        if number is None and part is not None:
            raise ReloadRefused("_HLS_part without _HLS_msn")
        if not any(segment.complete for segment in stream.segments):
            first = await self._until(
                lambda: any(segment.complete for segment in stream.segments), FIRST_S
            )
            if not first:
                raise ReloadLate(f"{self._feed.stream_id}: no whole segment in {FIRST_S:.0f} s")
        if number is not None:
            if hls_playlist.is_far(stream, number):
                raise ReloadRefused(f"segment {number} is too far ahead")
            wait_s = float(RELOAD_TARGETS * (stream.target_s or 1))
            if not await self._until(lambda: hls_playlist.has(stream, number, part), wait_s):
                raise ReloadLate(f"segment {number} did not come in {wait_s:.0f} s")
        text = hls_playlist.playlist(stream, prefix, suffix, self._feed.stamp)
        self.bytes_out += len(text)
        return text

    async def init(self, number: int) -> bytes:
        self._seen()
        found = self._feed.segments.inits.get(number)
        if found is None:
            raise PartUnknown(f"init{number}")
        return self._given(found)

    async def segment(self, number: int) -> bytes:
        self._seen()
        found = self._feed.segments.find(number)
        if found is None or not found.complete:
            raise PartUnknown(f"segment{number}")
        return self._given(found.data)

    async def part(self, number: int, index: int) -> bytes:
        """One part; the one that comes next is waited for, as the playlist hints at it."""
        stream = self._feed.segments
        if stream.next_part == (number, index):
            wait_s = float(RELOAD_TARGETS * (stream.target_s or 1))
            await self._until(lambda: stream.next_part != (number, index), wait_s)
        self._seen()
        found = stream.find(number)
        if found is None or index >= len(found.parts):
            raise PartUnknown(f"part{number}.{index}")
        return self._given(found.parts[index].data)

    def is_idle(self, now: float, after_s: float) -> bool:
        """Whether nothing has been asked for since `after_s`."""
        if self._asked or self._pending:
            self._asked = False
            self._quiet_since = now
        return now - self._quiet_since >= after_s

    def end(self, reason: str) -> None:
        """No longer a viewer.  Idempotent."""
        if self.end_reason is None:
            self.end_reason = reason
            self._feed.leave(self)

    async def aclose(self) -> None:
        self.end("closed")

    async def _until(self, condition: Callable[[], bool], wait_s: float) -> bool:
        self._seen()
        if self._pending >= MOST_PENDING:
            raise ReloadLate(f"{self._pending} requests of this player wait already")
        self._pending += 1
        try:
            return await self._feed.until(condition, wait_s)
        finally:
            self._pending -= 1
            self._asked = True

    def _seen(self) -> None:
        if self._feed.end_reason is not None:
            raise StreamUnknown(self._feed.stream_id)
        self._asked = True

    def _given(self, data: bytes) -> bytes:
        self.bytes_out += len(data)
        return data


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
