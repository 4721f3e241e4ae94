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

from media.errors import MediaConnectFailed
from media.receive.source_lock import SILENCE_S, Networks
from media.receive.udp import READ_BYTES, Deliver, Feed, SocketPoller
from media.rtp.packet import TcpSplitter

CONNECT_ATTEMPTS = 4
CONNECT_PAUSE_S = 1.0
CONNECT_TIMEOUT_S = 2.5
READS = 8
"""Per look and connection: one busy camera must not keep the loop from the others."""
MAX_CONNECTIONS = 8
"""Of one port, the waiting ones included; the oldest waiting one makes room."""


class _Connection:
    """One accepted or made connection: its socket, drained by the poller, and its framing.

    Not an asyncio transport: nothing is ever written here, and the poller reads all connections
    whose bursts came meanwhile in one wake.
    """

    __slots__ = ("_receiver", "_splitter", "closed", "remote", "sock")

    def __init__(self, receiver: TcpReceiver, sock: socket.socket, remote: tuple[str, int]) -> None:
        self._receiver = receiver
        self._splitter = TcpSplitter()
        self.sock = sock
        self.remote = remote
        self.closed = False

    def readable(self) -> None:
        """Take what is there, a bounded number of reads."""
        buffer = self._receiver.poller.buffer
        for _ in range(READS):
            try:
                size = self.sock.recv_into(buffer)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if not size:
                self._receiver.lost(self)
                return
            self.take(bytes(buffer[:size]))
            if self.closed or size < READ_BYTES:
                return

    def take(self, data: bytes) -> None:
        """Bytes of this connection."""
        packets = self._splitter.feed(data)
        if not packets:
            return
        receiver = self._receiver
        now = monotonic()
        if receiver.active is not self and not receiver.admit(self, now):
            return
        receiver.last_at = now
        outs = receiver.feed(packets, now)
        if outs:
            receiver.deliver(outs)


class TcpReceiver:
    """One leased port over TCP, in either direction."""

    def __init__(
        self,
        poller: SocketPoller,
        networks: Networks,
        feed: Feed,
        deliver: Deliver,
        *,
        on_new_source: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        self.poller = poller
        self.networks = networks
        self.feed = feed
        self.deliver = deliver
        self.active: _Connection | None = None
        self.last_at = 0.0
        """When the active connection last delivered a packet."""
        self.foreign = 0
        """Connections refused or replaced."""
        self.foreign_source: tuple[str, int] | None = None
        """Where the last such connection came from."""
        self._on_new_source = on_new_source
        self._on_closed = on_closed
        self._connections: dict[_Connection, None] = {}
        self._had_source = False
        self._closed = False
        self._listening: socket.socket | None = None
        self._accepting = False
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
            self.lost(connection)

    def listen(self, sock: socket.socket) -> None:
        """Passive: accept on a bound socket, which is ours from here on."""
        sock.listen(MAX_CONNECTIONS)
        self._listening = sock
        self._resume_accepting()

    def _resume_accepting(self) -> None:
        if self._listening is not None and not self._accepting:
            self._accepting = True
            asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept)

    def _pause_accepting(self) -> None:
        if self._listening is not None and self._accepting:
            self._accepting = False
            asyncio.get_running_loop().remove_reader(self._listening.fileno())

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            sock, address = self._listening.accept()
        except (BlockingIOError, ConnectionError):
            return  # the peer gave up meanwhile
        except OSError:
            # No descriptor is free: the connection stays in the queue, and trying at once would
            # be a busy loop.  The next tick tries again.
            self._pause_accepting()
            return
        self._arrived(sock, (address[0], address[1]))

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
        sock = open_tcp_socket(local[0], local[1], fallback=True)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        self._arrived(sock, (host, port))

    def _arrived(self, sock: socket.socket, remote: tuple[str, int]) -> None:
        """A connection was made; what it is worth shows with its first packet."""
        if self._closed or not self.networks.allow(remote[0]):
            self.foreign += 1
            self.foreign_source = remote
            sock.close()
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = _Connection(self, sock, remote)
        self._connections[connection] = None
        self.poller.add(sock.fileno(), connection.readable)
        if len(self._connections) > MAX_CONNECTIONS:
            self.foreign += 1
            self._drop(next(c for c in self._connections if c is not self.active))

    def adopt(self, sock: socket.socket, remote: tuple[str, int], data: bytes) -> None:
        """A connection that was accepted elsewhere, and what it has sent so far."""
        before = set(self._connections)
        self._arrived(sock, remote)
        for connection in [one for one in self._connections if one not in before]:
            connection.take(data)

    def _drop(self, connection: _Connection) -> None:
        if self._connections.pop(connection, connection) is None:
            connection.closed = True
            self.poller.remove(connection.sock.fileno())
            connection.sock.close()

    def admit(self, connection: _Connection, now: float) -> bool:
        """Packets came on a connection that is not the active one: does it become that?"""
        if self.active is not None and now - self.last_at < SILENCE_S:
            self.foreign += 1
            self.foreign_source = connection.remote
            self._drop(connection)
            return False
        replaced, self.active = self.active, connection
        if replaced is not None:
            self.foreign += 1
            self.foreign_source = replaced.remote
            self._drop(replaced)
        if self._had_source:
            self._on_new_source()
        self._had_source = True
        return True

    def lost(self, connection: _Connection) -> None:
        """It was closed by the sender, broke, or is not allowed any more."""
        self._drop(connection)
        if connection is self.active:
            self.active = None
            if not self._closed:
                self._on_closed()

    def tick(self, now: float) -> None:
        """Once a second."""
        self._resume_accepting()

    def close(self) -> None:
        """Stop receiving, drop all connections, free the port.  Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._listening is not None:
            self._pause_accepting()
            self._listening.close()
            self._listening = None
        if self._attempt is not None:
            self._attempt.cancel()
        for connection in list(self._connections):
            self._drop(connection)
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
