"""All streams on one port: SSRC and source address together tell them apart, never one alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from media.errors import PortsExhausted
from media.node import MediaStarted, ReceiveMode, ReceiverInfo, ReceiverSpec, StreamStatistics
from media.rtp.packet import frame_for_tcp
from tests.unit.media.samples import pictures

from .media_bench import Bench, MakeBench
from .media_cameras import HOST, TcpCamera, UdpCamera, packets_of

_, BIG = pictures(count=30)
_, SMALL = pictures(width=160, height=120, count=30)
FIRST, SECOND = "34020000001320000001", "34020000001320000002"
SHARED: tuple[ReceiveMode, ...] = ("udp", "tcp-passive")


def free_port() -> int:
    """Free for UDP and TCP at this moment."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                udp.bind((HOST, port))
                return port


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench(single_port=free_port())


async def opened(
    bench: Bench, stream: str, ssrc: int, mode: ReceiveMode = "udp", *sources: str
) -> ReceiverInfo:
    spec = ReceiverSpec(stream, mode, ssrc=ssrc, sources=sources or (HOST,))
    return await bench.node.open_receiver(spec)


async def figures(bench: Bench, stream: str) -> StreamStatistics:
    await bench.node.refresh()
    found = bench.node.statistics(stream)
    assert found is not None
    return found


async def until_frames(bench: Bench, stream: str, frames: int) -> StreamStatistics:
    async with asyncio.timeout(20):
        while (found := await figures(bench, stream)).frames < frames:
            await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("mode", SHARED)
async def test_streams_of_different_cameras(bench: Bench, mode: ReceiveMode) -> None:
    infos = [await opened(bench, FIRST, 1, mode), await opened(bench, SECOND, 2, mode)]
    assert infos[0].port == infos[1].port
    cameras = [await bench.camera(info) for info in infos]
    await cameras[1].send(packets_of(SMALL, ssrc=2))
    await cameras[0].send(packets_of(BIG, ssrc=1))
    for stream, width in ((FIRST, 320), (SECOND, 160)):
        found = await until_frames(bench, stream, 29)
        assert found.video is not None
        assert found.video.width == width
        assert found.lost == 0
    assert len(bench.events.of(MediaStarted)) == 2


async def test_streams_of_one_recorder_from_one_of_its_ports(bench: Bench) -> None:
    """Nothing but the SSRC tells them apart: what is not theirs is nobody's."""
    info = await opened(bench, FIRST, 1)
    await opened(bench, SECOND, 2)
    recorder = UdpCamera(info.port)
    bench.after(recorder.aclose)
    one, two = packets_of(BIG, ssrc=1), packets_of(SMALL, ssrc=2)
    third = packets_of(BIG, ssrc=3)
    for index in range(max(len(one), len(two))):
        await recorder.send([*one[index : index + 1], *two[index : index + 1], third[0]])
    first = await until_frames(bench, FIRST, 29)
    second = await until_frames(bench, SECOND, 29)
    assert (first.packets, second.packets) == (len(one), len(two))
    assert (first.ssrc_changes, second.ssrc_changes) == (0, 0)


@pytest.mark.parametrize("mode", SHARED)
async def test_a_right_ssrc_from_elsewhere_is_nobody(bench: Bench, mode: ReceiveMode) -> None:
    info = await opened(bench, FIRST, 1, mode)
    stranger: UdpCamera | TcpCamera
    if mode == "udp":
        stranger = UdpCamera(info.port, "127.0.0.9")
    else:
        stranger = TcpCamera()
        await stranger.dial(info.port, "127.0.0.9")
    bench.after(stranger.aclose)
    with contextlib.suppress(ConnectionError):
        await stranger.send(packets_of(SMALL, ssrc=1))
    camera = await bench.camera(info)
    await camera.send(packets_of(BIG, ssrc=1))
    with contextlib.suppress(ConnectionError):
        await stranger.send(packets_of(SMALL, ssrc=1, sequence=5000))
    found = await until_frames(bench, FIRST, 29)
    assert found.video is not None
    assert found.video.width == 320
    assert found.packets == len(packets_of(BIG))


async def test_a_camera_that_writes_another_ssrc_is_found_by_its_address(bench: Bench) -> None:
    """Zero, or its own: as cameras do. But only where exactly one stream waits for that address."""
    info = await opened(bench, FIRST, 1, "udp", "127.0.0.5/32")
    await opened(bench, SECOND, 2)
    camera = UdpCamera(info.port, "127.0.0.5")
    bench.after(camera.aclose)
    await camera.send(packets_of(BIG, ssrc=0))
    assert (await until_frames(bench, FIRST, 29)).ssrc == 0
    assert (await figures(bench, SECOND)).packets == 0


async def test_where_two_wait_for_an_address_a_strange_ssrc_is_nobodys(bench: Bench) -> None:
    info = await opened(bench, FIRST, 1)
    await opened(bench, SECOND, 2)
    camera = await bench.camera(info)
    await camera.send(packets_of(SMALL, ssrc=7))
    await camera.send(packets_of(BIG, ssrc=1))
    assert (await until_frames(bench, FIRST, 29)).packets == len(packets_of(BIG))
    assert (await figures(bench, SECOND)).packets == 0


async def test_a_stream_whose_sources_are_not_named_is_found_by_its_ssrc_alone_never(
    bench: Bench,
) -> None:
    info = await bench.node.open_receiver(ReceiverSpec(FIRST, "udp", ssrc=1))
    camera = await bench.camera(info)
    await camera.send(packets_of(SMALL, ssrc=9))
    await camera.send(packets_of(BIG, ssrc=1))
    assert (await until_frames(bench, FIRST, 29)).ssrc == 1


@pytest.mark.parametrize("mode", SHARED)
async def test_it_goes_on_after_it_was_invited_again(bench: Bench, mode: ReceiveMode) -> None:
    for ssrc in (1, 2):
        info = await opened(bench, FIRST, ssrc, mode)
        camera = await bench.camera(info)
        await camera.send(packets_of(BIG, ssrc=ssrc))
        await until_frames(bench, FIRST, 29 * ssrc)
        await bench.node.close_receiver(info.receiver_id)
        await bench.node.close_receiver(info.receiver_id)
    assert bench.node.receivers() == []


async def test_connections_without_a_packet_are_bounded(bench: Bench) -> None:
    info = await opened(bench, FIRST, 1, "tcp-passive")
    writers = []
    for _ in range(80):
        _, writer = await asyncio.open_connection(HOST, info.port)
        writers.append(writer)
    try:
        for writer in writers[40:]:
            writer.write(b"GET / HTTP/1.1\r\n\r\n" * 20)
        readers_gone = 0
        camera = None
        async with asyncio.timeout(20):
            while camera is None:
                # The oldest ones are in the way of nobody for longer than their time.
                _, writer = await asyncio.open_connection(HOST, info.port)
                writers.append(writer)
                for packet in packets_of(BIG, ssrc=1):
                    writer.write(frame_for_tcp(packet))
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                for _ in range(100):
                    if (await figures(bench, FIRST)).frames:
                        camera = writer
                        break
                    await asyncio.sleep(0.01)
                readers_gone += 1
    finally:
        for writer in writers:
            writer.close()
    assert (await figures(bench, FIRST)).frames


async def test_a_port_that_cannot_be_had(make_bench: MakeBench) -> None:
    port = free_port()
    bench = await make_bench(single_port=port)
    with socket.socket() as other:
        other.bind((HOST, port))
        other.listen()
        with pytest.raises(PortsExhausted, match=str(port)):
            await opened(bench, FIRST, 1)
    await opened(bench, FIRST, 1)
