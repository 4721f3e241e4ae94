"""The shell of an RTMP push: connects, lets the machine publish, sends what a viewer of FLV gets.

The queue is that of any viewer (`media.output.viewers`), so a server that does not read is bounded,
dropped to the next key frame and at last given up. Sound goes as AAC, made where the camera sends
something else, because that is what every server knows.
"""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic
from typing import Final, cast

from media.errors import MediaConnectFailed, MediaError, StreamFormatError
from media.output.viewers import StreamViewer
from media.pushing import PushRefused, PushSpec
from media.reaching import CONNECT_S, address_of
from media.rtmp import push as pushes
from media.rtmp.flv_reader import FlvReader
from media.rtmp.handshake import RANDOM
from media.rtmp.target import RTMP_PORT, RtmpTarget, read_target
from media.send.pusher import LookAtIt
from media.viewer import Who

STALL_S: Final = 30.0
"""A server that takes nothing for so long is given up."""
WRITE_HIGH: Final = 256 * 1024
"""Bytes in the socket's own queue above which sending waits."""
FLUSH_S: Final = 2.0
"""At its end a connection has so long to take what was written."""


class RtmpPusher(asyncio.Protocol):
    """See `media.send.pusher.Pusher`."""

    def __init__(self, spec: PushSpec, look: LookAtIt) -> None:
        """Raises LocalError for an address that is none."""
        self.remote = ("", 0)
        self._spec = spec
        self._target: RtmpTarget = read_target(spec.url)
        self._look = look
        self._viewer: StreamViewer | None = None
        self._machine = pushes.RtmpPush(self._target, secrets.token_bytes(RANDOM))
        self._transport: asyncio.Transport | None = None
        self._publishing: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._reason = ""

    def __repr__(self) -> str:
        return f"<RtmpPusher {self.remote[0]}:{self.remote[1]} {self._machine!r}>"

    @property
    def bytes_out(self) -> int:
        return 0 if self._viewer is None else self._viewer.bytes_out

    @property
    def dropped_frames(self) -> int:
        return 0 if self._viewer is None else self._viewer.dropped_frames

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
        farewell = self._machine.stop()
        transport, self._transport = self._transport, None
        if transport is not None:
            if farewell and self._writable.is_set() and not transport.is_closing():
                transport.write(farewell)
                transport.close()
                asyncio.get_running_loop().call_later(FLUSH_S, transport.abort)
            else:
                transport.abort()
        self._end("closed")

    # --- the connection ----------------------------------------------------------------------

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        publishing = self._publishing = loop.create_future()
        host, port = self.remote
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: self, host, port)
        except (OSError, TimeoutError) as error:
            raise MediaConnectFailed(host, port, str(error) or "no connection in time") from None
        while not publishing.done():
            deadline = self._machine.deadline
            left_s = None if deadline is None else max(0.0, deadline - monotonic())
            await asyncio.wait((publishing,), timeout=left_s)
            self._perform(self._machine.tick(monotonic()))
        publishing.result()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH)
        self._perform(self._machine.start(monotonic()))

    def data_received(self, data: bytes) -> None:
        self._perform(self._machine.feed(data, monotonic()))

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._fail(PushRefused("the target closed its connection"))
        self._end(str(exc) if exc is not None else "the target closed its connection")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _perform(self, effects: list[pushes.Effect]) -> None:
        for effect in effects:
            match effect:
                case pushes.Send(data):
                    if self._transport is not None and not self._transport.is_closing():
                        self._transport.write(data)
                case pushes.Publishing():
                    if self._publishing is not None and not self._publishing.done():
                        self._publishing.set_result(None)
                case pushes.Refused(code, description):
                    self._over(PushRefused(f"{code} {description}".rstrip()))
                case pushes.Unanswered(reason):
                    self._over(PushRefused(reason))

    async def _send(self, data: bytes) -> None:
        """Raises OSError when the target takes nothing, or is gone."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError(self._reason or "the target is gone")
        self._transport.write(data)
        try:
            async with asyncio.timeout(STALL_S):
                await self._writable.wait()
        except TimeoutError:
            raise OSError(f"the target took nothing for {STALL_S:.0f} s") from None

    def _over(self, error: MediaError) -> None:
        """The machine is: whoever waits is told, and nothing more is sent."""
        self._fail(error)
        self._end(str(error))

    def _fail(self, error: MediaError) -> None:
        if self._publishing is not None and not self._publishing.done():
            self._publishing.set_exception(error)
            self._publishing.exception()  # whoever waited may have been told otherwise by now

    def _end(self, reason: str) -> None:
        """The first reason counts; what waits for the stream stops waiting."""
        self._reason = self._reason or reason
        if self._viewer is not None and self._viewer.end_reason is None:
            self._viewer.queue.discard()
            self._viewer.end(self._reason)
