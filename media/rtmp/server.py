"""RTMP of encoders: its limits, and what the connections share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from media.listener import Listener
from media.rtmp.connection import Connection
from media.rtmp.publications import Publications


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
        self._listener: Listener[Connection] = Listener(
            options, lambda: Connection(self), lambda one: one.close("the platform stops"), self.cut
        )

    def __repr__(self) -> str:
        return f"<RtmpServer connections={self.connections} {self.publications!r}>"

    @property
    def bound(self) -> tuple[str, int] | None:
        """Address and port listened on; None when it does not listen."""
        return self._listener.bound

    @property
    def connections(self) -> int:
        """Those there are now."""
        return len(self._listener.connections)

    async def start(self) -> None:
        """Listen; raises OSError when the port cannot be had."""
        await self._listener.start()

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self._listener.aclose()

    # --- what connections ask ----------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay."""
        return self._listener.admit(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is over."""
        self._listener.lost(connection)

    def refused(self, peer: tuple[str, int], reason: str) -> None:
        """Somebody may not publish; the key is not told, because it may be nearly right."""
        self._tell(PublisherRefused(peer, reason))

    def cut(self, peer: tuple[str, int], reason: str) -> None:
        """A connection was closed for a fault of the other side."""
        self._tell(PublisherCut(peer, reason))
