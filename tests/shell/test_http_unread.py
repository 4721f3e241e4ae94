"""A connection nobody reads from is aborted when its viewer is given up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from config.schema import Settings
from gb28181.api.server import HttpServer
from media.output import unread, web
from media.output.viewers import StreamViewer
from media.output.web import serve_http, serve_websocket

BOTH_LOOPS = True
CHUNK = bytes(1 << 20)
CHUNKS = 8
"""More than the sockets of both sides hold."""
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Place:
    """A web server with one stream, whose viewer the test holds."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.viewer = StreamViewer(1 << 30, audio="off", on_close=lambda _: self.left.set())
        self.viewer.queue.start(b"head", [CHUNK] * CHUNKS, 1)
        routes = [Route("/flv", self._http), WebSocketRoute("/flv", self._websocket)]
        self.app = Starlette(routes=routes)

    async def _http(self, request: Request) -> Response:
        return serve_http(request, self.viewer, "video/x-flv")

    async def _websocket(self, websocket: WebSocket) -> None:
        await serve_websocket(websocket, self.viewer)


@pytest.fixture
async def place() -> AsyncIterator[tuple[Place, tuple[str, int]]]:
    made = Place()
    settings = Settings().http.model_copy(update={"host": "127.0.0.1", "port": 0})
    server = HttpServer(made.app, settings)
    server.bind()
    await server.start()
    yield made, server.bound
    await server.aclose()


@pytest.mark.parametrize("headers", ["", UPGRADE], ids=["http", "websocket"])
async def test_a_viewer_that_was_given_up_loses_its_connection(
    place: tuple[Place, tuple[str, int]], headers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "LOOK_S", 0.02)
    made, address = place
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        request = f"GET /flv HTTP/1.1\r\nHost: h\r\n{headers}\r\n"
        await loop.sock_sendall(sock, request.encode())
        head = await loop.sock_recv(sock, 12)
        assert head in (b"HTTP/1.1 200", b"HTTP/1.1 101")
        async with asyncio.timeout(20):
            while made.viewer.bytes_out < len(CHUNK):
                await asyncio.sleep(0.01)
            assert len(web._unread) == 1
            made.viewer.queue.discard()
            made.viewer.end("stalled")  # as the stream does after `media.viewer_stall`
            await made.left.wait()
            received = 0
            try:
                while data := await loop.sock_recv(sock, 65536):
                    received += len(data)
            except ConnectionResetError:
                pass
        assert received < CHUNKS * len(CHUNK), "what was not read is thrown away"
        assert len(web._unread) == 0


async def test_a_viewer_that_reads_is_left_alone(
    place: tuple[Place, tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets all there is, and the end as the stream gives it."""
    monkeypatch.setattr(unread, "LOOK_S", 0.02)
    made, address = place
    made.viewer.end("over")
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /flv HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(20):
        data = await reader.read()
    assert data.endswith(b"0\r\n\r\n")
    assert len(data) > CHUNKS * len(CHUNK)
    writer.close()
    await writer.wait_closed()
