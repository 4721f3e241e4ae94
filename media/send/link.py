"""The connection of a push to its server: what every protocol of pushing does with one.

A server that takes nothing is noticed when a write waits too long; the first reason for an end
counts; a farewell is written where the connection takes it, and the rest of it is not waited for.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from media.errors import MediaConnectFailed, MediaError
from media.output.viewers import StreamViewer
from media.pushing import PushRefused
from media.reaching import CONNECT_S

STALL_S: Final = 30.0
"""A server that takes nothing for so long is given up."""
WRITE_HIGH: Final = 256 * 1024
"""Bytes in the socket's own queue above which sending waits."""
FLUSH_S: Final = 2.0
"""At its end a connection has so long to take what was written."""


class Link(asyncio.Protocol):
    """One connection, and the viewer whose stream it carries."""

    def __init__(self) -> None:
        self.remote = ("", 0)
        self._transport: asyncio.Transport | None = None
        self._viewer: StreamViewer | None = None
        self._taken: asyncio.Future[None] | None = None
        """Done when the server takes pictures, or does not."""
        self._writable = asyncio.Event()
        self._writable.set()
        self._reason = ""

    @property
    def dropped_frames(self) -> int:
        return 0 if self._viewer is None else self._viewer.dropped_frames

    async def _connect(self) -> asyncio.Future[None]:
        """To `remote`; what is given back tells whether it takes pictures. Raises
        MediaConnectFailed."""
        loop = asyncio.get_running_loop()
        taken = self._taken = loop.create_future()
        host, port = self.remote
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: self, host, port)
        except (OSError, TimeoutError) as error:
            raise MediaConnectFailed(host, port, str(error) or "no connection in time") from None
        return taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._fail(PushRefused("the target closed its connection"))
        self._end(str(exc) if exc is not None else "the target closed its connection")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- writing -----------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        """What the protocol itself says: short, and nothing waits for it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def _send(self, data: bytes) -> None:
        """A piece of the stream. Raises OSError when the server takes nothing, or is gone."""
        try:
            async with asyncio.timeout(STALL_S):
                await self._writable.wait()
        except TimeoutError:
            raise OSError(f"the target took nothing for {STALL_S:.0f} s") from None
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError(self._reason or "the target is gone")
        self._transport.write(data)

    def _hang_up(self, farewell: bytes) -> None:
        """Let go of the connection. Idempotent."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        if farewell and self._writable.is_set() and not transport.is_closing():
            transport.write(farewell)
            transport.close()
            asyncio.get_running_loop().call_later(FLUSH_S, transport.abort)
        else:
            transport.abort()

    # --- how it ends -------------------------------------------------------------------------

    def _take(self) -> None:
        """The server takes pictures."""
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    def _over(self, error: MediaError) -> None:
        """The protocol is: whoever waits is told, and nothing more is sent."""
        self._fail(error)
        self._end(str(error))

    def _fail(self, error: MediaError) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_exception(error)
            self._taken.exception()  # whoever waited may have been told otherwise by now

    def _end(self, reason: str) -> None:
        """The first reason counts; what waits for the stream stops waiting."""
        self._reason = self._reason or reason
        if self._viewer is not None and self._viewer.end_reason is None:
            self._viewer.queue.discard()
            self._viewer.end(self._reason)
