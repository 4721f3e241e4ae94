"""The shell of an RTMP push: what a viewer of the stream reads goes to a server.

It reads as fast as the server takes it; in between the viewer's queue is bounded and drops to key
frames, like that of every other viewer.
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
    ReaderTooSlow,
    RemoteError,
)
from media.guard import forbidden
from media.rtmp import push as pushes
from media.rtmp.flv_reader import FlvReader
from media.rtmp.handshake import RANDOM
from media.rtmp.target import RtmpTarget
from media.viewer import Viewer

CONNECT_S: Final = 5.0
STALL_S: Final = 10.0
"""A server that takes nothing for so long is given up."""
WRITE_HIGH: Final = 256 * 1024
"""Bytes in the socket's own queue above which sending waits."""


class PushRefused(RemoteError):
    """The server answered, and does not take the stream (any more)."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code} {description}".rstrip())
        self.code = code


class RtmpPusher(asyncio.Protocol):
    """One push, from connecting to the end of the stream or of the connection."""

    def __init__(
        self, target: RtmpTarget, allow: tuple[str, ...], on_began: Callable[[], None]
    ) -> None:
        """``allow``: networks that may be connected to though they are this host's own.

        ``on_began`` is called when the server takes media.
        """
        self.bytes_out = 0
        self.remote: tuple[str, int] | None = None
        self._target = target
        self._allow = allow
        self._on_began = on_began
        self._machine = pushes.RtmpPush(target, secrets.token_bytes(RANDOM))
        self._transport: asyncio.Transport | None = None
        self._publishing: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._viewer: Viewer | None = None
        self._failure: MediaError | None = None

    def __repr__(self) -> str:
        return f"<RtmpPusher {self._machine!r} out={self.bytes_out}>"

    async def run(self, open_viewer: Callable[[], Viewer]) -> str:
        """Push until the stream ends; returns why it did.

        The viewer, of FLV, is opened when the server is ready and closed here. Raises
        MediaConnectFailed, MediaTimeout, PushRefused, ReaderTooSlow, and what opening raises.
        """
        try:
            await self._connect()
            viewer = self._viewer = open_viewer()
            try:
                await self._send(viewer)
            finally:
                await viewer.aclose()
            if self._failure is not None:
                raise self._failure
            return viewer.end_reason or "closed"
        finally:
            self._close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        host, port = await address_of(self._target, self._allow)
        self._publishing = loop.create_future()
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: self, host, port)
        except (OSError, TimeoutError) as error:
            raise MediaConnectFailed(host, port, str(error) or "no connection in time") from None
        self.remote = (host, port)
        while not self._publishing.done():
            deadline = self._machine.deadline
            left_s = pushes.ANSWER_S if deadline is None else max(0.0, deadline - monotonic())
            await asyncio.wait((self._publishing,), timeout=left_s)
            self._perform(self._machine.tick(monotonic()))
        self._publishing.result()
        self._on_began()

    async def _send(self, viewer: Viewer) -> None:
        reader = FlvReader()
        async for chunk in viewer:
            data = self._machine.send(reader.feed(chunk))
            if self._failure is not None or self._transport is None:
                return
            self._transport.write(data)
            self.bytes_out += len(data)
            try:
                async with asyncio.timeout(STALL_S):
                    await self._writable.wait()
            except TimeoutError:
                raise ReaderTooSlow(f"{self._target.place} takes nothing") from None

    def _close(self) -> None:
        farewell = self._machine.stop()
        transport, self._transport = self._transport, None
        if transport is None:
            return
        if transport.get_write_buffer_size() > WRITE_HIGH:
            transport.abort()  # it takes nothing: closing would wait for it
            return
        if farewell and not transport.is_closing():
            transport.write(farewell)
        transport.close()

    # --- the connection ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH)
        self._perform(self._machine.start(monotonic()))

    def data_received(self, data: bytes) -> None:
        self._perform(self._machine.feed(data, monotonic()))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        host, port = self.remote or (self._target.host, self._target.port)
        self._fail(MediaConnectFailed(host, port, "the server closed the connection"))

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
                    self._fail(PushRefused(code, description))
                case pushes.Unanswered():
                    self._fail(MediaTimeout("answer", pushes.ANSWER_S))

    def _fail(self, error: MediaError) -> None:
        if self._failure is None:
            self._failure = error
        if self._publishing is not None and not self._publishing.done():
            self._publishing.set_exception(self._failure)
        if self._viewer is not None:
            # The reader waits for the stream, which may say nothing for long.
            self._closing = asyncio.get_running_loop().create_task(self._viewer.aclose())


async def address_of(target: RtmpTarget, allow: tuple[str, ...]) -> tuple[str, int]:
    """The address a host stands for, if it may be connected to. Raises MediaConnectFailed."""
    loop = asyncio.get_running_loop()
    host, port = target.host, target.port
    try:
        async with asyncio.timeout(CONNECT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise MediaConnectFailed(host, port, "the name cannot be resolved") from None
    reason = "the name cannot be resolved"
    for _, _, _, _, address in found:
        refused = forbidden(str(address[0]), allow)
        if refused is None:
            return str(address[0]), port
        reason = f"{address[0]} is {refused}"
    raise MediaConnectFailed(host, port, reason)
