"""A media node under test with cameras, viewers and events around it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TypeVar

from media.node import (
    MediaNode,
    NodeEvent,
    ReceiveMode,
    ReceiverInfo,
    ReceiverSpec,
    Sound,
    StreamStatistics,
    Viewer,
)
from media.unit import AccessUnit

from .media_cameras import HOST, TcpCamera, UdpCamera

STREAM = "34020000001320000001"
MODES: tuple[ReceiveMode, ...] = ("udp", "tcp-passive", "tcp-active")
T = TypeVar("T")


class Events:
    """Everything a node told, and waiting for the next of a kind."""

    def __init__(self) -> None:
        self.all: list[NodeEvent] = []
        self._more = asyncio.Event()

    def __call__(self, event: NodeEvent) -> None:
        self.all.append(event)
        self._more.set()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.all if isinstance(event, kind)]

    async def wait(self, kind: type[T], count: int = 1) -> T:
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                self._more.clear()
                await self._more.wait()
        return self.of(kind)[count - 1]


class Watched:
    """A viewer whose bytes are read as they come."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.data = bytearray()
        self.chunks = 0
        self._more = asyncio.Event()
        self.task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for chunk in self.viewer:
            self.data += chunk
            self.chunks += 1
            self._more.set()
        self._more.set()

    def tags(self, kind: int = 9) -> list[tuple[int, bytes]]:
        """(milliseconds, body) of all whole tags of a kind that came so far."""
        found = []
        position = 13
        while position + 11 <= len(self.data):
            head = self.data[position : position + 11]
            size = int.from_bytes(head[1:4], "big")
            if position + 15 + size > len(self.data):
                break
            if head[0] == kind:
                ms = int.from_bytes(head[4:7], "big") | head[7] << 24
                found.append((ms, bytes(self.data[position + 11 : position + 11 + size])))
            position += 15 + size
        return found

    def frames(self) -> list[int]:
        """Times of the pictures that came so far, sequence headers left out."""
        return [
            ms
            for ms, body in self.tags()
            if (body[0] & 0x80 and body[0] & 0x0F == 1) or (not body[0] & 0x80 and body[1] == 1)
        ]

    def sounds(self) -> list[int]:
        """Times of the sound frames that came so far."""
        return [ms for ms, body in self.tags(8) if body[1] == 1]

    async def until(self, count: int, what: Callable[[], list[int]] | None = None) -> None:
        """Until so many pictures (or of `what`) came."""
        async with asyncio.timeout(10):
            while len((what or self.frames)()) < count:
                self._more.clear()
                await self._more.wait()

    async def end(self) -> None:
        async with asyncio.timeout(10):
            await self.task


class Bench:
    """A node under test with what a test needs around it."""

    def __init__(self, node: MediaNode, stack: AsyncExitStack) -> None:
        self.node = node
        self.events = Events()
        self._stack = stack
        node.listen(self.events)

    def after(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call this when the test is over."""
        self._stack.push_async_callback(close)

    def watch(self, *, audio: Sound = "off", stream: str = STREAM) -> Watched:
        viewer = self.node.open_viewer(stream, "flv", audio=audio)
        watched = Watched(viewer)

        async def stop() -> None:
            await viewer.aclose()
            await watched.end()

        self._stack.push_async_callback(stop)
        return watched

    async def receive(
        self, mode: ReceiveMode = "udp", *, stream: str = STREAM, sources: tuple[str, ...] = ()
    ) -> ReceiverInfo:
        return await self.node.open_receiver(
            ReceiverSpec(stream, mode, ssrc=100_000_001, sources=sources)
        )

    async def camera(self, info: ReceiverInfo, host: str = HOST) -> UdpCamera | TcpCamera:
        """A camera that is ready to send to this receiver."""
        camera: UdpCamera | TcpCamera
        if info.mode == "udp":
            camera = UdpCamera(info.port, host)
        else:
            camera = TcpCamera()
            if info.mode == "tcp-passive":
                await camera.dial(info.port, host)
            else:
                await self.node.connect(info.receiver_id, HOST, await camera.listen())
        self._stack.push_async_callback(camera.aclose)
        return camera

    @property
    def pid(self) -> int:
        """The process that works."""
        return getattr(self.node, "pid", None) or os.getpid()

    async def statistics(self) -> StreamStatistics:
        await self.node.refresh()
        statistics = self.node.statistics(STREAM)
        assert statistics is not None
        return statistics

    async def until(self, condition: Callable[[StreamStatistics], bool]) -> StreamStatistics:
        """Statistics have no event: asked until they hold, with a deadline."""
        async with asyncio.timeout(10):
            while not condition(found := await self.statistics()):
                await asyncio.sleep(0.01)
        return found


MakeBench = Callable[..., Awaitable[Bench]]


def two_free_ports() -> int:
    """The even one of a pair that is free for UDP at this moment."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1] & ~1
        try:
            for number in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((HOST, number))
        except OSError:
            continue
        return int(port)


def later(units: tuple[AccessUnit, ...], ticks: int) -> list[AccessUnit]:
    return [replace(u, pts=u.pts + ticks, dts=u.dts + ticks) for u in units]


def merged(*tracks: tuple[AccessUnit, ...]) -> list[AccessUnit]:
    return sorted((u for t in tracks for u in t), key=lambda u: (u.dts, not u.video))
