"""Streams that a media node pushes by RTMP: FFmpeg receives them, and so does our own server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from media.errors import LocalError, MediaConnectFailed, MediaTimeout
from media.node import ViewersChanged
from media.pushing import PushEnded, PushInfo, PushRefused, PushSpec
from media.rtmp.publications import Publications
from media.rtmp.server import RtmpOptions, RtmpServer
from media.unit import Codec
from tests.unit.media.samples import g711, judge_flv, pictures

from .media_bench import STREAM, Bench, merged
from .test_media_forwards import running

LOCAL = ("127.0.0.0/8",)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spec_of(port: int, key: str = "secret") -> PushSpec:
    return PushSpec(STREAM, f"rtmp://127.0.0.1:{port}/live/{key}", allow=LOCAL)


async def opened(bench: Bench, spec: PushSpec) -> PushInfo:
    """FFmpeg does not say when it listens, so it is tried until it does."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await bench.node.pushing.open(spec)
            except MediaConnectFailed:
                await asyncio.sleep(0.1)


async def receiver_for(bench: Bench, *, most: int = 64) -> tuple[RtmpServer, Publications]:
    publications = Publications()
    publications.permit(STREAM, "secret")
    server = RtmpServer(RtmpOptions("127.0.0.1", 0, most), publications, lambda _: None)
    await server.start()
    bench.after(server.aclose)
    return server, publications


def port_of(server: RtmpServer) -> int:
    assert server.bound is not None
    return server.bound[1]


async def test_ffmpeg_takes_it(bench: Bench, tmp_path: Path) -> None:
    _, units = pictures(Codec.H264, count=60, gop=20)
    everything = merged(units, g711(2.4)[1])
    first = [unit for unit in everything if unit.dts < 30 * 3600]
    camera = await running(bench, first)
    port, file = free_port(), tmp_path / "taken.flv"
    url = f"rtmp://127.0.0.1:{port}/live/secret"
    command = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-listen", "1", "-i", url)
    ffmpeg = await asyncio.create_subprocess_exec(*command, "-c", "copy", str(file))
    try:
        info = await opened(bench, spec_of(port))
        assert (info.stream_id, info.remote) == (STREAM, ("127.0.0.1", port))
        await camera.send(everything[len(first) :])
        sent = len(units[20].data)
        async with asyncio.timeout(20):
            found = None
            while found is None or found.bytes_out < sent:
                await bench.node.refresh()
                found = bench.node.pushing.statistics(info.push_id)
                await asyncio.sleep(0.02)
        # The last picture is given out when it is known to be whole: half a second later.
        async with asyncio.timeout(20):
            before = -1
            while found is None or found.bytes_out != before:
                before = -1 if found is None else found.bytes_out
                await asyncio.sleep(1.0)
                await bench.node.refresh()
                found = bench.node.pushing.statistics(info.push_id)
        await bench.node.pushing.close(info.push_id)
        async with asyncio.timeout(20):
            await ffmpeg.wait()
    finally:
        if ffmpeg.returncode is None:
            os.kill(ffmpeg.pid, signal.SIGKILL)
            await ffmpeg.wait()
    judged = judge_flv(file.read_bytes())
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert judged.decoded >= 39
    assert not bench.events.of(PushEnded), "who closes it knows"


async def test_h265_goes_as_enhanced_rtmp(bench: Bench) -> None:
    _, units = pictures(Codec.H265, count=30, gop=10)
    await running(bench, list(units))
    server, publications = await receiver_for(bench)
    info = await bench.node.pushing.open(spec_of(port_of(server)))
    async with asyncio.timeout(10):
        while (running_now := publications.running(STREAM)) is None or not running_now.bytes_in:
            await asyncio.sleep(0.01)

    class Ear:
        def __init__(self) -> None:
            self.bodies: list[bytes] = []

        def take(self, messages: object, now: float) -> None:
            self.bodies += [m.data for m in messages if m.kind == 9]  # type: ignore[attr-defined]

        def ended(self, reason: str) -> None:
            self.bodies.append(reason.encode())

    ear = Ear()
    async with asyncio.timeout(10):
        while len(ear.bodies) < 2:
            ear.bodies.clear()
            running_now.join(ear, 0.0)
            running_now.leave(ear)
            await asyncio.sleep(0.01)
    assert ear.bodies[0][:5] == b"\x90hvc1"
    assert ear.bodies[1][:5] == b"\x91hvc1"
    running_now.join(ear, 0.0)
    await bench.node.pushing.close(info.push_id)
    async with asyncio.timeout(10):
        while publications.running(STREAM) is not None:
            await asyncio.sleep(0.01)
    assert ear.bodies[-1] == b"it stopped publishing"


async def test_a_refusal_has_its_code(bench: Bench) -> None:
    await running(bench, list(pictures()[1]))
    server, _ = await receiver_for(bench)
    with pytest.raises(PushRefused, match="BadName"):
        await bench.node.pushing.open(spec_of(port_of(server), "wrong"))
    assert bench.node.pushing.infos() == []
    viewers = bench.events.of(ViewersChanged)
    assert not viewers or viewers[-1].count == 0


async def test_what_cannot_be_pushed_to(bench: Bench) -> None:
    await running(bench, list(pictures()[1]))
    port = free_port()
    with pytest.raises(MediaConnectFailed):
        await bench.node.pushing.open(spec_of(port))
    with pytest.raises(MediaConnectFailed, match="this host itself"):
        await bench.node.pushing.open(PushSpec(STREAM, f"rtmp://127.0.0.1:{port}/live/x"))
    with pytest.raises(LocalError):
        await bench.node.pushing.open(
            PushSpec(STREAM, f"rtmp://127.0.0.1:{port}/live", allow=LOCAL)
        )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        with pytest.raises((PushRefused, MediaTimeout)):
            await bench.node.pushing.open(spec_of(port))
    assert bench.node.pushing.infos() == []


async def test_a_server_that_goes_away_is_told(bench: Bench) -> None:
    await running(bench, list(pictures()[1]))
    server, publications = await receiver_for(bench)
    info = await bench.node.pushing.open(spec_of(port_of(server)))
    publications.forbid(STREAM, "its key was changed")
    ended = await bench.events.wait(PushEnded)
    assert (ended.stream_id, ended.push_id) == (STREAM, info.push_id)
    assert ended.reason
    await bench.node.pushing.close(info.push_id)
