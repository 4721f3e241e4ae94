"""What every media node must survive and tell: silence, loss, rubbish, strangers, idle viewers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from media.errors import (
    MediaConnectFailed,
)
from media.node import (
    MediaSilent,
    MediaStarted,
    MediaUnsupported,
    ReceiveMode,
    SilenceReason,
    ViewersChanged,
)
from media.options import HubLimits
from tests.unit.media.samples import judge_flv, pictures

from .media_bench import MODES, STREAM, Bench, MakeBench, later, two_free_ports
from .media_cameras import HOST, packets_of, psm_with

VIDEO, PICTURES = pictures(count=60)


@pytest.mark.parametrize("mode", MODES)
async def test_silence_is_told_once(make_bench: MakeBench, mode: ReceiveMode) -> None:
    bench = await make_bench(gap_s=1.0)
    info = await bench.receive(mode)
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    await bench.events.wait(MediaStarted)
    silent = await bench.events.wait(MediaSilent)
    assert silent.receiver_id == info.receiver_id
    assert silent.reason is SilenceReason.GAP
    assert silent.seconds >= 1.0
    await camera.send(packets_of(later(PICTURES[10:], 1), sequence=len(packets_of(PICTURES))))
    await bench.until(lambda s: s.frames > len(PICTURES))
    await bench.events.wait(MediaSilent, 2)
    assert len(bench.events.of(MediaStarted)) == 1


async def test_media_that_never_comes(make_bench: MakeBench) -> None:
    bench = await make_bench(gap_s=0.5)
    await bench.receive()
    silent = await bench.events.wait(MediaSilent)
    assert silent.reason is SilenceReason.NEVER
    assert bench.events.of(MediaStarted) == []
    statistics = await bench.statistics()
    assert (statistics.packets, statistics.source, statistics.video) == (0, None, None)


@pytest.mark.parametrize("mode", ["tcp-passive", "tcp-active"])
async def test_a_closed_connection_is_told_at_once(bench: Bench, mode: ReceiveMode) -> None:
    info = await bench.receive(mode)
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    await bench.events.wait(MediaStarted)
    await camera.aclose()
    silent = await bench.events.wait(MediaSilent)
    assert (silent.receiver_id, silent.reason) == (info.receiver_id, SilenceReason.CLOSED)


async def test_a_passive_receiver_takes_the_camera_that_connects_again(bench: Bench) -> None:
    info = await bench.receive("tcp-passive")
    watched = bench.watch()
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES[:30]))
    await watched.until(28)
    await camera.aclose()
    await bench.events.wait(MediaSilent)
    before = len(watched.frames())
    again = await bench.camera(info)
    await again.send(packets_of(PICTURES, sequence=5000))
    await watched.until(before + 55)
    assert all(a < b for a, b in pairwise(watched.frames()))
    assert judge_flv(bytes(watched.data)).decoded == len(watched.frames())


@pytest.mark.parametrize("mode", ["udp", "tcp-passive"])
async def test_media_from_elsewhere_is_counted_and_dropped(bench: Bench, mode: ReceiveMode) -> None:
    info = await bench.receive(mode, sources=("127.0.0.3/32",))
    watched = bench.watch()
    intruder = await bench.camera(info, "127.0.0.2")
    try:
        await intruder.send(packets_of(PICTURES[:3], ssrc=5))
    except ConnectionError:
        assert mode == "tcp-passive"
    camera = await bench.camera(info, "127.0.0.3")
    await camera.send(packets_of(PICTURES))
    await watched.until(len(PICTURES))
    statistics = await bench.statistics()
    assert statistics.foreign >= 1
    assert statistics.ssrc == 100_000_001
    assert statistics.source is not None
    assert statistics.source[0] == "127.0.0.3"
    assert judge_flv(bytes(watched.data)).decoded == len(PICTURES)


async def test_the_allowed_sources_can_be_changed(bench: Bench) -> None:
    """The SDP answer may name another address than the SIP message came from."""
    info = await bench.receive(sources=("127.0.0.3/32",))
    camera = await bench.camera(info, "127.0.0.2")
    await camera.send(packets_of(PICTURES[:2]))
    await bench.until(lambda s: s.foreign > 0)
    await bench.node.update_receiver(
        info.receiver_id, ssrc=7, sources=("127.0.0.3/32", "127.0.0.2/32")
    )
    await camera.send(packets_of(PICTURES))
    await bench.events.wait(MediaStarted)


async def test_rubbish_on_the_port_does_no_harm(bench: Bench) -> None:
    info = await bench.receive()
    rubbish = await bench.camera(info, "127.0.0.2")
    await rubbish.send([b"", b"x", b"OPTIONS sip:a SIP/2.0\r\n\r\n", bytes(1400)])
    await bench.until(lambda s: s.invalid == 4)
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    await bench.events.wait(MediaStarted)
    statistics = await bench.until(lambda s: s.frames == len(PICTURES))
    assert statistics.lost == 0


@pytest.mark.parametrize("mode", MODES)
async def test_lost_packets_are_counted_and_what_is_shown_is_whole(
    bench: Bench, mode: ReceiveMode
) -> None:
    info = await bench.receive(mode)
    watched = bench.watch()
    packets = packets_of(PICTURES)
    gone = set(range(40, len(packets) - 5, 37))
    await (await bench.camera(info)).send(p for i, p in enumerate(packets) if i not in gone)
    await bench.until(lambda s: s.packets == len(packets) - len(gone))
    statistics = await bench.until(lambda s: s.lost == len(gone))
    assert statistics.kernel_drops == 0
    await watched.until(20)
    judged = judge_flv(bytes(watched.data))
    assert 20 <= judged.decoded < len(PICTURES)


async def test_packets_in_disorder_are_put_in_order(bench: Bench) -> None:
    info = await bench.receive()
    watched = bench.watch()
    packets = packets_of(PICTURES)
    for i in range(10, len(packets) - 4, 9):
        packets[i], packets[i + 2] = packets[i + 2], packets[i]
    await (await bench.camera(info)).send(packets)
    await watched.until(len(PICTURES) - 1)
    assert (await bench.statistics()).lost == 0
    judged = judge_flv(bytes(watched.data))
    assert judged.decoded == len(watched.frames())


async def test_connecting_in_vain(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    info = await bench.receive("tcp-active", sources=("127.0.0.1/32",))
    with pytest.raises(MediaConnectFailed):
        await bench.node.connect(info.receiver_id, "127.0.0.9", 9)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    port = two_free_ports()
    with pytest.raises(MediaConnectFailed) as caught:
        await bench.node.connect(info.receiver_id, HOST, port)
    assert caught.value.port == port
    assert loop.time() - begin >= 3.0, "three more attempts, a second apart"


async def test_a_codec_that_is_not_carried_is_named(bench: Bench) -> None:
    info = await bench.receive()
    camera = await bench.camera(info)
    for index in range(0, 5):
        unit = replace(PICTURES[index * 10], data=b"\0\0\1\x0f" + bytes(range(200)))
        packets = psm_with(0x80, unit)
        await camera.send(packets_with_sequence(packets, index * len(packets)))
    unsupported = await bench.events.wait(MediaUnsupported)
    assert unsupported.receiver_id == info.receiver_id
    assert unsupported.codec == "svac"
    assert bench.events.of(MediaStarted) == []
    assert (await bench.statistics()).unsupported == "svac"


def packets_with_sequence(packets: list[bytes], first: int) -> list[bytes]:
    return [p[:2] + (first + i).to_bytes(2, "big") + p[4:] for i, p in enumerate(packets)]


async def test_a_viewer_that_does_not_read_is_bounded_and_harms_nobody(
    make_bench: MakeBench,
) -> None:
    bound = 64_000
    bench = await make_bench(limits=HubLimits(queue_bytes=bound, stall_s=1.0))
    info = await bench.receive()
    idle = bench.node.open_viewer(STREAM, "flv")
    watched = bench.watch()
    camera = await bench.camera(info)
    packets: list[bytes] = []
    for turn in range(10):
        units = later(PICTURES, turn * (PICTURES[-1].dts + 3600))
        packets = packets_of(units, sequence=turn * len(packets_of(PICTURES)))
        await camera.send(packets)
        await watched.until((turn + 1) * len(PICTURES) - 10)
    await watched.until(10 * len(PICTURES) - 2)
    await bench.node.refresh()
    assert watched.viewer.dropped_frames == 0
    assert idle.dropped_frames > 100
    await bench.events.wait(ViewersChanged, 3)
    assert idle.end_reason == "stalled"
    assert [chunk async for chunk in idle] == [], "nothing is kept for it"
    assert (await bench.statistics()).viewers == 1
    assert (await bench.statistics()).dropped_frames == idle.dropped_frames
