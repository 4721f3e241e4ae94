"""RTMP of encoders: the listening socket, its limits, and what the connections share.

One timer looks at all connections; there is none per connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from media.rtmp.connection import Connection
from media.rtmp.publications import Publications

LOOK_S = 1.0
BACKLOG = 256


@dataclass(frozen=True, slots=True)
class RtmpOptions:
    """Where the server listens and what it bears."""

    host: str
    port: int
    connections: int = 2000
    connections_per_address: int = 500
    """A city sits behind one address, so this is no small number."""


@dataclass(frozen=True, slots=True)
class PublisherRefused:
    """Somebody may not publish."""

    remote: tuple[str, int]
    reason: str


@dataclass(frozen=True, slots=True)
class PublisherCut:
    """A connection broke a limit or the protocol and was closed."""

    remote: tuple[str, int]
    reason: str


Tell = Callable[[PublisherRefused | PublisherCut], None]
"""It must not block."""


class RtmpServer:
    """All RTMP connections of a node."""

    def __init__(self, options: RtmpOptions, publications: Publications, tell: Tell) -> None:
        self.options = options
        self.publications = publications
        self._tell = tell
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._left = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<RtmpServer connections={len(self._connections)} {self.publications!r}>"

    @property
    def bound(self) -> tuple[str, int] | None:
        """Address and port listened on; None when it does not listen."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    @property
    def connections(self) -> int:
        """Those there are now."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen; raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
        self._server = await loop.create_server(
            lambda: Connection(self),
            self.options.host,
            self.options.port,
            family=family,
            backlog=BACKLOG,
            reuse_address=True,
        )
        self._timer = loop.call_later(LOOK_S, self._look)

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections):
            connection.close("the platform stops")
        while self._connections:
            self._left.clear()
            await self._left.wait()

    # --- what connections ask ----------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay."""
        address = connection.peer[0]
        full = len(self._connections) >= self.options.connections
        if full or self._by_address[address] >= self.options.connections_per_address:
            self.cut(connection.peer, "too many connections")
            return False
        self._connections.add(connection)
        self._by_address[address] += 1
        return True

    def lost(self, connection: Connection) -> None:
        """A connection is over."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._by_address[connection.peer[0]] -= 1
            self._left.set()
            self._by_address += Counter()  # forgets addresses that are down to nothing

    def refused(self, peer: tuple[str, int], reason: str) -> None:
        """Somebody may not publish; the key is not told, because it may be nearly right."""
        self._tell(PublisherRefused(peer, reason))

    def cut(self, peer: tuple[str, int], reason: str) -> None:
        """A connection was closed for a fault of the other side."""
        self._tell(PublisherCut(peer, reason))

    def _look(self) -> None:
        now = monotonic()
        for connection in list(self._connections):
            connection.look(now)
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
