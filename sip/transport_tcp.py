"""SIP over TCP (RFC 3261 §18, §18.3): connections that both sides may use for requests and answers.

Bounded everywhere, for anybody may connect: the number of connections, those of one address that
have not registered, the time such a one may say nothing, and what is written to a peer that does
not read. A registered connection is *held* by the application: only its own keepalive rules end
it, and a whole city may sit behind one address.
"""

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from sip.errors import ParseError, TransportFailed
from sip.flow import Address, Flow
from sip.framing import StreamFramer
from sip.message import Request, Response

_BACKLOG = 4_096
# A dead peer behind NAT is noticed by the kernel: nothing but SIP is ever written to a SIP port.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


class CloseReason(StrEnum):
    PEER = "peer_closed"
    ERROR = "connection_error"
    IDLE = "idle"
    SLOW = "slow_reader"
    GARBAGE = "garbage"
    SHUTDOWN = "shutdown"
    CLOSED = "closed_by_us"


@dataclass(frozen=True, slots=True)
class TcpLimits:
    connections: int = 32_768
    """All open connections."""
    per_address: int = 512
    """Connections of one address that nobody holds."""
    idle_s: float = 60.0
    """Without a whole message, for a connection nobody holds."""
    write_bytes: int = 1_048_576
    """Written and not yet taken by the peer."""


Incoming = Request | Response | ParseError


class Connection(asyncio.Protocol):
    """One TCP connection. The transport below owns the table it stands in."""

    def __init__(self, owner: "TcpTransport", number: int) -> None:
        self._owner = owner
        self._number = number
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self.flow: Flow | None = None
        self.reason = CloseReason.PEER
        self.held = False
        self.heard_at = 0.0

    def connection_made(self, base: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, base)  # that of uvloop is no subclass
        self._transport = transport
        remote = transport.get_extra_info("peername")
        local = transport.get_extra_info("sockname")
        sock = transport.get_extra_info("socket")
        if not remote or not local:
            transport.abort()  # gone before we looked
            return
        for level, option, value in _KEEPALIVE:
            sock.setsockopt(level, option, value)
        self.flow = Flow("tcp", remote[:2], local[:2], self._number)
        self.heard_at = self._owner.now()
        if not self._owner.admit(self):
            self.flow = None
            transport.abort()

    def data_received(self, data: bytes) -> None:
        flow = self.flow
        if flow is None:
            return
        for item in self._framer.feed(data):
            self.heard_at = self._owner.now()
            self._owner.deliver(item, flow)
            if self.flow is None:
                return
        if self._framer.broken:
            self.close(CloseReason.GARBAGE)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.reason is CloseReason.PEER:
            self.reason = CloseReason.ERROR
        self._owner.forget(self)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise TransportFailed("the connection is closed")
        transport.write(data)
        if transport.get_write_buffer_size() > self._owner.limits.write_bytes:
            self.close(CloseReason.SLOW)
            raise TransportFailed("the peer does not read")

    def close(self, reason: CloseReason) -> None:
        """Idempotent. Only an orderly end lets what is written leave first."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self.reason = reason
        if reason in (CloseReason.SHUTDOWN, CloseReason.CLOSED):
            transport.close()
        else:
            transport.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class TcpTransport:
    def __init__(
        self,
        limits: TcpLimits,
        on_message: Callable[[Incoming, Flow], None],
        on_closed: Callable[[Flow, str], None],
        now: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.now = now
        self.deliver = on_message
        self._on_closed = on_closed
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._by_remote: dict[Address, Connection] = {}
        self._loose: dict[int, Connection] = {}
        self._loose_per_address: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._closed: asyncio.Event = asyncio.Event()
        self.accepted = 0
        self.refused = 0
        self.closed_for: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._connections)

    async def open(self, address: Address) -> Address:
        """Listen; gives the address with the port that was taken."""
        host, port = address
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._new_connection, host, port, backlog=_BACKLOG, reuse_address=True
            )
        except OSError as error:
            raise TransportFailed(f"cannot listen on tcp {host}:{port}: {error}", error) from error
        name: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return name

    async def aclose(self, timeout_s: float = 1.0) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections.values()):
            connection.close(CloseReason.SHUTDOWN)
        if self._connections:
            self._closed.clear()
            try:
                await asyncio.wait_for(self._closed.wait(), timeout_s)
            except TimeoutError:
                for connection in list(self._connections.values()):
                    connection.abort()

    async def connect(self, host: str, port: int, timeout_s: float) -> Flow:
        """The connection to this peer that is open already, else a new one, held."""
        open_one = self._by_remote.get((host, port))
        if open_one is not None and open_one.flow is not None:
            return open_one.flow
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(self._new_connection, host, port)
        except (OSError, TimeoutError) as error:
            raise TransportFailed(
                f"cannot connect to tcp {host}:{port}: {error!r}", error
            ) from error
        if connection.flow is None:
            raise TransportFailed(f"no room for a connection to {host}:{port}")
        self.hold(connection.flow)
        return connection.flow

    def send(self, data: bytes, flow: Flow) -> None:
        connection = self._connections.get(flow.connection)
        if connection is None:
            raise TransportFailed(f"the connection {flow} is closed")
        connection.send(data)

    def find(self, remote: Address) -> Flow | None:
        connection = self._by_remote.get(remote)
        return connection.flow if connection is not None else None

    def is_open(self, flow: Flow) -> bool:
        return flow.connection in self._connections

    def hold(self, flow: Flow) -> None:
        """Take a connection out of the rules for strangers. Unknown flows are ignored."""
        connection = self._connections.get(flow.connection)
        if connection is not None and not connection.held:
            connection.held = True
            self._loosen_less(connection)

    def release(self, flow: Flow) -> None:
        connection = self._connections.get(flow.connection)
        if connection is not None and connection.held:
            connection.held = False
            connection.heard_at = self.now()
            self._loose[flow.connection] = connection
            self._loose_per_address[flow.remote[0]] += 1

    def close(self, flow: Flow) -> None:
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.close(CloseReason.CLOSED)

    def sweep(self, now: float) -> None:
        """Ends connections that nobody holds and that have said nothing for too long."""
        limit = now - self.limits.idle_s
        for connection in [c for c in self._loose.values() if c.heard_at <= limit]:
            connection.close(CloseReason.IDLE)

    # Called by Connection.

    def admit(self, connection: Connection) -> bool:
        flow = connection.flow
        assert flow is not None
        host = flow.remote[0]
        full = len(self._connections) >= self.limits.connections
        if full or self._loose_per_address[host] >= self.limits.per_address:
            self.refused += 1
            return False
        self.accepted += 1
        self._connections[flow.connection] = connection
        self._by_remote[flow.remote] = connection
        self._loose[flow.connection] = connection
        self._loose_per_address[host] += 1
        return True

    def forget(self, connection: Connection) -> None:
        flow, connection.flow = connection.flow, None
        if flow is None or self._connections.pop(flow.connection, None) is None:
            return
        if self._by_remote.get(flow.remote) is connection:
            del self._by_remote[flow.remote]
        if not connection.held:
            self._loosen_less(connection, flow)
        self.closed_for[connection.reason] += 1
        if not self._connections:
            self._closed.set()
        self._on_closed(flow, connection.reason)

    def _loosen_less(self, connection: Connection, flow: Flow | None = None) -> None:
        known = flow or connection.flow
        if known is None or self._loose.pop(known.connection, None) is None:
            return
        host = known.remote[0]
        self._loose_per_address[host] -= 1
        if self._loose_per_address[host] <= 0:
            del self._loose_per_address[host]

    def _new_connection(self) -> Connection:
        return Connection(self, next(self._numbers))
