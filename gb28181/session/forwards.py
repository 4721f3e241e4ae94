"""Live pictures sent on by hand: to an address somebody names, if it is in an allowed network.

What a platform above asks for by INVITE is another matter (cascade); this is for whoever has no
SIP: tests, and software that takes program stream in RTP. A forward is a viewer of its stream: it
begins the pull and keeps it running.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from gb28181.errors import BadInput, Busy, Forbidden, Leg, LegFailed, NotFound, PlatformError
from gb28181.session.address import Network
from gb28181.session.model import StreamKey
from gb28181.session.service import SessionService
from gb28181.session.ssrc import format_ssrc
from gb28181.telemetry import events_outgoing as ev
from gb28181.telemetry.logs import get_logger
from media.errors import MediaConnectFailed, MediaError, PortsExhausted, StreamUnknown
from media.node import MediaNode, NodeEvent
from media.outgoing import (
    ForwardConnected,
    ForwardEnded,
    ForwardInfo,
    ForwardMode,
    ForwardSpec,
    ForwardStatistics,
)
from sip.flow import host_port

MOST = 200
"""Forwards at one time; the next one gets 503."""

log = get_logger("session")


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a picture is wanted."""

    key: StreamKey
    host: str
    port: int
    """Of the receiver; without meaning when it connects itself."""
    mode: ForwardMode
    ssrc: int | None


@dataclass(frozen=True, slots=True)
class ForwardView:
    """A forward as the API tells it. ssrc has ten digits, remote is ``host:port``."""

    forward_id: str
    channel_id: str
    stream_id: str
    transport: str
    ssrc: str
    local_host: str
    local_port: int
    remote: str | None
    packets: int
    bytes_out: int
    dropped_packets: int
    dropped_frames: int
    started_at: datetime


class Forwards:
    """Those of one node."""

    def __init__(
        self, sessions: SessionService, node: MediaNode, allow: Iterable[str], rest_s: float
    ) -> None:
        self._sessions = sessions
        self._node = node
        self._allow: tuple[Network, ...] = tuple(
            ipaddress.ip_network(network, strict=False) for network in allow
        )
        self._rest_s = rest_s
        self._open: dict[str, tuple[StreamKey, ForwardInfo, datetime]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen to the media node."""
        self._node.listen(self._heard)

    async def aclose(self) -> None:
        """Close all. Idempotent."""
        for forward_id in list(self._open):
            await self._close(forward_id)

    async def open(self, wish: Wish) -> ForwardView:
        """Send a live picture on, its pull begun if need be.

        Raises Forbidden, BadInput, Busy, NotFound, LegFailed, PlatformError.
        """
        self._check(wish.host)
        if len(self._open) >= MOST:
            raise Busy("forwards_exhausted", f"{MOST} streams are sent on already")
        await self._sessions.live(wish.key.channel_id, None, wish.key.stream)
        ssrc = secrets.randbelow(10**9) + 1 if wish.ssrc is None else wish.ssrc
        spec = ForwardSpec(wish.key.stream_id, wish.mode, ssrc, networks=(wish.host,))
        try:
            info = await self._node.open_forward(spec)
        except PortsExhausted as error:
            raise LegFailed(Leg.NO_PORT, str(error)) from error
        except StreamUnknown as error:
            raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
        self._open[info.forward_id] = wish.key, info, datetime.now(UTC)
        if wish.mode != "tcp-passive":
            try:
                await self._node.aim_forward(info.forward_id, wish.host, wish.port)
            except BaseException as error:
                await self._close(info.forward_id)
                if isinstance(error, MediaConnectFailed):
                    raise PlatformError("connect_failed", str(error), 502) from error
                raise
        return self.view(info.forward_id)

    def view(self, forward_id: str) -> ForwardView:
        """One that is open; raises NotFound."""
        if forward_id not in self._open:
            raise NotFound("forward", forward_id)
        key, info, started_at = self._open[forward_id]
        found = self._node.forward_statistics(forward_id)
        seen = found or ForwardStatistics(forward_id, None, 0, 0, 0, 0, 0)
        return ForwardView(
            forward_id,
            key.channel_id,
            info.stream_id,
            info.mode,
            format_ssrc(info.ssrc),
            info.host,
            info.port,
            None if seen.remote is None else host_port(seen.remote),
            seen.packets,
            seen.bytes_out,
            seen.dropped_packets,
            seen.dropped_frames,
            started_at,
        )

    def views(self) -> list[ForwardView]:
        """All that are open."""
        return [self.view(forward_id) for forward_id in self._open]

    async def close(self, forward_id: str) -> None:
        """Send no more; raises NotFound."""
        if forward_id not in self._open:
            raise NotFound("forward", forward_id)
        await self._close(forward_id)

    async def _close(self, forward_id: str) -> None:
        if self._open.pop(forward_id, None) is not None:
            try:
                await self._node.close_forward(forward_id, rest_s=self._rest_s)
            except MediaError:
                return  # it went with its worker

    def _check(self, host: str) -> None:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise BadInput("host has to be an IP address", host=host) from None
        if not any(address.version == net.version and address in net for net in self._allow):
            raise Forbidden(f"media may not be sent to {host}: no network of media.allow has it")

    def _heard(self, event: NodeEvent) -> None:
        match event:
            case ForwardConnected():
                log.event(
                    ev.FORWARD_STARTED,
                    stream_id=event.stream_id,
                    forward_id=event.forward_id,
                    remote=host_port(event.remote),
                )
            case ForwardEnded():
                log.event(
                    ev.FORWARD_ENDED,
                    stream_id=event.stream_id,
                    forward_id=event.forward_id,
                    reason=event.reason,
                )
                if event.forward_id in self._open:
                    task = asyncio.get_running_loop().create_task(self._close(event.forward_id))
                    self._closing.add(task)
                    task.add_done_callback(self._closing.discard)
