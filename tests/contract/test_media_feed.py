"""Units the platform gives itself: shown like any camera's, on every kind of node."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from media.node import MediaSilent, MediaStarted, ReceiverUnknown, StreamBusy
from media.unit import FormatChanged
from tests.unit.media.samples import aac, pictures

from .media_bench import STREAM, Bench, MakeBench, merged

VIDEO, PICTURES = pictures(count=50, gop=25)
SOUND, FRAMES = aac(2.0)


async def test_what_is_fed_is_shown(bench: Bench) -> None:
    info = await bench.receive("fed")
    assert info.port == 0
    with pytest.raises(StreamBusy):
        await bench.receive("fed")
    viewer = bench.watch(audio="auto")
    units = merged(PICTURES, FRAMES)
    await bench.node.feed(info.receiver_id, (FormatChanged(VIDEO, SOUND), *units[:30]))
    started = await bench.events.wait(MediaStarted)
    assert (started.video, started.audio) == (VIDEO, SOUND)
    await bench.node.feed(info.receiver_id, tuple(units[30:]))
    await viewer.until(50)
    await viewer.until(len(FRAMES), viewer.sounds)
    assert viewer.frames() == [unit.dts // 90 for unit in PICTURES]
    statistics = await bench.statistics()
    assert (statistics.frames, statistics.key_frames, statistics.lost) == (50, 2, 0)
    assert statistics.bytes_in == sum(len(unit.data) for unit in units)
    assert statistics.measured.gop_frames in (0, 25)
    await bench.node.close_receiver(info.receiver_id)
    with pytest.raises(ReceiverUnknown):
        await bench.node.feed(info.receiver_id, ())
    # The stream stays, and the next receiver goes on in it.
    again = await bench.receive("fed")
    later = [replace(u, pts=u.pts + 180_000, dts=u.dts + 180_000) for u in PICTURES]
    await bench.node.feed(again.receiver_id, (FormatChanged(VIDEO, None), *later))
    await viewer.until(100)
    await bench.node.close_stream(STREAM, "finished")
    await viewer.end()
    assert len(viewer.frames()) == 100
    assert viewer.viewer.end_reason == "finished"


async def test_its_silence_is_no_event(make_bench: MakeBench) -> None:
    bench = await make_bench(gap_s=0.2)
    info = await bench.receive("fed", stream="fed")
    camera = await bench.receive()  # this one's is, and tells that the time has passed
    await bench.node.feed(info.receiver_id, (FormatChanged(VIDEO, None), *PICTURES[:3]))
    silent = await bench.events.wait(MediaSilent, 1)
    assert silent.receiver_id == camera.receiver_id
    assert {one.stream_id for one in bench.events.of(MediaSilent)} == {STREAM}


async def test_only_a_fed_receiver_takes_units(bench: Bench) -> None:
    info = await bench.receive()
    for receiver_id in (info.receiver_id, "nobody"):
        with pytest.raises(ReceiverUnknown):
            await asyncio.wait_for(bench.node.feed(receiver_id, PICTURES[:1]), 10)
    statistics = await bench.statistics()
    assert statistics.frames == 0
