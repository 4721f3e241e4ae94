"""uvicorn inside our loop: bound before anything is announced, stopped when we say so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from config.sections import HttpSettings
from media.output.connection import HttpConnection, WebSocketConnection

BACKLOG = 1024
GRACE_S = 2
"""Open requests at stop get this long; streams are closed before by the media node."""


class _DenialIsNoError(logging.Filter):
    """uvicorn calls every WebSocket that was refused with an HTTP answer a missing handshake."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("ASGI callable returned without completing")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the application's, not the HTTP server's."""
        yield


class HttpServer:
    """The HTTP socket of one node."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._settings = settings
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=HttpConnection,
                ws=WebSocketConnection,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                ssl_certfile=settings.cert_file,
                ssl_keyfile=settings.key_file,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_DenialIsNoError())
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def bound(self) -> tuple[str, int]:
        """Address and port listened on."""
        assert self._socket is not None, "not started"
        host, port = self._socket.getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        """An address a browser on this machine can open."""
        host, port = self.bound
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(
            host, f"[{host}]" if ":" in host else host
        )
        return f"{'https' if self._settings.cert_file else 'http'}://{host}:{port}/"

    def bind(self) -> None:
        """Take the port; raises OSError when it cannot be had."""
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._settings.host, self._settings.port))
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            what = f"cannot listen on http {self._settings.host}:{self._settings.port}"
            raise OSError(error.errno, f"{what}: {error.strerror}") from error
        self._socket = sock

    async def start(self) -> None:
        """Serve in the background; returns when requests are taken."""
        assert self._socket is not None, "bind first"
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            done, _ = await asyncio.wait({self._task}, timeout=0.01)
            if done:
                self._task.result()
                raise RuntimeError("the HTTP server ended while it was starting")

    async def aclose(self) -> None:
        """Finish what is open, within a bounded time. Idempotent."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=GRACE_S + 1)
            if not self._task.done():
                self._task.cancel()
            self._task = None
        if self._socket is not None:
            self._socket.close()
