"""The worker's own port for players: HTTP and WebSocket, checked by the ticket alone.

`/stream/{stream_id}.flv` and `.mp4` with `?ticket=` (`media.tickets`), as the main port sends
players to it. Nothing is asked of anybody: the key came with the worker's first word, tickets that
were taken back come as they are. Streams that do not run here are 404; the main port starts pulls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from time import time
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from media.errors import StreamUnknown, ViewersExhausted
from media.inprocess import InProcessNode
from media.node import Sound, Viewer, Who
from media.output.connection import HttpConnection, WebSocketConnection
from media.output.web import CONTAINERS, HEADERS, remote_of, serve_http, serve_websocket
from media.revoked import Refusal, Revoked
from media.tickets import ID_BYTES, Tickets

BACKLOG = 1024
GRACE_S = 1
"""Open answers at stop get so long; their streams are closed before."""
SPARE = 500
"""Connections taken besides those of as many viewers as there may be."""
SOUNDS = ("off", "auto", "aac", "raw")

log = logging.getLogger("gb28181.media.serving")


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a worker serves players itself."""

    host: str
    first_port: int
    """0: any free port."""
    last_port: int
    key: bytes = field(repr=False)
    """Of the tickets."""
    cert_file: str | None = None
    key_file: str | None = None
    """With both it speaks https."""


class Refused(Exception):
    """No stream for this request."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Serving:
    """One port and those who look through it."""

    def __init__(self, node: InProcessNode, options: HttpOptions) -> None:
        self._node = node
        self._options = options
        self._tickets = Tickets(options.key, lambda: secrets.token_bytes(ID_BYTES))
        self._revoked = Revoked()
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        app = Starlette(
            routes=[
                Route("/stream/{stream_id}.{ending}", self._http, methods=["GET"]),
                WebSocketRoute("/stream/{stream_id}.{ending}", self._websocket),
            ]
        )
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
                limit_concurrency=node.options.viewers + SPARE,
                timeout_graceful_shutdown=GRACE_S,
                ssl_certfile=options.cert_file,
                ssl_keyfile=options.key_file,
            )
        )

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        """Tickets that were taken back until now."""
        self._revoked = Revoked(refusals)

    async def start(self) -> int:
        """Listen; the port, or 0 when there is none to be had: the main port serves all then."""
        sock = self._bound()
        if sock is None:
            options = self._options
            log.warning("no free port from %s to %s", options.first_port, options.last_port)
            return 0
        self._socket = sock
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[sock]))
        return int(sock.getsockname()[1])

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        self._server.should_exit = True
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait({task}, timeout=GRACE_S + 1)
            task.cancel()
        if self._socket is not None:
            self._socket.close()

    def _bound(self) -> socket.socket | None:
        options = self._options
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        for port in range(options.first_port, options.last_port + 1):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.bind((options.host, port))
                sock.listen(BACKLOG)
            except OSError:
                sock.close()
            else:
                sock.setblocking(False)
                return sock
        return None

    # --- requests ----------------------------------------------------------------------------

    async def _http(self, request: Request) -> Response:
        try:
            viewer, media_type = self._open(request, "")
        except Refused as refused:
            return _answer(refused)
        return serve_http(request, viewer, media_type)

    async def _websocket(self, websocket: WebSocket) -> None:
        try:
            viewer, _ = self._open(websocket, "ws_")
        except Refused as refused:
            await websocket.send_denial_response(_answer(refused))
            return
        told = websocket.query_params.get("codecs", "").lower() in ("1", "true")
        await serve_websocket(websocket, viewer, told=told)

    def _open(self, connection: HTTPConnection, prefix: str) -> tuple[Viewer, str]:
        """A viewer for whoever shows a ticket for it, and its media type.  Raises Refused."""
        stream_id, ending = connection.path_params["stream_id"], connection.path_params["ending"]
        container = CONTAINERS.get(ending)
        if container is None:
            raise Refused(HTTPStatus.NOT_FOUND, "output_unavailable", "there is no such output")
        output = prefix + container.kind
        ticket = self._tickets.read(connection.query_params.get("ticket", ""), time())
        if ticket is None or self._revoked.concerns(ticket) or not ticket.opens(stream_id, output):
            raise Refused(HTTPStatus.UNAUTHORIZED, "unauthorised", "a ticket for it is needed")
        audio = connection.query_params.get("audio", container.sound)
        if audio not in SOUNDS:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input", "audio is none of these")
        who = Who(output, ticket.user, remote_of(connection), ticket.ticket_id)
        try:
            viewer = self._node.open_viewer(
                stream_id, container.kind, audio=cast(Sound, audio), who=who
            )
        except ViewersExhausted as error:
            code = "viewers_exhausted"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, code, str(error)) from error
        except StreamUnknown as error:
            message = "it does not run here; the platform's own address starts it"
            raise Refused(HTTPStatus.NOT_FOUND, "stream_unknown", message) from error
        return viewer, container.media_type


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's, not the HTTP server's."""
        yield


def _answer(refused: Refused) -> JSONResponse:
    error = {
        "code": refused.code,
        "message": str(refused),
        "leg": None,
        "sip_status": None,
        "detail": None,
        "request_id": secrets.token_hex(8),
    }
    return JSONResponse({"error": error}, refused.status, headers=dict(HEADERS))
