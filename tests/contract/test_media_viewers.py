"""Who looks at a node's streams: named, counted, and hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from media.errors import StreamUnknown
from media.node import ViewerCame, ViewerLeft, Who
from tests.unit.media.samples import pictures

from .media_bench import STREAM, Bench, Watched
from .media_cameras import packets_of

VIDEO, PICTURES = pictures(count=60)
ZHANG = Who("flv", "zhang", "10.0.0.1:5000", "00000000000000aa")
LI = Who("fmp4", "li", "10.0.0.2:6000")


async def comes_true(bench: Bench, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await bench.node.refresh()
            await asyncio.sleep(0.01)


async def test_viewers_are_known_by_name(bench: Bench) -> None:
    info = await bench.receive()
    node, events = bench.node, bench.events
    one = Watched(node.open_viewer(STREAM, "flv", who=ZHANG))
    two = Watched(node.open_viewer(STREAM, "fmp4", who=LI))
    await events.wait(ViewerCame, 2)
    assert [viewer.who for viewer in node.viewers(STREAM)] == [ZHANG, LI]
    assert len({viewer.viewer_id for viewer in node.viewers()}) == 2
    assert node.viewers("another") == []
    await (await bench.camera(info)).send(packets_of(PICTURES))
    await one.until(len(PICTURES))
    await comes_true(bench, lambda: all(viewer.bytes_out for viewer in node.viewers()))
    await one.viewer.aclose()
    left = await events.wait(ViewerLeft)
    assert (left.viewer.who, left.reason) == (ZHANG, "closed")
    assert left.viewer.bytes_out == len(one.data)
    assert [viewer.who for viewer in node.viewers()] == [LI]
    await node.close_stream(STREAM, "over")
    left = await events.wait(ViewerLeft, 2)
    assert (left.viewer.who, left.reason) == (LI, "over")
    await two.task
    assert node.viewers() == []


async def test_one_viewer_is_hung_up_on(bench: Bench) -> None:
    info = await bench.receive()
    node = bench.node
    idle = node.open_viewer(STREAM, "flv", who=ZHANG)
    other = Watched(node.open_viewer(STREAM, "flv", who=LI))
    await bench.events.wait(ViewerCame, 2)
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    await other.until(len(PICTURES))
    (found,) = [viewer for viewer in node.viewers() if viewer.who == ZHANG]
    assert await node.end_viewer(found.viewer_id, "ended")
    await bench.events.wait(ViewerLeft)
    assert await node.end_viewer(found.viewer_id, "ended") is False
    await comes_true(bench, lambda: idle.end_reason == "ended")
    assert [chunk async for chunk in idle] == [], "nor what it had not read"
    assert other.viewer.end_reason is None
    assert [viewer.who for viewer in node.viewers()] == [LI]


async def test_a_player_by_hls_is_hung_up_on(bench: Bench) -> None:
    info = await bench.receive()
    node = bench.node
    who = Who("hls", "zhang", "10.0.0.1:5000")
    player = node.open_hls(STREAM, audio="off", who=who)
    await bench.events.wait(ViewerCame)
    await (await bench.camera(info)).send(packets_of(PICTURES))
    assert "#EXTM3U" in await player.playlist("", "", None, None)
    (found,) = node.viewers()
    assert found.who == who
    assert await node.end_viewer(found.viewer_id, "ticket_revoked")
    left = await bench.events.wait(ViewerLeft)
    assert left.reason == "ticket_revoked"
    await comes_true(bench, lambda: player.end_reason == "ticket_revoked")
    assert node.viewers() == []
    with pytest.raises(StreamUnknown):
        await player.init(0)
