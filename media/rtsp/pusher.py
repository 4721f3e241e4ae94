"""The shell of an RTSP push: connects, lets the machine publish, sends what a viewer gets.

The queue is that of any viewer (`media.output.viewers`), so a server that does not read is bounded,
dropped to the next key frame and at last given up. What the server was told of the tracks holds for
the whole connection: where they change the push ends, and whoever wants it opens it again.
"""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic, time
from typing import Final

from media.errors import (
    MediaTimeout,
    StreamUnknown,
    UnsupportedCodec,
)
from media.pushing import PushRefused, PushSpec
from media.reaching import address_of
from media.rtp.outlet import Outlet, Track, frame
from media.rtp.pack import prefaces, read_preface
from media.rtp.sdp import RtpCodec, codecs
from media.rtsp import push as pushes
from media.rtsp.asking import Refused, Send, Unanswered
from media.rtsp.credentials import Credentials
from media.send.link import Link
from media.send.pusher import LookAtIt
from media.viewer import Who

RTSP_PORT: Final = 554
BEGIN_S: Final = 5.0
"""A stream that runs shows a key frame within this time, or is not pushed."""
TICK_S: Final = 1.0


class RtspPusher(Link):
    """See `media.send.pusher.Pusher`."""

    def __init__(self, spec: PushSpec, look: LookAtIt) -> None:
        super().__init__()
        self._spec = spec
        self._look = look
        self._first = b""
        self._codecs: list[RtpCodec] = []
        self._machine: pushes.RtspPush | None = None
        self._outlet: Outlet | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<RtspPusher {self.remote[0]}:{self.remote[1]} {self._machine!r}>"

    @property
    def bytes_out(self) -> int:
        return 0 if self._outlet is None else sum(t.octets for t in self._outlet.tracks)

    async def open(self) -> None:
        try:
            self.remote = await address_of(self._spec.url, RTSP_PORT, self._spec.allow)
            await self._begin()
            await self._publish()
        except BaseException:
            self.close()
            await self._leave()
            raise

    async def run(self) -> str:
        viewer, outlet = self._viewer, self._outlet
        assert viewer is not None
        assert outlet is not None
        try:
            await self._send(outlet.framed(self._first, time()))
            self._first = b""
            async for chunk in viewer:
                if self._changed(chunk):
                    self._reason = "the tracks changed"
                    break
                await self._send(outlet.framed(chunk, time()))
        except OSError as error:
            self._end(str(error))
        reason = self._reason or viewer.end_reason or ""
        self.close()
        await self._leave()
        return reason

    def close(self) -> None:
        """BYE and TEARDOWN, where the connection takes them, and let go of it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        machine, self._machine = self._machine, None
        farewell = b"" if machine is None else self._farewell(machine)
        self._hang_up(farewell)
        self._end("closed")

    # --- the stream --------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Look at the stream until it can be described."""
        who = Who(remote="{}:{}".format(*self.remote))
        viewer = self._viewer = self._look("rtp", "raw", who)
        try:
            async with asyncio.timeout(BEGIN_S):
                self._first = await anext(viewer)
        except TimeoutError:
            raise MediaTimeout("first", BEGIN_S) from None
        except StopAsyncIteration:
            raise StreamUnknown(self._spec.stream_id) from None
        formats = read_preface(self._first)
        if formats is None:
            raise StreamUnknown(self._spec.stream_id)
        self._codecs = codecs(formats.video, formats.audio)
        if not self._codecs:
            raise UnsupportedCodec("none")

    def _changed(self, chunk: bytes) -> bool:
        return any(codecs(one.video, one.audio) != self._codecs for one in prefaces(chunk))

    async def _leave(self) -> None:
        if self._viewer is not None:
            await self._viewer.aclose()

    # --- the connection ----------------------------------------------------------------------

    async def _publish(self) -> None:
        await (await self._connect())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        local = str(transport.get_extra_info("sockname")[0]).partition("%")[0]
        spec = self._spec
        dice = Credentials(spec.user, spec.password, lambda: secrets.token_hex(8))
        self._machine = pushes.RtspPush(spec.url, self._codecs, local, dice)
        self._perform(self._machine.start(monotonic()))
        self._tick()

    def data_received(self, data: bytes) -> None:
        if self._machine is not None:
            self._perform(self._machine.feed(data, monotonic()))

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        if self._machine is not None:
            self._perform(self._machine.tick(monotonic()))

    def _perform(self, effects: list[pushes.Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self._write(data)
                case pushes.Recording(channels):
                    self._record(channels)
                case Refused(status, phrase):
                    self._over(PushRefused(f"{status} {phrase}".rstrip()))
                case Unanswered(reason):
                    self._over(PushRefused(reason))

    def _record(self, channels: tuple[int, ...]) -> None:
        tracks = {
            codec.kind: Track(
                codec.payload_type,
                codec.clock,
                ssrc=secrets.randbits(32),
                sequence=secrets.randbits(15),
                first_time=secrets.randbits(31),
                channel=channel,
            )
            for codec, channel in zip(self._codecs, channels, strict=True)
        }
        self._outlet = Outlet(secrets.token_hex(8), tracks.get("video"), tracks.get("audio"))
        self._take()

    def _farewell(self, machine: pushes.RtspPush) -> bytes:
        """BYE of each track, then TEARDOWN."""
        said = b"".join(effect.data for effect in machine.stop() if isinstance(effect, Send))
        if not said or self._outlet is None:
            return said
        goodbyes = (frame(t.channel + 1, bye) for t, bye in self._outlet.goodbyes())
        return b"".join(goodbyes) + said
