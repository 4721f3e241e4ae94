"""What every media node must do for players of fMP4 and HLS; see `test_media_node`."""

from __future__ import annotations

import re

import pytest

from media.errors import PartUnknown, ReloadRefused, StreamUnknown, ViewersExhausted
from media.node import InitSegment, SoundUnavailable, ViewersChanged
from media.options import HubLimits
from tests.unit.media.samples import g711, judge, pictures
from tests.unit.media.sounding import tone, units

from .media_bench import STREAM, Bench, MakeBench, merged
from .media_cameras import packets_of

_, PICTURES = pictures(count=80, gop=25)


async def test_fmp4_with_sound_made_of_g711(bench: Bench) -> None:
    info = await bench.receive()
    viewer = bench.node.open_viewer(STREAM, "fmp4", audio="aac")
    sound = tuple(units(tone(3.2)))
    await (await bench.camera(info)).send(packets_of(merged(PICTURES, sound)))
    data = await anext(viewer)
    assert isinstance(data, InitSegment)
    assert re.fullmatch(r'video/mp4; codecs="avc1\.[0-9a-f]{6},mp4a\.40\.2"', data.mime)
    whole = bytes(data)
    while True:
        judged = judge(whole, "mp4")
        seen = {kind: len(found) for kind, found in judged.packets.items()}
        if seen.get("video", 0) >= len(PICTURES) and seen.get("audio", 0) > 40:
            break
        whole += await anext(viewer)
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert judged.decoded == len(PICTURES)
    await viewer.aclose()


async def test_a_player_by_hls(bench: Bench) -> None:
    info = await bench.receive()
    player = bench.node.open_hls(STREAM, audio="off")
    await bench.events.wait(ViewersChanged)
    await (await bench.camera(info)).send(packets_of(PICTURES))
    text = await player.playlist("in/", "?t=1", None, None)
    assert 'URI="in/init0.mp4?t=1"' in text
    assert "in/segment0.m4s?t=1" in text
    judged = judge(await player.init(0) + await player.segment(0), "mp4")
    assert judged.codecs == {"video": "h264"}
    assert judged.decoded == 25
    assert await player.playlist("in/", "?t=1", 1, 0)
    assert (await player.segment(0)).startswith(await player.part(0, 0))
    for refused in (player.playlist("", "", 99, None), player.playlist("", "", None, 1)):
        with pytest.raises(ReloadRefused):
            await refused
    with pytest.raises(PartUnknown):
        await player.segment(99)
    await player.aclose()
    await bench.events.wait(ViewersChanged, 2)
    assert [event.count for event in bench.events.of(ViewersChanged)] == [1, 0]


async def test_the_end_of_the_stream_ends_its_players(bench: Bench) -> None:
    info = await bench.receive()
    player = bench.node.open_hls(STREAM)
    await (await bench.camera(info)).send(packets_of(merged(PICTURES, g711(3.2)[1])))
    assert await player.playlist("", "", None, None)
    await bench.node.close_stream(STREAM, "over")
    assert player.end_reason == "over"
    with pytest.raises(StreamUnknown):
        await player.playlist("", "", None, None)
    with pytest.raises(StreamUnknown):
        bench.node.open_hls(STREAM)


async def test_players_are_viewers_by_number(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=HubLimits(viewers=2))
    await bench.receive()
    players = [bench.node.open_hls(STREAM) for _ in range(2)]
    with pytest.raises(ViewersExhausted):
        bench.node.open_hls(STREAM)
    with pytest.raises(ViewersExhausted):
        bench.node.open_viewer(STREAM, "fmp4")
    for player in players:
        await player.aclose()


async def test_no_place_to_make_sound_is_told(make_bench: MakeBench) -> None:
    bench = await make_bench(sounds=0)
    info = await bench.receive()
    watched = bench.watch(audio="aac")
    await (await bench.camera(info)).send(packets_of(merged(PICTURES, g711(3.2)[1])))
    told = await bench.events.wait(SoundUnavailable)
    assert told.stream_id == STREAM
    await watched.until(20)
    assert watched.tags(8) == []
