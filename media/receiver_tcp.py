"""TCP receivers: RTP framed by RFC 4571, passive (we listen) and active (we connect).

Any address may connect to a media port, so a connection counts only when it comes from an allowed
network, and one at a time is taken.  The first that delivers RTP is it; another replaces it once
it has been silent for five seconds or never delivered anything (a scanner, a half-open connection
of a camera that was restarted).  GB/T 28181-2022 annex D: retries at least three times, at least
one second apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from time import monotonic
from typing import cast

from media.errors import MediaConnectFailed
from media.receiver_udp import Deliver, Feed
from media.rtp import TcpSplitter
from media.source_lock import SILENCE_S, Networks

CONNECT_ATTEMPTS = 4
CONNECT_PAUSE_S = 1.0
CONNECT_TIMEOUT_S = 2.5
MAX_CONNECTIONS = 8
"""Of one port, the waiting ones included; the oldest waiting one makes room."""


class _Connection(asyncio.Protocol):
    """One TCP connection and its framing."""

    __slots__ = ("_receiver", "_splitter", "remote", "transport")

    def __init__(self, receiver: TcpReceiver) -> None:
        self._receiver = receiver
        self._splitter = TcpSplitter()
        self.transport: asyncio.Transport | None = None
        self.remote: tuple[str, int] = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self.remote = (peer[0], peer[1])
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._receiver.arrived(self)

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        packets = self._splitter.feed(data)
        if not packets:
            return
        now = monotonic()
        if receiver.active is not self and not receiver.admit(self, now):
            return
        receiver.last_at = now
        feed = receiver.feed
        for packet in packets:
            outs = feed(packet, now)
            if outs:
                receiver.deliver(outs)

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiver.lost(self)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class TcpReceiver:
    """One leased port over TCP, in either direction."""

    def __init__(
        self,
        networks: Networks,
        feed: Feed,
        deliver: Deliver,
        *,
        on_new_source: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        self.networks = networks
        self.feed = feed
        self.deliver = deliver
        self.active: _Connection | None = None
        self.last_at = 0.0
        """When the active connection last delivered a packet."""
        self.foreign = 0
        """Connections refused or replaced."""
        self._on_new_source = on_new_source
        self._on_closed = on_closed
        self._connections: dict[_Connection, None] = {}
        self._had_source = False
        self._closed = False
        self._server: asyncio.Server | None = None
        self._attempt: asyncio.Task[None] | None = None

    @property
    def source(self) -> tuple[str, int] | None:
        return None if self.active is None else self.active.remote

    @property
    def connected(self) -> bool:
        return bool(self._connections)

    def allow_only(self, networks: Networks) -> None:
        """Other networks from now on; connections from outside them are dropped."""
        self.networks = networks
        for connection in [c for c in self._connections if not networks.allow(c.remote[0])]:
            self.foreign += 1
            connection.abort()

    async def listen(self, sock: socket.socket) -> None:
        """Passive: accept on a bound socket, which is ours from here on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), sock=sock, backlog=MAX_CONNECTIONS
        )

    async def connect(self, host: str, port: int, local: tuple[str, int]) -> None:
        """Active: connect, from the leased port where the system allows it.

        Raises MediaConnectFailed.
        """
        try:
            allowed = self.networks.allow(host)
        except ValueError:
            raise MediaConnectFailed(host, port, "not an IP address") from None
        if not allowed:
            raise MediaConnectFailed(host, port, "address not allowed")
        reason = ""
        for attempt in range(CONNECT_ATTEMPTS):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            if self._closed:
                raise MediaConnectFailed(host, port, "receiver closed")
            # The local port is tried once: after a failure it may stand in TIME_WAIT.
            bind_to = local if attempt == 0 else (local[0], 0)
            self._attempt = asyncio.create_task(self._connect_once(host, port, bind_to))
            try:
                await self._attempt
                return
            except asyncio.CancelledError:
                if not self._closed:
                    raise
                raise MediaConnectFailed(host, port, "receiver closed") from None
            except (OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            finally:
                self._attempt = None
        raise MediaConnectFailed(host, port, reason)

    async def _connect_once(self, host: str, port: int, local: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        sock = open_tcp_socket(local[0], local[1], fallback=True)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.sock_connect(sock, (host, port))
                await loop.create_connection(lambda: _Connection(self), sock=sock)
        except BaseException:
            sock.close()
            raise

    def arrived(self, connection: _Connection) -> None:
        """A connection was made; what it is worth shows with its first packet."""
        if self._closed or not self.networks.allow(connection.remote[0]):
            self.foreign += 1
            connection.abort()
            return
        self._connections[connection] = None
        if len(self._connections) > MAX_CONNECTIONS:
            oldest = next(c for c in self._connections if c is not self.active)
            self.foreign += 1
            del self._connections[oldest]
            oldest.abort()

    def admit(self, connection: _Connection, now: float) -> bool:
        """Packets came on a connection that is not the active one: does it become that?"""
        if connection not in self._connections:
            return False
        if self.active is not None and now - self.last_at < SILENCE_S:
            self.foreign += 1
            connection.abort()
            return False
        replaced, self.active = self.active, connection
        if replaced is not None:
            self.foreign += 1
            self._connections.pop(replaced, None)
            replaced.abort()
        if self._had_source:
            self._on_new_source()
        self._had_source = True
        return True

    def lost(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)
        if connection is self.active:
            self.active = None
            if not self._closed:
                self._on_closed()

    def tick(self, now: float) -> None:
        """Nothing to do once a second; here so that both receivers look alike."""

    def close(self) -> None:
        """Stop receiving, drop all connections, free the port.  Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._server is not None:
            self._server.close()
        if self._attempt is not None:
            self._attempt.cancel()
        for connection in list(self._connections):
            connection.abort()
        self.active = None


def open_tcp_socket(host: str, port: int, *, fallback: bool = False) -> socket.socket:
    """A bound, non-blocking TCP socket; with `fallback`, any port when this one is refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            if not fallback:
                raise
            sock.bind((host, 0))
    except BaseException:
        sock.close()
        raise
    return sock
