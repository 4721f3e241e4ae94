"""RTSP to players: the listening socket, its limits, and what the connections share.

One timer looks at all connections; there is none per connection.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections import Counter
from dataclasses import dataclass
from time import monotonic

from media.door import Door, Refused, Wish
from media.node import MediaNode
from media.ports import PortPool
from media.rtsp.connection import Connection
from media.rtsp.play import Play
from media.visits import Tell, VisitBegan, VisitCut, VisitEnded, VisitRefused

LOOK_S = 1.0
BACKLOG = 256


@dataclass(frozen=True, slots=True)
class RtspOptions:
    """Where the server listens and what it bears."""

    host: str
    port: int
    connections: int = 2000
    connections_per_address: int = 200
    """A city sits behind one address, so this is no small number."""


class RtspServer:
    """All RTSP connections of a node."""

    def __init__(
        self, options: RtspOptions, node: MediaNode, door: Door, ports: PortPool, tell: Tell
    ) -> None:
        self.options = options
        self.node = node
        self.door = door
        self.ports = ports
        """UDP ports its packets leave from, in pairs: n stands for 2n and 2n+1."""
        self._tell = tell
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._releasing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<RtspServer connections={len(self._connections)} {self.ports!r}>"

    @property
    def bound(self) -> tuple[str, int] | None:
        """Address and port listened on; None when it does not listen."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    @property
    def viewers(self) -> int:
        """Sessions there are now."""
        return sum(len(connection.plays) for connection in self._connections)

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
        """Close every connection and let go of all ports. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections):
            connection.close()
        while self._connections or self._releasing:
            await asyncio.sleep(0)
            if self._releasing:
                await asyncio.wait(self._releasing)

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
            self._by_address += Counter()  # forgets addresses that are down to nothing

    def new_id(self) -> str:
        """A session id nobody can guess."""
        return secrets.token_hex(8)

    def dice(self) -> int:
        """A random number of 32 bits."""
        return secrets.randbits(32)

    def let_go(self, play: Play) -> None:
        """Release a session in its own time."""
        task = asyncio.get_running_loop().create_task(play.release())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    def opened(self, play: Play, peer: tuple[str, int]) -> None:
        """A viewer looks."""
        transport = "tcp" if play.tcp else "udp"
        self._tell(VisitBegan("rtsp", play.stream_id, _words(peer), transport))

    def closed(self, play: Play, peer: tuple[str, int], reason: str) -> None:
        """A session is over."""
        if play.began:
            self._tell(VisitEnded("rtsp", play.stream_id, _words(peer), reason))

    def refused(self, wish: Wish, refusal: Refused) -> None:
        """A stream was not given."""
        self._tell(VisitRefused("rtsp", wish.name, wish.address, refusal.status, refusal.reason))

    def cut(self, peer: tuple[str, int], reason: str) -> None:
        """A connection was closed for a fault of the other side."""
        self._tell(VisitCut("rtsp", _words(peer), reason))

    def _look(self) -> None:
        now = monotonic()
        for connection in list(self._connections):
            connection.look(now)
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)


def _words(peer: tuple[str, int]) -> str:
    return f"{peer[0]}:{peer[1]}"
