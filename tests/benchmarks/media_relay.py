"""CPU of a media node: % of one core per 4 Mbit/s stream, by transport and number of viewers.

    python -m tests.benchmarks.media_relay --streams 20 --seconds 10 --viewers 0 1 10

Three processes: cameras (each frame sent as one burst, every 40 ms, streams spread over the 40 ms),
the node under test with uvloop, and viewers that read FLV over TCP.  Only the node is measured, by
its own CPU clock, after media has begun everywhere.  The frames that came out are counted, so that
a figure for a node that lost half of them is not mistaken for a good one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace

import uvloop

from media.inprocess import InProcessNode, NodeOptions
from media.node import MediaStarted, NodeEvent, ReceiveMode, ReceiverSpec
from media.ps_mux import PsMuxer
from media.rtp import RtpPacketizer
from media.unit import AccessUnit, Codec
from media.viewers import StreamViewer

HOST = "127.0.0.1"
GOP = 50
KEY_BYTES = 100_000
PICTURE_BYTES = 18_250
SEQUENCE_AND_TIME = struct.Struct(">HI")


def pattern() -> list[list[bytearray]]:
    """The packets of two seconds, 25 pictures and 25 packets of G.711A each, frame by frame."""
    from tests.unit.media.samples import pictures

    _, (key, *_) = pictures(count=2, width=1920, height=1080, gop=2)
    muxer = PsMuxer(Codec.H264, Codec.G711A)
    packetizer = RtpPacketizer(0)
    frames = []
    for index in range(GOP):
        size = KEY_BYTES if index == 0 else PICTURE_BYTES
        head = key.data if index == 0 else b"\0\0\0\1\x41\x9a\x24\x6c"
        # No byte pairs of zeros: nothing in it looks like a start code.
        data = head + re.sub(b"\0\0+", b"\0\7", os.urandom(size - len(head)))
        unit = AccessUnit(True, Codec.H264, index * 3600, index * 3600, index == 0, data)
        frames.append(packetizer.packetize(muxer.frame(unit), 0))
        sound = AccessUnit(False, Codec.G711A, unit.dts, unit.dts, True, b"\xd5" * 320)
        frames.append(packetizer.packetize(muxer.frame(sound), 0))
    return [[bytearray(p) for p in frame] for frame in frames]


def send(mode: ReceiveMode, ports: list[int]) -> None:
    """The cameras: until killed."""
    frames = pattern()
    socks = []
    for port in ports:
        kind = socket.SOCK_DGRAM if mode == "udp" else socket.SOCK_STREAM
        sock = socket.socket(socket.AF_INET, kind)
        sock.connect((HOST, port))
        socks.append(sock)
    sequence = [0] * len(ports)
    step = 0.04 / len(ports)
    begin = time.monotonic()
    tick = 0
    while True:
        for number, sock in enumerate(socks):
            due = begin + tick * 0.04 + number * step
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            for half in (0, 1):
                frame = frames[(tick % GOP) * 2 + half]
                stamp = tick * 3600 + half & 0xFFFFFFFF
                parts = []
                for packet in frame:
                    SEQUENCE_AND_TIME.pack_into(packet, 2, sequence[number], stamp)
                    struct.pack_into(">I", packet, 8, number + 1)
                    sequence[number] = sequence[number] + 1 & 0xFFFF
                    if mode == "udp":
                        sock.send(packet)
                    else:
                        parts.append(len(packet).to_bytes(2, "big") + packet)
                if parts:
                    sock.sendall(b"".join(parts))
        tick += 1


def watch(port: int, count: int) -> None:
    """The viewers: read and forget, until killed."""
    import selectors

    selector = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.create_connection((HOST, port))
        selector.register(sock, selectors.EVENT_READ)
    buffer = bytearray(1 << 20)
    while True:
        for key, _ in selector.select():
            if not key.fileobj.recv_into(buffer):  # type: ignore[union-attr]
                return


class ViewerConnection(asyncio.Protocol):
    """Writes one viewer to its socket, as a worker's HTTP server would."""

    def __init__(self, viewer: StreamViewer) -> None:
        self.viewer = viewer
        self.task: asyncio.Task[None] | None = None
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        self.task = asyncio.ensure_future(self.pump(transport))

    async def pump(self, transport: asyncio.BaseTransport) -> None:
        write = transport.write  # type: ignore[attr-defined]
        async for chunk in self.viewer:
            write(chunk)
            await self.may_write.wait()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()


async def measure(
    mode: ReceiveMode, streams: int, viewers: int, seconds: float
) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    options = NodeOptions(bind_host=HOST, first_port=33000, last_port=34999)
    node = InProcessNode(replace(options, viewers=streams * viewers + 1))
    await node.start()
    started: set[str] = set()
    everywhere = asyncio.Event()

    def on_event(event: NodeEvent) -> None:
        if isinstance(event, MediaStarted):
            started.add(event.stream_id)
            if len(started) == streams:
                everywhere.set()

    node.listen(on_event)
    memory = resident_bytes()
    infos = [
        await node.open_receiver(ReceiverSpec(f"s{i}", mode, ssrc=i + 1)) for i in range(streams)
    ]
    open_viewers = [
        node.open_viewer(f"s{i}", "flv") for i in range(streams) for _ in range(viewers)
    ]
    waiting = list(open_viewers)
    server = await loop.create_server(lambda: ViewerConnection(waiting.pop()), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.media_relay"]
    helpers = []
    try:
        if viewers:
            helpers.append(
                subprocess.Popen([*command, "--watch", str(port), str(len(open_viewers))])
            )
        ports = json.dumps([i.port for i in infos])
        helpers.append(subprocess.Popen([*command, "--send", mode, ports]))
        async with asyncio.timeout(30):
            await everywhere.wait()
        await asyncio.sleep(2.5)
        before = totals(node, streams)
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        after = totals(node, streams)
        memory = resident_bytes() - memory
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()
    moved = {key: (after[key] - before[key]) / wall / streams for key in after}
    server.close()
    await node.aclose()
    return {
        "cpu %/stream": 100 * cpu / wall / streams,
        "MB/stream": memory / streams / 1e6,
        "frames/s": moved["frames"],
        "packets/s": moved["packets"],
        "Mbit/s in": moved["bytes_in"] * 8e-6,
        "Mbit/s out": moved["bytes_out"] * 8e-6,
        "lost": after["lost"],
        "kernel drops": after["kernel_drops"],
        "skipped": after["dropped_frames"],
    }


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def totals(node: InProcessNode, streams: int) -> dict[str, int]:
    found = dict.fromkeys(
        ("frames", "packets", "bytes_in", "bytes_out", "lost", "kernel_drops", "dropped_frames"), 0
    )
    for i in range(streams):
        statistics = node.statistics(f"s{i}")
        assert statistics is not None
        for key in found:
            found[key] += getattr(statistics, key)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--viewers", type=int, nargs="*", default=[0, 1, 10])
    parser.add_argument("--modes", nargs="*", default=["udp", "tcp-passive"])
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--watch", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send:
        send(arguments.send[0], json.loads(arguments.send[1]))
    elif arguments.watch:
        watch(*arguments.watch)
    else:
        for mode in arguments.modes:
            for viewers in arguments.viewers:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    result = runner.run(
                        measure(mode, arguments.streams, viewers, arguments.seconds)
                    )
                row = "  ".join(f"{key} {value:.3f}" for key, value in result.items())
                print(
                    f"{mode:12} streams {arguments.streams}  viewers {viewers}  {row}", flush=True
                )


if __name__ == "__main__":
    main()
