"""One RTSP session at work: its tracks, its ports, and the task that sends.

The task reads one viewer of the stream. Over TCP it waits while the player's socket is full, and
the viewer's queue meanwhile drops to the next key frame; over UDP nothing waits and bursts are
spread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic, time
from typing import Protocol

from media.errors import PortsExhausted
from media.node import MediaNode, Sound, Viewer, Who
from media.ports import PortPool
from media.rtp.outlet import Outlet, Track, frame
from media.rtp.rtcp import Feedback, read
from media.rtp.sdp import RtpCodec
from media.rtp.udp import Pacer, UdpTrack
from media.rtsp.address import Wanted
from media.rtsp.session import SessionEffect, SessionInput, SessionMachine, SessionState


class Line(Protocol):
    """The connection a session sends on."""

    local: str
    peer: tuple[str, int]

    def write(self, data: bytes) -> None: ...

    def writable(self) -> Awaitable[None]:
        """Wait until the player's socket takes more."""
        ...


@dataclass(frozen=True, slots=True)
class SetUp:
    """A track as it was agreed on."""

    track: Track
    udp: UdpTrack | None
    transport: str
    """The answer's Transport header."""


class Play:
    """Tracks of one session, and the sending of them."""

    def __init__(
        self,
        session_id: str,
        stream_id: str,
        line: Line,
        node: MediaNode,
        on_over: Callable[[Play, str], None],
        who: Who,
    ) -> None:
        self.session_id = session_id
        self.stream_id = stream_id
        self.machine = SessionMachine(monotonic())
        self.tracks: dict[int, SetUp] = {}
        self.began = False
        """It was played, at least for a moment."""
        self.reports = 0
        """Compounds with reports that came."""
        self._line = line
        self._node = node
        self._on_over = on_over
        self._who = who
        self._outlet: Outlet | None = None
        self._viewer: Viewer | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused_at = 0.0
        self._taken = 0
        self._last_bytes = 0

    def __repr__(self) -> str:
        return f"<Play {self.session_id} {self.stream_id} {self.machine.state.value}>"

    @property
    def tcp(self) -> bool:
        return all(one.udp is None for one in self.tracks.values())

    @property
    def channels(self) -> set[int]:
        """Interleaved channels it uses."""
        used = [one.track.channel for one in self.tracks.values() if one.udp is None]
        return {channel + more for channel in used for more in (0, 1)}

    def set_up(
        self, number: int, codec: RtpCodec, wanted: Wanted, ports: PortPool, dice: Callable[[], int]
    ) -> SetUp:
        """Agree on a track; a second time replaces the first. Raises PortsExhausted, OSError."""
        old = self.tracks.pop(number, None)
        if old is not None and old.udp is not None:
            old.udp.close()
        track = Track(
            codec.payload_type,
            codec.clock,
            ssrc=dice(),
            sequence=dice() & 0x7FFF,
            first_time=dice() & 0x7FFFFFFF,
            channel=(wanted.first or 0) if wanted.tcp else 0,
        )
        if wanted.tcp:
            told = f"RTP/AVP/TCP;unicast;interleaved={track.channel}-{track.channel + 1}"
            agreed = SetUp(track, None, f"{told};ssrc={track.ssrc:08X}")
        else:
            agreed = self._over_udp(track, wanted, ports)
        self.tracks[number] = agreed
        return agreed

    def start(self, codecs: list[RtpCodec]) -> None:
        """Begin to look at the stream, and to send. Raises StreamUnknown, ViewersExhausted."""
        kinds = {codecs[number].kind: one.track for number, one in self.tracks.items()}
        sound: Sound = "raw" if "audio" in kinds else "off"
        self._viewer = self._node.open_viewer(self.stream_id, "rtp", audio=sound, who=self._who)
        self.began = True
        if self._outlet is None:
            self._outlet = Outlet(self.session_id, kinds.get("video"), kinds.get("audio"))
        else:
            self._outlet.pause(monotonic() - self._paused_at)

    def go(self) -> None:
        """Send from here on: the answer to PLAY is on its way."""
        self._task = asyncio.create_task(self._run())

    def rtp_info(self, number: int) -> str:
        """Sequence number and time of the first packet, for the answer to PLAY."""
        track = self.tracks[number].track
        begins = self._outlet.begins_at if self._outlet is not None else 0
        return f"seq={track.sequence};rtptime={track.time(begins)}"

    async def halt(self) -> None:
        """Stop sending; the tracks stay."""
        self._paused_at = monotonic()
        task, self._task = self._task, None
        viewer, self._viewer = self._viewer, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if viewer is not None:
            await viewer.aclose()

    async def release(self) -> None:
        """Let go of everything. Idempotent."""
        await self.halt()
        for agreed in self.tracks.values():
            if agreed.udp is not None:
                agreed.udp.close()

    def heard(self, data: bytes) -> list[Feedback]:
        """RTCP from the viewer."""
        found = read(data)
        if found:
            self.reports += 1
            self.machine.handle(SessionInput.ALIVE, monotonic())
        return found

    def look(self, now: float) -> list[SessionEffect]:
        """Once a second: a player that takes bytes over TCP lives, whatever it says."""
        taken = self._taken
        if self.tcp and taken != self._last_bytes and self.machine.state is SessionState.PLAYING:
            self._last_bytes = taken
            self.machine.handle(SessionInput.ALIVE, now)
        return self.machine.handle(SessionInput.TICK, now)

    @property
    def cut(self) -> str | None:
        """Why the stream has ended for this viewer though it still waits for its socket."""
        viewer = self._viewer
        return viewer.end_reason if viewer is not None else None

    def _over_udp(self, track: Track, wanted: Wanted, ports: PortPool) -> SetUp:
        if wanted.first is None or wanted.second is None:
            raise PortsExhausted("no ports were named")
        remote = (self._line.peer[0], wanted.first, wanted.second)
        udp = UdpTrack(ports, self._line.local, remote, self._over_rtcp)
        told = (
            f"RTP/AVP;unicast;client_port={wanted.first}-{wanted.second};"
            "server_port={}-{}".format(*udp.local_ports)
        )
        return SetUp(track, udp, f"{told};ssrc={track.ssrc:08X}")

    def _over_rtcp(self, data: bytes) -> None:
        self.heard(data)

    async def _run(self) -> None:
        viewer, outlet = self._viewer, self._outlet
        assert viewer is not None
        assert outlet is not None
        try:
            if self.tcp:
                await self._send_framed(viewer, outlet)
            else:
                await self._send_datagrams(viewer, outlet)
        except ConnectionError:
            return  # the connection tells its own end
        self._say_goodbye(outlet)
        self._on_over(self, viewer.end_reason or "client_gone")

    async def _send_framed(self, viewer: Viewer, outlet: Outlet) -> None:
        line = self._line
        async for chunk in viewer:
            await line.writable()
            line.write(outlet.framed(chunk, time()))
            self._taken += len(chunk)

    async def _send_datagrams(self, viewer: Viewer, outlet: Outlet) -> None:
        by_track = {one.track.ssrc: one.udp for one in self.tracks.values() if one.udp}
        pacer = Pacer()
        async for chunk in viewer:
            for track, reports, packets in outlet.packets(chunk, time()):
                udp = by_track[track.ssrc]
                if reports:
                    udp.send_rtcp(reports)
                await pacer.send(packets, udp.send)
                if udp.gone:
                    return

    def _say_goodbye(self, outlet: Outlet) -> None:
        for track, packet in outlet.goodbyes():
            for one in self.tracks.values():
                if one.track is not track:
                    continue
                if one.udp is not None:
                    one.udp.send_rtcp(packet)
                else:
                    self._line.write(frame(track.channel + 1, packet))
