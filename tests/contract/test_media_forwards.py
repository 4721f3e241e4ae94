"""What every media node must do for who wants a stream as program stream; see `test_media_node`."""

from __future__ import annotations

import asyncio
import io
import itertools
import socket
from collections.abc import Sequence
from dataclasses import replace

import av
import pytest

from media.errors import LocalError, MediaConnectFailed, StreamUnknown
from media.node import MediaStarted, ViewersChanged
from media.options import HubLimits
from media.outgoing import (
    ForwardConnected,
    ForwardEnded,
    ForwardInfo,
    ForwardMode,
    ForwardSpec,
    ForwardStatistics,
    ForwardUnknown,
)
from media.unit import AccessUnit, Codec
from tests.support.depacketize import rtp
from tests.unit.media import encoded
from tests.unit.media.samples import g711, pictures

from .media_bench import MODES, STREAM, Bench, MakeBench, later, merged
from .media_cameras import HOST, TcpCamera, UdpCamera, packets_of
from .media_speakers import Loudspeaker

SSRC = 3402000001


async def receiver(
    bench: Bench, mode: ForwardMode, ssrc: int = SSRC
) -> tuple[ForwardInfo, Loudspeaker]:
    """A forward of the stream, and who gets it."""
    spec = ForwardSpec(STREAM, mode, ssrc, networks=(HOST,))
    info = await bench.node.open_forward(spec)
    peer = Loudspeaker([])
    bench.after(peer.aclose)
    if mode == "udp":
        await peer.bind()
        await bench.node.aim_forward(info.forward_id, HOST, peer.port)
    elif mode == "tcp-active":
        await peer.listen()
        await bench.node.aim_forward(info.forward_id, HOST, peer.port)
    else:
        await peer.dial(info.port, 65_536)
    return info, peer


async def running(bench: Bench, units: list[AccessUnit]) -> Camera:
    """A camera that has sent these and may go on."""
    camera = Camera(await bench.camera(await bench.receive("tcp-passive")))
    await camera.send(units)
    await bench.events.wait(MediaStarted)
    await bench.until(lambda s: s.frames >= len([unit for unit in units if unit.video]))
    return camera


class Camera:
    """Sends units in packets numbered without a gap."""

    def __init__(self, camera: UdpCamera | TcpCamera) -> None:
        self._camera = camera
        self._sequence = 0

    async def send(self, units: Sequence[AccessUnit]) -> None:
        packets = packets_of(units, sequence=self._sequence)
        self._sequence = (self._sequence + len(packets)) & 0xFFFF
        await self._camera.send(packets)


def programme(packets: list[bytes]) -> bytes:
    return b"".join(rtp(packet)[5] for packet in packets)


def decoded(packets: list[bytes]) -> tuple[dict[str, int], int]:
    """FFmpeg's view of the program stream: packets by codec, pictures that decode."""
    found: dict[str, int] = {}
    frames = 0
    with av.open(io.BytesIO(programme(packets)), format="mpeg") as container:
        for packet in container.demux():
            if packet.dts is None:
                continue
            name = packet.stream.codec_context.name
            found[name] = found.get(name, 0) + 1
            if packet.stream.type == "video":
                frames += len(packet.decode())
        frames += sum(len(v.codec_context.decode(None)) for v in container.streams.video)
    return found, frames


def packs(peer: Loudspeaker) -> int:
    """Whole packs that came: one for each unit."""
    return sum(rtp(packet)[1] for packet in peer.packets)


async def statistics(bench: Bench, info: ForwardInfo) -> ForwardStatistics:
    await bench.node.refresh()
    async with asyncio.timeout(10):
        while (found := bench.node.forward_statistics(info.forward_id)) is None:
            await asyncio.sleep(0.01)
    return found


def assert_sound_rtp(packets: list[bytes], ssrc: int = SSRC) -> None:
    heads = [rtp(packet) for packet in packets]
    assert {(head[0], head[4]) for head in heads} == {(96, ssrc)}
    assert all(len(packet) <= 1412 for packet in packets)
    for one, two in itertools.pairwise(heads):
        assert two[2] == (one[2] + 1) & 0xFFFF
        assert (two[3] - one[3]) & 0xFFFFFFFF < 90_000, "RTP time steps back or jumps"
        assert (two[3] == one[3]) or one[1], "every pack ends with a marker"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_from_the_cached_pictures_on(bench: Bench, mode: ForwardMode, codec: Codec) -> None:
    _, units = pictures(codec, count=60, gop=20)
    sound = g711(2.4)[1]
    everything = merged(units, sound)
    first = [unit for unit in everything if unit.dts < 30 * 3600]
    camera = await running(bench, first)
    info, peer = await receiver(bench, mode)
    connected = await bench.events.wait(ForwardConnected)
    assert (connected.stream_id, connected.forward_id) == (STREAM, info.forward_id)
    assert [one.count for one in bench.events.of(ViewersChanged)] == [1]
    await camera.send(everything[len(first) :])
    # From the key frame at 20 on; the last unit of each kind waits for the next one to be whole.
    due = len([unit for unit in everything if unit.dts >= 20 * 3600])
    await peer.until(lambda: packs(peer) >= due - 2)
    assert_sound_rtp(peer.packets)
    codecs, frames = decoded(peer.packets)
    assert 39 <= frames <= 40
    assert codecs["pcm_alaw"] >= 30
    found = await statistics(bench, info)
    assert found.packets >= len(peer.packets) > 0
    assert found.remote is not None
    assert (found.dropped_packets, found.dropped_frames, found.foreign) == (0, 0, 0)
    await bench.node.close_forward(info.forward_id)
    await bench.node.close_forward(info.forward_id)
    assert bench.node.forwards() == []
    await bench.events.wait(ViewersChanged, 2)
    assert not bench.events.of(ForwardEnded), "who closes it knows"


async def test_several_get_the_same_packs(bench: Bench) -> None:
    _, units = pictures(count=40, gop=20)
    camera = await running(bench, list(units[:25]))
    _, one = await receiver(bench, "udp", 1)
    _, two = await receiver(bench, "tcp-active", 2)
    await bench.events.wait(ForwardConnected, 2)
    await camera.send(units[25:])
    for peer in (one, two):
        await peer.until(lambda peer=peer: packs(peer) >= 19)  # type: ignore[misc]
    assert_sound_rtp(one.packets, 1)
    assert_sound_rtp(two.packets, 2)
    size = min(len(programme(one.packets)), len(programme(two.packets)))
    assert programme(one.packets)[:size] == programme(two.packets)[:size]


async def test_a_key_frame_does_not_overrun_an_ordinary_socket(bench: Bench) -> None:
    units = encoded.pictures(Codec.H264, count=24, width=640, height=360, noise=9, gop=3)
    # A datagram of 1,412 bytes takes 2,304 of the buffer: none of these key frames fits in.
    assert min(len(unit.data) for unit in units if unit.key) > 140_000
    camera = await running(bench, list(units[:15]))  # it waits half a second for a sound
    packets: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 212_992 // 2)  # the kernel doubles it
        sock.bind((HOST, 0))
        sock.settimeout(10)
        due = sum(len(unit.data) for unit in units[12:23])

        def receive() -> None:
            size = 0
            while size < due:
                packets.append(sock.recv(2048))
                size += len(packets[-1]) - 12

        reading = asyncio.get_running_loop().run_in_executor(None, receive)
        info = await bench.node.open_forward(ForwardSpec(STREAM, "udp", SSRC))
        await bench.node.aim_forward(info.forward_id, HOST, sock.getsockname()[1])
        await camera.send(units[15:])
        await reading
    assert_sound_rtp(packets)
    assert decoded(packets)[1] >= 10
    assert (await statistics(bench, info)).dropped_packets == 0


async def test_one_that_does_not_read_goes_on_at_a_key_frame(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=HubLimits(queue_bytes=200_000))
    units = encoded.pictures(Codec.H264, count=30, width=640, height=360, noise=9, gop=5)
    camera = await running(bench, list(units[:20]))
    info, peer = await receiver(bench, "tcp-passive")
    await bench.events.wait(ForwardConnected)
    await peer.until(lambda: bool(peer.packets))
    peer.pause()
    ticks = 30 * 3600
    while (await statistics(bench, info)).dropped_frames < 20:
        await camera.send(later(units, ticks))
        ticks += 30 * 3600
    before = len(peer.packets)
    peer.resume()
    await camera.send(later(units, ticks))
    await peer.until(lambda: len(peer.packets) > before + 500)
    heads = [rtp(packet) for packet in peer.packets]
    assert all(two[2] == (one[2] + 1) & 0xFFFF for one, two in itertools.pairwise(heads))
    codecs, frames = decoded(peer.packets)
    assert frames == codecs["h264"] or frames == codecs["h264"] - 1, "every picture sent decodes"


@pytest.mark.parametrize("mode", MODES)
async def test_the_end_of_the_stream_is_told(bench: Bench, mode: ForwardMode) -> None:
    await running(bench, list(pictures()[1]))
    info, peer = await receiver(bench, mode)
    await bench.events.wait(ForwardConnected)
    await bench.node.close_stream(STREAM, "over")
    ended = await bench.events.wait(ForwardEnded)
    assert ended == ForwardEnded(STREAM, info.forward_id, "over")
    assert bench.node.forwards() == [info], "whoever opened it closes it"
    await bench.node.close_forward(info.forward_id)
    if mode != "udp":
        await peer.until(lambda: peer.closed)


@pytest.mark.parametrize("mode", ["tcp-passive", "tcp-active"])
async def test_a_receiver_that_hangs_up_is_told(bench: Bench, mode: ForwardMode) -> None:
    await running(bench, list(pictures()[1]))
    info, peer = await receiver(bench, mode)
    await peer.until(lambda: bool(peer.packets))
    await peer.aclose()
    ended = await bench.events.wait(ForwardEnded)
    assert ended.forward_id == info.forward_id
    assert ended.reason
    await bench.events.wait(ViewersChanged, 2)


async def test_nothing_goes_to_an_address_that_is_not_allowed(bench: Bench) -> None:
    with pytest.raises(StreamUnknown):
        await bench.node.open_forward(ForwardSpec(STREAM, "udp", SSRC))
    await running(bench, list(pictures()[1]))
    spec = ForwardSpec(STREAM, "udp", SSRC, networks=("127.0.0.9",))
    info = await bench.node.open_forward(spec)
    for host, port in ((HOST, 5000), ("127.0.0.9", 0), ("camera.example", 5000)):
        with pytest.raises(MediaConnectFailed):
            await bench.node.aim_forward(info.forward_id, host, port)
    with pytest.raises(ForwardUnknown):
        await bench.node.aim_forward("nobody", HOST, 5000)
    passive = await bench.node.open_forward(replace(spec, mode="tcp-passive"))
    stranger = Loudspeaker([])
    bench.after(stranger.aclose)
    await stranger.dial(passive.port)
    await stranger.until(lambda: stranger.closed)
    assert stranger.packets == []
    while not (await statistics(bench, passive)).foreign:
        await asyncio.sleep(0.01)
    with pytest.raises((LocalError, ValueError)):
        await bench.node.open_forward(replace(spec, networks=("no network",)))
    assert len(bench.node.forwards()) == 2
    assert not bench.events.of(ForwardConnected)
