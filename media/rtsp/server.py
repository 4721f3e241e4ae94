"""RTSP to players: its limits, and what the connections share."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from media.door import Door, Refused, Wish
from media.listener import Listener
from media.node import MediaNode
from media.ports import PortPool
from media.rtsp.connection import Connection
from media.rtsp.play import Play
from media.visits import Tell, VisitBegan, VisitCut, VisitEnded, VisitRefused


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
        self._releasing: set[asyncio.Task[None]] = set()
        self._listener: Listener[Connection] = Listener(
            options, lambda: Connection(self), Connection.close, self.cut
        )

    def __repr__(self) -> str:
        return f"<RtspServer connections={len(self._listener.connections)} {self.ports!r}>"

    @property
    def bound(self) -> tuple[str, int] | None:
        """Address and port listened on; None when it does not listen."""
        return self._listener.bound

    @property
    def viewers(self) -> int:
        """Sessions there are now."""
        return sum(len(connection.plays) for connection in self._listener.connections)

    async def start(self) -> None:
        """Listen; raises OSError when the port cannot be had."""
        await self._listener.start()

    async def aclose(self) -> None:
        """Close every connection and let go of all ports. Idempotent."""
        await self._listener.aclose()
        while self._releasing:
            await asyncio.wait(self._releasing)

    # --- what connections ask ----------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay."""
        return self._listener.admit(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is over."""
        self._listener.lost(connection)

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


def _words(peer: tuple[str, int]) -> str:
    return f"{peer[0]}:{peer[1]}"
