"""The shell of an RTSP pull: connects, feeds the machine, gives its media to the stream.

To its stream it is a receiver like the others. Over UDP its packets come to sockets of its own,
with the same lock on the source as any receiver; the camera's address is the only one let in.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final, cast

from media.errors import (
    MediaConnectFailed,
    MediaError,
    MediaTimeout,
    PortsExhausted,
    UnsupportedCodec,
)
from media.pulling import PullRefused, PullSpec
from media.reaching import CONNECT_S
from media.reaching import address_of as reached
from media.receive.pipeline import Pipeline, SoundTrack
from media.receive.source_lock import Networks, SourceLock
from media.receive.udp import Deliver, SocketPoller, UdpReceiver
from media.rtsp import pull as pulls
from media.rtsp.credentials import Credentials
from media.rtsp.tracks import Track

TICK_S: Final = 1.0
RTSP_PORT: Final = 554


class RtspPuller(asyncio.Protocol):
    """One pull, from connecting to closing."""

    def __init__(
        self,
        poller: SocketPoller,
        pipeline: Pipeline,
        deliver: Deliver,
        open_udp: Callable[[str], socket.socket],
        *,
        on_closed: Callable[[], None],
    ) -> None:
        """`open_udp` gives a bound socket for a track (`video`, `audio`)."""
        self.last_at = 0.0
        self.foreign_source: tuple[str, int] | None = None
        self.source: tuple[str, int] | None = None
        self._poller = poller
        self._pipeline = pipeline
        self._deliver = deliver
        self._open_udp = open_udp
        self._on_closed = on_closed
        self._machine: pulls.RtspPull | None = None
        self._transport: asyncio.Transport | None = None
        self._playing: asyncio.Future[None] | None = None
        self._udp: list[UdpReceiver] = []
        self._host = ""
        self._closed = False

    @property
    def foreign(self) -> int:
        """Packets from elsewhere."""
        return sum(one.foreign for one in self._udp)

    async def pull(self, spec: PullSpec) -> None:
        """Until the camera plays.

        Raises MediaConnectFailed, MediaTimeout, PullRefused, UnsupportedCodec.
        """
        loop = asyncio.get_running_loop()
        host, port = await address_of(spec)
        self._host = host
        dice = Credentials(spec.user, spec.password, lambda: secrets.token_hex(8))
        self._machine = pulls.RtspPull(spec, dice, self._client_port)
        self._playing = loop.create_future()
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: self, host, port)
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no connection in time"
            raise MediaConnectFailed(host, port, reason) from None
        if self._closed:
            self.close()
            raise MediaConnectFailed(host, port, "the receiver was closed")
        self.source = (host, port)
        await self._playing

    def tick(self, now: float) -> None:
        """Once a second: answers that are due, and keepalives."""
        if self._machine is not None:
            self._perform(self._machine.tick(now))
        for one in self._udp:
            one.tick(now)
            self.last_at = max(self.last_at, one.last_at)

    def close(self) -> None:
        """TEARDOWN, and let go of everything. Idempotent."""
        self._closed = True
        machine, self._machine = self._machine, None
        if machine is not None:
            self._perform(machine.stop())
        self._fail(MediaConnectFailed(self._host, 0, "the receiver was closed"))
        for one in self._udp:
            one.close()
        if self._transport is not None:
            self._transport.close()

    # --- the connection ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._machine is not None:
            self._perform(self._machine.start(monotonic()))

    def data_received(self, data: bytes) -> None:
        if self._machine is None:
            return
        try:
            effects = self._machine.feed(data, monotonic())
        except PortsExhausted as error:  # of a track over UDP
            self._end(error)
        else:
            self._perform(effects)

    def connection_lost(self, exc: Exception | None) -> None:
        was_playing = self._playing is not None and self._playing.done()
        self._fail(MediaTimeout("answer", 0.0))
        if not self._closed and was_playing:
            self._on_closed()

    def _perform(self, effects: list[pulls.Effect]) -> None:
        for effect in effects:
            match effect:
                case pulls.Send(data):
                    if self._transport is not None and not self._transport.is_closing():
                        self._transport.write(data)
                case pulls.Media():
                    self._take(effect)
                case pulls.Described(video, audio):
                    self._expect(video, audio)
                case pulls.Playing():
                    if self._playing is not None and not self._playing.done():
                        self._playing.set_result(None)
                case _:
                    self._end(error_of(effect))

    def _expect(self, video: Track | None, audio: Track | None) -> None:
        sound: SoundTrack | None = None
        if audio is not None and audio.codec is not None:
            sound = (audio.codec, audio.clock, audio.audio, audio.header_bits)
        codec = video.codec if video is not None else None
        sets = video.parameter_sets if video is not None else []
        self._pipeline.expect(codec, sets, sound)

    def _take(self, media: pulls.Media) -> None:
        self.last_at = now = monotonic()
        outs = self._pipeline.feed_all(media.video, now) if media.video else []
        if media.audio:
            outs += self._pipeline.feed_sound(media.audio, now)
        if outs:
            self._deliver(outs)

    def _end(self, error: MediaError) -> None:
        self._fail(error)
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: MediaError) -> None:
        if self._playing is not None and not self._playing.done():
            self._playing.set_exception(error)
            self._playing.exception()  # whoever waited may have been told otherwise by now

    def _client_port(self, kind: str) -> int:
        sock = self._open_udp(kind)
        port = int(sock.getsockname()[1])
        feed = self._pipeline.feed_all if kind == "video" else self._pipeline.feed_sound
        receiver = UdpReceiver(
            self._poller,
            sock,
            SourceLock(Networks((self._host,)), None),
            feed,
            self._deliver,
            on_new_source=lambda: None,
            on_failed=lambda _: None,
        )
        self._udp.append(receiver)
        return port


async def address_of(spec: PullSpec) -> tuple[str, int]:
    """The address of a camera, if it may be connected to. Raises MediaConnectFailed."""
    return await reached(spec.url, RTSP_PORT, spec.allow)


def error_of(effect: pulls.Refused | pulls.NotCarried | pulls.Unanswered) -> MediaError:
    """What a pull that is over raises."""
    match effect:
        case pulls.Refused(status, phrase):
            return PullRefused(status, phrase)
        case pulls.NotCarried(codec):
            return UnsupportedCodec(codec)
        case _:
            return MediaTimeout("answer", pulls.ANSWER_S)
