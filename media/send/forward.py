"""One stream on its way to one receiver: packs out of a viewer's queue, RTP headers in front.

The queue is that of any viewer (`media.output.viewers`), so a receiver that does not read is
bounded, dropped to the next key frame and at last given up. Over UDP bursts are spread: a key frame
that leaves at once overruns the receive buffer most receivers have.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from time import time

from media.errors import MediaError
from media.outgoing import (
    ForwardConnected,
    ForwardEnded,
    ForwardInfo,
    ForwardSpec,
    ForwardStatistics,
)
from media.output.viewers import StreamViewer
from media.rtp.outlet import Outlet, Track
from media.rtp.pack import unbundle
from media.rtp.udp import Pacer
from media.send.sender import Sender
from media.unit import CLOCK_HZ
from media.viewer import Sound, ViewerKind, Who

CONNECT_S = 30.0
"""A forward that could not send anything by then ends: nobody connected, or nobody aimed it."""
STALL_S = 30.0
"""A connection that takes nothing for so long is given up."""
AT_ONCE = 64
"""Packets given to a connection before it is waited for."""
REMOTE = "{}:{}"

Tell = Callable[[ForwardConnected | ForwardEnded], None]
Look = Callable[[str, ViewerKind, Sound, Who], StreamViewer]
"""Opens a viewer of a stream; raises StreamUnknown, ViewersExhausted."""


class Forward:
    """A sender, and the viewer it is fed by once it can send."""

    def __init__(self, spec: ForwardSpec, info: ForwardInfo, look: Look, tell: Tell) -> None:
        """`look` is asked for the stream's packs."""
        self.info = info
        self.sender: Sender | None = None
        self._look = look
        self._tell = tell
        self._track = Track(
            spec.payload_type,
            CLOCK_HZ,
            ssrc=spec.ssrc,
            sequence=secrets.randbelow(1 << 15),
            first_time=secrets.randbits(31),
        )
        self._outlet = Outlet("", self._track, None)
        self._pacer = Pacer()
        self._viewer: StreamViewer | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._late = asyncio.get_running_loop().call_later(
            CONNECT_S, self.ended, f"nobody to send to in {CONNECT_S:.0f} s"
        )

    def __repr__(self) -> str:
        return f"<Forward {self.info.forward_id} {self.info.stream_id} {self._track.packets}>"

    def begin(self) -> None:
        """Packets can go."""
        sender = self.sender
        if self._over or self._task is not None or sender is None or sender.remote is None:
            return
        self._late.cancel()
        try:
            remote = REMOTE.format(*sender.remote)
            viewer = self._look(self.info.stream_id, "ps", "raw", Who(remote=remote))
        except MediaError as error:
            self.ended(str(error))
            return
        self._viewer = viewer
        self._tell(ForwardConnected(self.info.stream_id, self.info.forward_id, sender.remote))
        self._task = asyncio.get_running_loop().create_task(self._run(viewer, sender))

    async def _run(self, viewer: StreamViewer, sender: Sender) -> None:
        reason = ""
        try:
            async for chunk in viewer:
                for unit in unbundle(chunk):
                    packed = self._outlet.packed(unit, time())
                    if packed is not None:
                        await self._send(packed[2], sender)
            reason = viewer.end_reason or ""
        except OSError as error:
            reason = str(error)
        finally:
            with suppress(asyncio.CancelledError):
                await viewer.aclose()
        self.ended(reason)

    async def _send(self, packets: list[bytes], sender: Sender) -> None:
        if self.info.mode == "udp":
            await self._pacer.send(packets, self._take)
            return
        for at in range(0, len(packets), AT_ONCE):
            self._take(packets[at : at + AT_ONCE])
            try:
                async with asyncio.timeout(STALL_S):
                    await sender.room()
            except TimeoutError:
                raise OSError(f"the receiver took nothing for {STALL_S:.0f} s") from None

    def _take(self, packets: list[bytes]) -> None:
        if self.sender is not None:
            self.sender.send_all(packets)

    def ended(self, reason: str) -> None:
        """It can send no more."""
        if not self._over:
            self.close()
            self._tell(ForwardEnded(self.info.stream_id, self.info.forward_id, reason))

    def close(self) -> None:
        """Stop. Idempotent."""
        self._over = True
        self._late.cancel()
        if self.sender is not None:
            self.sender.close()
        if self._viewer is not None:
            self._viewer.end("closed")
            self._viewer.queue.discard()

    def statistics(self) -> ForwardStatistics:
        sender = self.sender
        return ForwardStatistics(
            forward_id=self.info.forward_id,
            remote=None if sender is None else sender.remote,
            packets=self._track.packets,
            bytes_out=self._track.octets,
            dropped_packets=0 if sender is None else sender.dropped,
            dropped_frames=0 if self._viewer is None else self._viewer.dropped_frames,
            foreign=0 if sender is None else sender.foreign,
        )
