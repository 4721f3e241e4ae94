"""RTCP between a media node and a camera: where reports go, and what they say (RFC 3550)."""

from __future__ import annotations

import asyncio
import socket
import struct
from itertools import islice
from typing import NamedTuple

import pytest

from tests.unit.media.samples import pictures

from .media_bench import Bench, MakeBench
from .media_cameras import HOST, packets_of

_, PICTURES = pictures(count=60)
SSRC = 100_000_001
NTP = 0xE8B5_1234_5678_9ABC


class Told(NamedTuple):
    """A receiver report, read as RFC 3550 6.4.2 draws it."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


def read_report(data: bytes) -> Told:
    first, kind, words = struct.unpack_from(">BBH", data)
    assert (first, kind, words) == (0x81, 201, 7)
    source, losses, highest, jitter, last, delay = struct.unpack_from(">IIIIII", data, 8)
    assert data[32] >> 6 == 2
    assert data[33] == 202, "every compound names its sender"
    assert b"gb28181" in data[34:]
    return Told(source, losses >> 24, losses & 0xFFFFFF, highest, jitter, last, delay)


def sender_report() -> bytes:
    return struct.pack(">BBHIQIII", 0x80, 200, 6, SSRC, NTP, 90_000, 10, 1000)


class RtcpCamera:
    """Sends RTP from one port and RTCP from the one above, or both from one."""

    def __init__(self, port: int) -> None:
        self.node_port = port
        while True:
            self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.rtp.bind((HOST, 0))
            self.rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.rtcp.bind((HOST, self.rtp.getsockname()[1] + 1))
            except (OSError, OverflowError):
                self.rtp.close()
                self.rtcp.close()
                continue
            break
        for sock in (self.rtp, self.rtcp):
            sock.setblocking(False)

    async def send(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.rtp.sendto(packet, (HOST, self.node_port))
            await asyncio.sleep(0)

    async def heard(self, sock: socket.socket) -> bytes:
        async with asyncio.timeout(20):
            return await asyncio.get_running_loop().sock_recv(sock, 2048)

    async def aclose(self) -> None:
        self.rtp.close()
        self.rtcp.close()


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench(report_s=1.0)


async def camera_of(bench: Bench) -> RtcpCamera:
    info = await bench.receive()
    assert info.port % 2 == 0
    camera = RtcpCamera(info.port)
    bench.after(camera.aclose)
    return camera


async def test_reports_go_to_the_port_above_the_media(bench: Bench) -> None:
    camera = await camera_of(bench)
    packets = packets_of(PICTURES)
    await camera.send(packets)
    told = read_report(await camera.heard(camera.rtcp))
    assert told.ssrc == SSRC
    assert told.highest == len(packets) - 1
    assert (told.fraction, told.lost) == (0, 0)
    assert (told.last_report, told.delay) == (0, 0)
    measured = await bench.until(lambda s: s.measured.reports_sent > 0)
    assert measured.lost == 0


async def test_a_sender_report_comes_back_by_its_middle(bench: Bench) -> None:
    camera = await camera_of(bench)
    packets = packets_of(PICTURES)
    await camera.send(packets[:40])
    first = read_report(await camera.heard(camera.rtcp))
    assert first.last_report == 0
    camera.rtcp.sendto(sender_report(), (HOST, camera.node_port + 1))
    await camera.send(packets[40:])
    second = read_report(await camera.heard(camera.rtcp))
    assert second.last_report == NTP >> 16 & 0xFFFFFFFF
    assert 0 < second.delay < 20 * 65536
    assert (await bench.until(lambda s: s.measured.reports_heard == 1)).packets == len(packets)


async def test_rtcp_in_the_media_port_is_answered_there(bench: Bench) -> None:
    camera = await camera_of(bench)
    packets = packets_of(PICTURES)
    await camera.send([*packets[:10], sender_report(), *packets[10:]])
    told = read_report(await camera.heard(camera.rtp))
    assert told.last_report == NTP >> 16 & 0xFFFFFFFF
    assert told.highest == len(packets) - 1


async def test_what_is_lost_is_told(bench: Bench) -> None:
    camera = await camera_of(bench)
    packets = packets_of(PICTURES)
    await camera.send(packets[:20])
    read_report(await camera.heard(camera.rtcp))
    await camera.send([p for n, p in enumerate(packets[20:], 20) if n not in (30, 31, 32)])
    told = read_report(await camera.heard(camera.rtcp))
    assert told.lost == 3
    assert told.fraction == 3 * 256 // (len(packets) - 20)
    assert told.highest == len(packets) - 1


async def test_nobody_but_the_camera_is_heard_or_told(bench: Bench) -> None:
    """A report is no way to make the node send somewhere else."""
    camera = await camera_of(bench)
    await camera.send(packets_of(PICTURES[:10]))
    read_report(await camera.heard(camera.rtcp))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.7", 0))
        stranger.setblocking(False)
        stranger.sendto(sender_report(), (HOST, camera.node_port + 1))
        await camera.send(packets_of(PICTURES[10:], sequence=10))
        read_report(await camera.heard(camera.rtcp))
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    assert (await bench.statistics()).measured.reports_heard == 0


async def test_a_stream_that_needs_the_port_gets_it(make_bench: MakeBench) -> None:
    bench = await make_bench(first_port=31400, last_port=31403)
    infos = [await bench.receive(stream=f"{number:020d}") for number in range(4)]
    assert sorted(i.port for i in infos) == [31400, 31401, 31402, 31403]
    for info in infos:
        await bench.node.close_receiver(info.receiver_id, rest_s=0)


async def test_reports_can_be_turned_off(make_bench: MakeBench) -> None:
    bench = await make_bench(report_s=0.0)
    camera = await camera_of(bench)
    await camera.send(packets_of(PICTURES))
    # A measured second later a report would have gone out.
    await bench.until(lambda s: s.measured.bitrate_bps > 0)
    for sock in (camera.rtp, camera.rtcp):
        with pytest.raises(BlockingIOError):
            sock.recv(2048)


async def test_what_is_measured_once_a_second(bench: Bench) -> None:
    info = await bench.receive()
    camera = await bench.camera(info)
    packets = iter(packets_of(pictures(count=200)[1]))
    seen = []

    async def send() -> None:
        """On and on, a little at a time, until a whole second was measured."""
        while not seen:
            await camera.send(list(islice(packets, 2)))
            await asyncio.sleep(0.02)

    sending = asyncio.ensure_future(send())
    seen.append(await bench.until(lambda s: s.measured.fps > 1 and s.measured.bitrate_bps > 1000))
    await sending
    await camera.send(list(packets))
    found = await bench.until(lambda s: s.frames >= 199)
    assert found.measured.loss == 0
    found = await bench.until(lambda s: s.measured.gop_frames > 0)
    assert found.measured.gop_frames == 10
    assert found.measured.gop_s == pytest.approx(10 / 25, abs=0.01)
    assert found.video is not None
    assert (found.video.width, found.video.height) == (320, 240)
