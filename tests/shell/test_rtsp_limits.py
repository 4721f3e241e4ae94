"""What strangers may make the RTSP server hold: slow requests, silence, floods, connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.door import Admission, Refused, Wish
from media.inprocess import InProcessNode
from media.options import NodeOptions
from media.ports import PortPool
from media.rtsp import connection as rtsp_connection
from media.rtsp.server import RtspOptions, RtspServer
from media.visits import Visit, VisitCut, VisitRefused

HOST = "127.0.0.1"
OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"


class ShutDoor:
    """Lets nobody in; a wish with this ticket waits for ever."""

    async def open(self, wish: Wish) -> Admission:
        if wish.ticket == "wait":
            await asyncio.Event().wait()
        raise Refused(404, "channel_unknown")


@pytest.fixture
def told() -> list[Visit]:
    return []


@pytest.fixture
async def server(told: list[Visit]) -> AsyncIterator[RtspServer]:
    node = InProcessNode(NodeOptions(bind_host=HOST))
    options = RtspOptions(HOST, 0, connections=6, connections_per_address=3)
    made = RtspServer(options, node, ShutDoor(), PortPool(15000, 15010), told.append)
    await made.start()
    yield made
    await made.aclose()


async def connect(server: RtspServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert server.bound is not None
    return await asyncio.open_connection(*server.bound)


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What is still said before the connection is closed."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_a_request_that_never_ends_is_cut(
    server: RtspServer, told: list[Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_connection, "REQUEST_S", 0.0)
    reader, writer = await connect(server)
    writer.write(OPTIONS[:20])
    assert await ends(reader) == b""
    assert [visit.reason for visit in told if isinstance(visit, VisitCut)] == [
        "a request takes too long"
    ]
    writer.close()


async def test_a_connection_that_says_nothing_is_closed_and_one_that_waits_is_not(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, busy = await connect(server)
    busy.write(b"DESCRIBE rtsp://h/live/1?ticket=wait RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    monkeypatch.setattr(rtsp_connection, "IDLE_S", 0.0)
    silent, writer = await connect(server)
    assert await ends(silent) == b""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.read(1), 0.5)
    writer.close()
    busy.close()


async def test_a_flood_of_requests_behind_one_that_waits_is_cut(
    server: RtspServer, told: list[Visit]
) -> None:
    reader, writer = await connect(server)
    writer.write(b"DESCRIBE rtsp://h/live/1?ticket=wait RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    writer.write(OPTIONS * (rtsp_connection.MOST_WAITING + 5))
    assert await ends(reader) == b""
    assert VisitCut in map(type, told)
    writer.close()


async def test_connections_of_one_address_are_bounded(
    server: RtspServer, told: list[Visit]
) -> None:
    opened = []
    for _ in range(3):
        reader, writer = await connect(server)
        writer.write(OPTIONS)
        assert (await reader.readline()).startswith(b"RTSP/1.0 200")
        opened.append(writer)
    reader, writer = await connect(server)
    assert await ends(reader) == b""
    assert [visit.reason for visit in told if isinstance(visit, VisitCut)] == [
        "too many connections"
    ]
    opened.pop().close()
    await opened[0].drain()
    async with asyncio.timeout(10):
        answer = b""
        while not answer:  # the place is free as soon as the server has seen the end
            reader, again = await connect(server)
            again.write(OPTIONS)
            answer = await ends_or_line(reader)
            again.close()
    assert answer.startswith(b"RTSP/1.0 200")
    for one in (*opened, writer):
        one.close()


async def ends_or_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ConnectionResetError:
        return b""


async def test_what_the_door_refuses_is_told(server: RtspServer, told: list[Visit]) -> None:
    reader, writer = await connect(server)
    writer.write(b"DESCRIBE rtsp://h/live/7 RTSP/1.0\r\nCSeq: 3\r\n\r\n")
    assert await reader.readline() == b"RTSP/1.0 404 Not Found\r\n"
    (refused,) = [visit for visit in told if isinstance(visit, VisitRefused)]
    assert (refused.name, refused.status, refused.reason) == ("7", 404, "channel_unknown")
    writer.close()
