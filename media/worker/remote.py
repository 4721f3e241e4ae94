"""`media.node.MediaNode` whose work is done by a relay on another host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass

from media.errors import MediaError
from media.node import RecordingImpossible
from media.options import NodeOptions
from media.record.segment import SegmentSpec

from .messages import WorkerDown
from .node import WorkerNode
from .relay import PROVE_S, keep_alive, prove
from .secret import Seal, Stranger
from .serving import HttpOptions

CALL_S = 5.0
"""Time to reach a relay."""
CLOSE_S = 1.0
"""At stop a relay is waited for so long while it lets go of what it has of us."""

log = logging.getLogger("gb28181.media.relay")


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where a relay listens, and the secret it shares with us."""

    host: str
    port: int
    secret: bytes


class _Elsewhere:
    """The other host: nothing of it is ours to end."""

    pid = 0

    async def end(self) -> None:
        """It goes on listening."""


class RelayNode(WorkerNode):
    """A relay and what is known of it; while it cannot be reached it is down."""

    def __init__(
        self, options: NodeOptions, address: RelayAddress, http: HttpOptions | None = None
    ) -> None:
        super().__init__(options, http)
        self._address = address
        self._told_missed = False

    async def start(self) -> None:
        """Call it, and go on calling when it does not answer: the platform starts all the same."""
        if self._keeper is None:
            try:
                await self._come_up()
            except (OSError, WorkerDown) as error:
                self._missed(error)
                self._gone.set()
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def aclose(self) -> None:
        """Have it let go of everything, and hang up. Idempotent."""
        if self.is_up:
            with contextlib.suppress(MediaError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._ask("aclose")
        await super().aclose()

    async def record(self, stream_id: str, path: str) -> None:
        """Files belong to the platform's own disk."""
        raise RecordingImpossible(f"{self.name} is a relay on another host: it keeps no files")

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        """Files belong to the platform's own disk."""
        raise RecordingImpossible(f"{self.name} is a relay on another host: it keeps no files")

    async def _reach(self) -> tuple[_Elsewhere, socket.socket, Seal | None]:
        loop, address = asyncio.get_running_loop(), self._address
        sock: socket.socket | None = None
        try:
            async with asyncio.timeout(CALL_S):
                found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
                family, kind, protocol, _, where = found[0]
                sock = socket.socket(family, kind, protocol)
                sock.setblocking(False)
                await loop.sock_connect(sock, where)
            async with asyncio.timeout(PROVE_S):
                seal = await prove(sock, address.secret)
        except (OSError, TimeoutError, Stranger) as error:
            if sock is not None:
                sock.close()
            raise WorkerDown(str(error) or "no answer in time") from error
        keep_alive(sock)
        self._told_missed = True  # from here on its loss is what is told
        return _Elsewhere(), sock, seal

    def _missed(self, error: Exception) -> None:
        if not self._told_missed:
            self._told_missed = True
            log.error("%s cannot be reached: %s", self.name, error)
