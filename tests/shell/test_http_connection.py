"""What strangers do to the HTTP port: heads that never end, connections that say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.schema import Settings
from gb28181.api.server import HttpServer
from media.output import connection

BOTH_LOOPS = True


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    app = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])
    settings = Settings().http.model_copy(update={"host": "127.0.0.1", "port": 0})
    server = HttpServer(app, settings)
    server.bind()
    await server.start()
    yield server.bound
    await server.aclose()


async def talk(address: tuple[str, int], *pieces: bytes) -> bytes:
    """What comes until the other side closes."""
    reader, writer = await asyncio.open_connection(*address)
    got = b""
    try:
        async with asyncio.timeout(20):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            got = await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.close()
    return got


async def test_a_head_without_an_end_is_refused(address: tuple[str, int]) -> None:
    lines = (b"X-%06d: %b\r\n" % (number, b"a" * 1000) for number in range(1000))
    got = await talk(address, b"GET / HTTP/1.1\r\n", *lines)
    assert not got or got.startswith(b"HTTP/1.1 400 ")
    line = await talk(address, b"GET /", *[b"a" * 1000] * 1000)
    assert not line or line.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\nX:"])
async def test_a_head_that_takes_too_long_ends_the_connection(
    address: tuple[str, int], begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.05)
    assert await talk(address, begun) == b""


async def test_what_is_long_but_no_head_is_taken(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body in the first packet, two requests on one connection, a head just below the limit."""
    monkeypatch.setattr(connection, "MOST_HEAD", 4096)
    body = b"b" * 50_000
    post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n" + body
    last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: " + b"x" * 3900 + b"\r\n\r\n"
    got = await talk(address, post, post, last)
    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert got.count(b"50000") == 2


async def test_a_slow_answer_is_no_slow_head(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is that of the head: a body may take longer."""
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < 0.5:
        await asyncio.sleep(0.05)
    writer.write(b"cd")
    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
