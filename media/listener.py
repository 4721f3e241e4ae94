"""A listening socket for players or publishers: who may stay, and one timer for all of them.

What is said on a connection is the business of its protocol; there is no timer per connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

LOOK_S: Final = 1.0
BACKLOG: Final = 256


class Bounds(Protocol):
    """Where to listen, and how many may come."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def connections_per_address(self) -> int: ...


class Guest(Protocol):
    """A connection."""

    peer: tuple[str, int]

    def look(self, now: float) -> None:
        """Once a second: whether it has kept us waiting too long."""
        ...


G = TypeVar("G", bound=Guest)


class Listener(Generic[G]):
    """All connections to one port."""

    def __init__(
        self,
        bounds: Bounds,
        make: Callable[[], asyncio.Protocol],
        close: Callable[[G], None],
        cut: Callable[[tuple[str, int], str], None],
    ) -> None:
        """`make` for each that comes, `close` for each when all is over, `cut` to tell of one that
        was sent away."""
        self._bounds = bounds
        self._make = make
        self._close = close
        self._cut = cut
        self.connections: set[G] = set()
        self._by_address: Counter[str] = Counter()
        self._left = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def bound(self) -> tuple[str, int] | None:
        """Address and port listened on; None when it does not listen."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def start(self) -> None:
        """Listen; raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._make,
            self._bounds.host,
            self._bounds.port,
            family=socket.AF_INET6 if ":" in self._bounds.host else socket.AF_INET,
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
        for guest in list(self.connections):
            self._close(guest)
        while self.connections:
            self._left.clear()
            await self._left.wait()

    def admit(self, guest: G) -> bool:
        """Whether a new connection may stay."""
        address = guest.peer[0]
        full = len(self.connections) >= self._bounds.connections
        if full or self._by_address[address] >= self._bounds.connections_per_address:
            self._cut(guest.peer, "too many connections")
            return False
        self.connections.add(guest)
        self._by_address[address] += 1
        return True

    def lost(self, guest: G) -> None:
        """A connection is over."""
        if guest in self.connections:
            self.connections.remove(guest)
            self._by_address[guest.peer[0]] -= 1
            self._left.set()
            self._by_address += Counter()  # forgets addresses that are down to nothing

    def _look(self) -> None:
        now = monotonic()
        for guest in list(self.connections):
            guest.look(now)
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
