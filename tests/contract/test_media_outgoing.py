"""What every media node must give to others than viewers; see `test_media_node`."""

from __future__ import annotations

import pytest

from media.errors import StreamUnknown
from media.node import MediaStarted, ViewersChanged
from media.unit import Codec
from tests.unit.media.samples import judge, pictures

from .media_bench import STREAM, Bench
from .media_cameras import packets_of


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_the_last_key_frame_without_a_viewer(bench: Bench, codec: Codec) -> None:
    _, units = pictures(codec, count=40, gop=15)
    info = await bench.receive()
    assert await bench.node.key_frame(STREAM) == b""
    camera = await bench.camera(info)
    await camera.send(packets_of(units))
    await bench.events.wait(MediaStarted)
    await bench.until(lambda s: s.key_frames == 3)
    judged = judge(await bench.node.key_frame(STREAM), "flv")
    assert judged.codecs == {"video": "h264" if codec is Codec.H264 else "hevc"}
    assert judged.decoded == 1
    assert not bench.events.of(ViewersChanged)
    await bench.node.close_stream(STREAM, "over")
    with pytest.raises(StreamUnknown):
        await bench.node.key_frame(STREAM)
