"""A stream of H.265 made into one of H.264 beside it, on every media node."""

from __future__ import annotations

import asyncio

from media.node import MediaStarted, Sound, ViewersChanged
from media.transcode.work import Transcode
from media.unit import Codec
from tests.unit.media.samples import g711, judge_flv, pictures

from .media_bench import STREAM, Bench, merged
from .media_cameras import HOST
from .test_media_forwards import running

MADE = f"h264-{STREAM}"
RAW: Sound = "raw"


async def test_a_stream_of_its_own(bench: Bench) -> None:
    _, units = pictures(Codec.H265, count=80, gop=20)
    everything = merged(units, g711(3.2)[1])
    before = [unit for unit in everything if unit.dts < 50 * 3600]
    camera = await running(bench, before)
    over = asyncio.Event()
    work = Transcode(bench.node, STREAM, MADE, HOST, over.set)
    bench.node.listen(work.heard)
    opened: list[str] = []
    try:
        await work.start(opened.append)
        assert opened == [info.receiver_id for info in bench.node.receivers()][1:]
        watched = bench.watch(stream=MADE, audio=RAW)
        await camera.send(everything[len(before) :])
        await watched.until(30)
        judged = judge_flv(bytes(watched.data))
        assert judged.codecs == {"video": "h264", "audio": "pcm_alaw"}
        assert judged.decoded >= 30
        assert bench.events.of(MediaStarted)[-1].stream_id == MADE
        await bench.node.close_stream(STREAM, "over")
        async with asyncio.timeout(10):
            await over.wait()
    finally:
        await work.aclose("over")
    await watched.end()
    assert watched.viewer.end_reason == "over"
    assert bench.node.forwards() == []
    assert MADE not in bench.node.streams()
    assert bench.events.of(ViewersChanged)
