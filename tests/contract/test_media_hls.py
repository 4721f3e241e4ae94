"""HLS of a media node: what a player is led to can be fetched, and is the stream."""

from __future__ import annotations

import io
import re

import av
import pytest

from media.errors import PartUnknown, StreamUnknown
from media.node import ViewersChanged
from tests.unit.media.samples import pictures

from .media_bench import STREAM, Bench
from .media_cameras import packets_of

VIDEO, PICTURES = pictures(count=60)


async def test_a_player_is_led_to_the_stream(bench: Bench) -> None:
    info = await bench.receive()
    player = bench.node.open_hls(STREAM)
    await bench.events.wait(ViewersChanged)
    await (await bench.camera(info)).send(packets_of(PICTURES))
    text = await player.playlist("/hls/", "?t=1", None, None)
    assert text.startswith("#EXTM3U")
    (init,) = set(re.findall(r'URI="/hls/init(\d+)[^"]*\?t=1"', text))
    (first, *_) = re.findall(r"^/hls/segment(\d+)\S*\?t=1$", text, re.MULTILINE)
    data = await player.init(int(init)) + await player.segment(int(first))
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert len(list(container.decode(video=0))) > 5
    assert player.bytes_out >= len(data) + len(text)
    with pytest.raises(PartUnknown):
        await player.segment(9_999)
    await player.aclose()
    await bench.events.wait(ViewersChanged, 2)
    assert bench.events.of(ViewersChanged)[-1].count == 0


async def test_the_end_of_the_stream_ends_its_players(bench: Bench) -> None:
    await bench.receive()
    player = bench.node.open_hls(STREAM)
    await bench.events.wait(ViewersChanged)
    await bench.node.close_stream(STREAM, "device_offline")
    with pytest.raises(StreamUnknown):
        await player.playlist("", "", None, None)
    assert player.end_reason == "device_offline"
    with pytest.raises(StreamUnknown):
        bench.node.open_hls(STREAM)
