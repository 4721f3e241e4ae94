"""What every media node must do for who wants a stream at another server; see `test_media_node`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from media.errors import LocalError, MediaConnectFailed, StreamUnknown
from media.node import ViewersChanged
from media.options import HubLimits
from media.pushing import PushEnded, PushInfo, PushRefused, PushSpec, PushStatistics
from media.rtsp.tracks import read_tracks
from media.unit import AccessUnit, Codec
from tests.support import depacketize
from tests.support.depacketize import rtp
from tests.support.rtsp_target import PASSWORD, USER, RtspTarget
from tests.unit.media import encoded
from tests.unit.media.samples import g711, nal_units, pictures

from .media_bench import STREAM, Bench, MakeBench, later, merged
from .test_media_forwards import Camera, running

LOCAL = ("127.0.0.0/8",)
UNPACK = {Codec.H264: depacketize.h264, Codec.H265: depacketize.h265}


async def target_for(bench: Bench, **how: object) -> RtspTarget:
    target = RtspTarget(**how)  # type: ignore[arg-type]
    await asyncio.to_thread(target.__enter__)

    async def leave() -> None:
        await asyncio.to_thread(target.__exit__)

    bench.after(leave)
    return target


def spec_of(target: RtspTarget, password: str = PASSWORD) -> PushSpec:
    secret = (USER, password) if target.auth else ("", "")
    return PushSpec(STREAM, target.url, *secret, LOCAL)


async def until(condition: Callable[[], bool]) -> None:
    """A target in its own thread tells nobody."""
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def statistics(bench: Bench, info: PushInfo) -> PushStatistics:
    await bench.node.refresh()
    async with asyncio.timeout(10):
        while (found := bench.node.pushing.statistics(info.push_id)) is None:
            await asyncio.sleep(0.01)
    return found


def seen(packets: list[bytes], codec: Codec) -> list[list[bytes]]:
    """NAL units of the whole pictures that came, by a reader that is not the product's."""
    heads = [rtp(packet) for packet in packets]
    for one, two in itertools.pairwise(heads):
        assert two[2] == (one[2] + 1) & 0xFFFF
        assert (two[3] - one[3]) & 0xFFFFFFFF < 90_000, "RTP time steps back or jumps"
    found, payloads = [], []
    for _, marker, _, _, _, payload in heads:
        payloads.append(payload)
        if marker:
            found.append(UNPACK[codec](payloads))
            payloads = []
    return found


@pytest.mark.parametrize(
    ("codec", "auth", "shift"),
    [(Codec.H264, "", 0), (Codec.H265, "sha256", 4), (Codec.H264, "basic", 1)],
)
async def test_from_the_cached_pictures_on(
    bench: Bench, codec: Codec, auth: str, shift: int
) -> None:
    _, units = pictures(codec, count=60, gop=20)
    sound = g711(2.4)[1]
    everything = merged(units, sound)
    first = [unit for unit in everything if unit.dts < 30 * 3600]
    camera = await running(bench, first)
    target = await target_for(bench, auth=auth, shift=shift)
    info = await bench.node.pushing.open(spec_of(target))
    assert (info.stream_id, info.remote) == (STREAM, ("127.0.0.1", target.port))
    assert bench.node.pushing.infos() == [info]
    await bench.events.wait(ViewersChanged)
    await camera.send(everything[len(first) :])
    (published,) = target.published
    # From the key frame at 20 on; the last one waits for the next to be whole.
    await until(lambda: len(seen(list(published.packets[0]), codec)) >= 39)
    tracks, _ = read_tracks(published.sdp.encode())
    assert [track.codec for track in tracks] == [codec, Codec.G711A]
    shown = seen(list(published.packets[0]), codec)
    for picture, unit in zip(shown, units[20:], strict=False):
        assert picture == nal_units(unit.data)
    heard = b"".join(rtp(packet)[5] for packet in published.packets[1])
    assert heard
    assert heard in b"".join(unit.data for unit in sound)
    assert published.reports, "sender reports tie sound and picture together"
    found = await statistics(bench, info)
    assert found.bytes_out > sum(len(p) - 12 for p in published.packets[0])
    assert found.dropped_frames == 0
    await bench.node.pushing.close(info.push_id)
    await bench.node.pushing.close(info.push_id)
    assert bench.node.pushing.infos() == []
    assert bench.node.pushing.statistics(info.push_id) is None
    await until(lambda: published.over)
    assert target.requests[-1] == "TEARDOWN"
    async with asyncio.timeout(10):
        while bench.events.of(ViewersChanged)[-1].count:
            await asyncio.sleep(0.01)
    assert not bench.events.of(PushEnded), "who closes it knows"


@pytest.mark.parametrize("method", ["ANNOUNCE", "SETUP", "RECORD"])
async def test_a_refusal_has_its_status(bench: Bench, method: str) -> None:
    await running(bench, list(pictures()[1]))
    target = await target_for(bench)
    target.status[method] = 403
    with pytest.raises(PushRefused, match="403"):
        await bench.node.pushing.open(spec_of(target))
    assert bench.node.pushing.infos() == []
    await until(lambda: target.published[0].over if target.published else True)
    async with asyncio.timeout(10):
        while bench.events.of(ViewersChanged)[-1].count:
            await asyncio.sleep(0.01)


async def test_wrong_credentials_and_redirects_go_no_further(bench: Bench) -> None:
    await running(bench, list(pictures()[1]))
    target = await target_for(bench, auth="md5")
    with pytest.raises(PushRefused, match="401"):
        await bench.node.pushing.open(spec_of(target, "wrong"))
    assert target.requests == ["OPTIONS", "ANNOUNCE", "ANNOUNCE"]
    target.status["ANNOUNCE"] = 302
    with pytest.raises(PushRefused, match="302"):
        await bench.node.pushing.open(spec_of(target))
    assert target.connections == 2


async def test_what_cannot_be_pushed_to(bench: Bench) -> None:
    target = await target_for(bench)
    with pytest.raises(StreamUnknown):
        await bench.node.pushing.open(spec_of(target))
    await running(bench, list(pictures()[1]))
    with pytest.raises(MediaConnectFailed, match="this host itself"):
        await bench.node.pushing.open(replace(spec_of(target), allow=()))
    with pytest.raises(MediaConnectFailed, match="this host itself"):
        await bench.node.pushing.reach(replace(spec_of(target), allow=()))
    assert target.connections == 0
    await bench.node.pushing.reach(spec_of(target))
    await until(lambda: target.connections == 1)
    with pytest.raises(LocalError):
        await bench.node.pushing.open(PushSpec(STREAM, "ftp://127.0.0.1/x", allow=LOCAL))
    await asyncio.to_thread(target.hang_up)
    for ask in (bench.node.pushing.open, bench.node.pushing.reach):
        with pytest.raises(MediaConnectFailed):
            await ask(spec_of(target))
    assert bench.node.pushing.infos() == []


async def test_a_target_that_hangs_up_is_told_and_may_be_opened_again(bench: Bench) -> None:
    camera = await running(bench, list(pictures()[1]))
    target = await target_for(bench)
    info = await bench.node.pushing.open(spec_of(target))
    await until(lambda: target.packets > 0)
    await asyncio.to_thread(target.cut)
    ended = await bench.events.wait(PushEnded)
    assert (ended.stream_id, ended.push_id) == (STREAM, info.push_id)
    assert ended.reason
    assert bench.node.pushing.infos() == [info], "whoever opened it closes it"
    await bench.node.pushing.close(info.push_id)
    again = await bench.node.pushing.open(spec_of(target))
    assert again.push_id != info.push_id
    await camera.send(later(pictures()[1], 50 * 3600))
    await until(lambda: len(target.published) == 2 and len(target.published[1].packets[0]) > 0)


async def test_the_end_of_the_stream_is_told(bench: Bench) -> None:
    await running(bench, list(pictures()[1]))
    target = await target_for(bench)
    info = await bench.node.pushing.open(spec_of(target))
    await until(lambda: target.packets > 0)
    await bench.node.close_stream(STREAM, "over")
    assert await bench.events.wait(PushEnded) == PushEnded(STREAM, info.push_id, "over")
    await until(lambda: target.published[0].over)
    assert target.requests[-1] == "TEARDOWN"


async def test_tracks_that_change_end_it(bench: Bench) -> None:
    """A description cannot be taken back: sound that comes later needs another one."""
    units = pictures(count=100)[1]
    camera = await running(bench, list(units[:50]))
    target = await target_for(bench)
    info = await bench.node.pushing.open(spec_of(target))
    sound = tuple(later(g711(2.0)[1], 50 * 3600))
    await camera.send(merged(units[50:], sound))
    ended = await bench.events.wait(PushEnded)
    assert ended.reason == "the tracks changed"
    await bench.node.pushing.close(info.push_id)
    await bench.node.pushing.open(spec_of(target))
    kinds = [[t.kind for t in read_tracks(p.sdp.encode())[0]] for p in target.published]
    assert kinds == [["video"], ["video", "audio"]]


async def test_one_that_does_not_read_goes_on_at_a_key_frame(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=HubLimits(queue_bytes=200_000))
    units = encoded.pictures(Codec.H264, count=30, width=640, height=360, noise=9, gop=5)
    camera: Camera = await running(bench, list(units[:20]))
    target = await target_for(bench)
    info = await bench.node.pushing.open(spec_of(target))
    await until(lambda: target.packets > 0)
    target.reading.clear()
    ticks = 30 * 3600
    while (await statistics(bench, info)).dropped_frames < 20:
        await camera.send(later(units, ticks))
        ticks += 30 * 3600
    before = target.packets
    target.reading.set()
    await camera.send(later(units, ticks))
    await until(lambda: target.packets > before + 500)
    shown = seen(list(target.published[0].packets[0]), Codec.H264)
    sent: dict[bytes, AccessUnit] = {unit.data: unit for unit in units}
    keys = [any(unit[0] & 31 == 5 for unit in picture) for picture in shown]
    whole = {tuple(nal_units(data)) for data in sent}
    assert all(tuple(picture) in whole for picture in shown), "every picture is whole"
    assert keys.count(True) >= 3
