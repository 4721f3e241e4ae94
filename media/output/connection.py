"""uvicorn's connections, with what a public port needs besides: a request that begins also ends.

A head is complete within a time and within a size, or the connection is closed: uvicorn waits for
ever and takes as many headers as come. A connection that says nothing at all counts as a head
that does not come. And a request knows how its connection is aborted (`ABORT` among the extensions
of its scope), for viewers that read nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S = 20.0
"""A request's first line and headers are complete within this time."""
MOST_HEAD: Final = 64 * 1024
"""Bytes of them."""
ABORT: Final = "gb28181.abort"


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MOST_HEAD:
            self._end_wait()
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast(dict[str, Any], self.scope)
        scope["extensions"] = {ABORT: {"call": self.transport.abort}}
        if self._head_timer is None:  # the next request on this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        self._end_wait()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_S, self.transport.abort)

    def _end_wait(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One WebSocket, once its request was read as HTTP."""

    async def run_asgi(self) -> None:
        scope = cast(dict[str, Any], self.scope)
        scope["extensions"][ABORT] = {"call": self.transport.abort}
        await super().run_asgi()
