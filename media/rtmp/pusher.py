"""The shell of an RTMP push: connects, lets the machine publish, sends what a viewer of FLV gets.

The queue is that of any viewer (`media.output.viewers`), so a server that does not read is bounded,
dropped to the next key frame and at last given up. Sound goes as AAC, made where the camera sends
something else, because that is what every server knows.
"""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic

from media.errors import StreamFormatError
from media.pushing import PushRefused, PushSpec
from media.reaching import address_of
from media.rtmp import push as pushes
from media.rtmp.flv_reader import FlvReader
from media.rtmp.handshake import RANDOM
from media.rtmp.target import RTMP_PORT, RtmpTarget, read_target
from media.send.link import Link
from media.send.pusher import LookAtIt
from media.viewer import Who


class RtmpPusher(Link):
    """See `media.send.pusher.Pusher`."""

    def __init__(self, spec: PushSpec, look: LookAtIt) -> None:
        """Raises LocalError for an address that is none."""
        super().__init__()
        self._spec = spec
        self._target: RtmpTarget = read_target(spec.url)
        self._look = look
        self._machine = pushes.RtmpPush(self._target, secrets.token_bytes(RANDOM))

    def __repr__(self) -> str:
        return f"<RtmpPusher {self.remote[0]}:{self.remote[1]} {self._machine!r}>"

    @property
    def bytes_out(self) -> int:
        return 0 if self._viewer is None else self._viewer.bytes_out

    async def open(self) -> None:
        try:
            self.remote = await address_of(self._spec.url, RTMP_PORT, self._spec.allow)
            await self._publish()
            who = Who(remote="{}:{}".format(*self.remote))
            self._viewer = self._look("flv", "aac", who)
        except BaseException:
            self.close()
            raise

    async def run(self) -> str:
        viewer, reader = self._viewer, FlvReader()
        assert viewer is not None
        try:
            async for chunk in viewer:
                await self._send(self._machine.send(reader.feed(chunk)))
        except (OSError, StreamFormatError) as error:
            self._end(str(error))
        reason = self._reason or viewer.end_reason or ""
        self.close()
        await viewer.aclose()
        return reason

    def close(self) -> None:
        """Say that it is over, where the connection takes it, and let go of it."""
        self._hang_up(self._machine.stop())
        self._end("closed")

    # --- the connection ----------------------------------------------------------------------

    async def _publish(self) -> None:
        publishing = await self._connect()
        while not publishing.done():
            deadline = self._machine.deadline
            left_s = None if deadline is None else max(0.0, deadline - monotonic())
            await asyncio.wait((publishing,), timeout=left_s)
            self._perform(self._machine.tick(monotonic()))
        publishing.result()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._perform(self._machine.start(monotonic()))

    def data_received(self, data: bytes) -> None:
        self._perform(self._machine.feed(data, monotonic()))

    def _perform(self, effects: list[pushes.Effect]) -> None:
        for effect in effects:
            match effect:
                case pushes.Send(data):
                    self._write(data)
                case pushes.Publishing():
                    self._take()
                case pushes.Refused(code, description):
                    self._over(PushRefused(f"{code} {description}".rstrip()))
                case pushes.Unanswered(reason):
                    self._over(PushRefused(reason))
