"""One browser that looks at a stream over WebRTC.

It counts as a viewer from the answer on, so that the pull does not end while it connects. When it
is connected it begins with the pictures since the last key frame, squeezed to the present. What it
asks for again is sent again from a short memory; a key frame it asks for is asked of the camera.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic, time
from typing import Final

from media.node import MediaNode, Sound, Viewer, Who
from media.output.live_edge import LiveEdge
from media.rtp.outlet import Outlet
from media.rtp.pack import unbundle
from media.rtp.rtcp import KeyFrameWanted, PacketsWanted, read
from media.rtp.udp import BURST, BURST_PAUSE_S
from media.whep.link import Link
from media.whep.sdp import Offer

CONNECT_S = 15.0
"""A browser that has not connected within this time after its answer is let go."""
MEMORY: Final = 256
"""Packets that can be sent again: half a second of 4 Mbit/s."""
REPEATS: Final = 128
"""Packets sent again between two reads of the stream."""


class Peer:
    """Link, outlet and the task that sends."""

    def __init__(
        self,
        peer_id: str,
        name: str,
        stream_id: str,
        who: Who,
        link: Link,
        outlet: Outlet,
        *,
        on_key_wanted: Callable[[], None],
    ) -> None:
        self.peer_id = peer_id
        self.name = name
        """The stream's name in the address."""
        self.stream_id = stream_id
        self.who = who
        self.link = link
        self.ended = "client_gone"
        self._outlet = outlet
        self._sound: Sound = "raw" if outlet.audio is not None else "off"
        self._edge = LiveEdge(video=outlet.video is not None)
        self._on_key_wanted = on_key_wanted
        self._sent: OrderedDict[int, bytes] = OrderedDict()
        self._leaving: set[asyncio.Task[None]] = set()
        self._viewer: Viewer | None = None
        self._left = BURST
        self._repeats = REPEATS

    def __repr__(self) -> str:
        return f"<Peer {self.peer_id} {self.stream_id} connected={self.link.connected}>"

    def look(self, node: MediaNode) -> None:
        """Be a viewer from here on. Raises StreamUnknown, ViewersExhausted."""
        before, self._viewer = self._viewer, None
        self._viewer = node.open_viewer(self.stream_id, "rtp", audio=self._sound, who=self.who)
        if before is not None:
            task = asyncio.get_running_loop().create_task(before.aclose())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def run(self, node: MediaNode, offer: Offer) -> None:
        """Connect, send until either side ends, let go of everything."""
        try:
            async with asyncio.timeout(CONNECT_S):
                connected = await self.link.connect(offer.ice, offer.dtls)
            if not connected:
                self.ended = "not_connected"
                return
            self.look(node)  # anew: what waited meanwhile is old
            await self._until_gone()
        except TimeoutError:
            self.ended = "not_connected"
        finally:
            await asyncio.shield(self._close())

    def heard(self, data: bytes) -> None:
        """RTCP from the browser."""
        for feedback in read(data):
            if isinstance(feedback, KeyFrameWanted):
                self._on_key_wanted()
            elif isinstance(feedback, PacketsWanted):
                self._repeat(feedback)

    async def _until_gone(self) -> None:
        sending = asyncio.create_task(self._send())
        gone = asyncio.create_task(self.link.closed.wait())
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and sending.exception() is None and self._viewer is not None:
                self.ended = self._viewer.end_reason or self.ended
        finally:
            for task in (sending, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await task

    async def _send(self) -> None:
        viewer, outlet, edge = self._viewer, self._outlet, self._edge
        assert viewer is not None
        async for chunk in viewer:
            for unit in unbundle(chunk):
                moved = edge.move(unit, monotonic())
                found = None if moved is None else outlet.packed(moved, time())
                if found is None:
                    continue
                track, report, packets = found
                if report:
                    self.link.send(report, rtcp=True)
                for packet in packets:
                    await self._packet(packet, keep=track is outlet.video)
            self._left, self._repeats = BURST, REPEATS

    async def _packet(self, packet: bytes, *, keep: bool) -> None:
        if not self._left:
            await asyncio.sleep(BURST_PAUSE_S)
            self._left = BURST
        self._left -= 1
        if keep:
            self._sent[packet[2] << 8 | packet[3]] = packet
            if len(self._sent) > MEMORY:
                self._sent.popitem(last=False)
        self.link.send(packet)

    def _repeat(self, wanted: PacketsWanted) -> None:
        video = self._outlet.video
        if video is None or wanted.ssrc != video.ssrc:
            return
        with contextlib.suppress(ConnectionError):
            for number in wanted.sequences:
                packet = self._sent.get(number)
                if packet is not None and self._repeats:
                    self._repeats -= 1
                    self.link.send(packet)

    async def _close(self) -> None:
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            await viewer.aclose()
        with contextlib.suppress(ConnectionError):
            for _, packet in self._outlet.goodbyes():
                self.link.send(packet, rtcp=True)
        await self.link.close()
