"""WebRTC to browsers (WHEP): answers offers and keeps the peers.

aiortc brings ICE, DTLS and SDP; the packets are those of every RTP viewer and are only encrypted
for each. aiortc is loaded with the first offer: half a second that few installations need at start.

draft-ietf-wish-whep; the answer holds all candidates, so nothing is trickled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from media.errors import MediaError, PortsExhausted, ViewersExhausted
from media.node import MediaNode, Who
from media.ports import PortPool
from media.visits import Tell, VisitBegan, VisitEnded, VisitRefused

log = logging.getLogger("gb28181.media.whep")

if TYPE_CHECKING:
    from aiortc import RTCCertificate

    from media.whep.peer import Peer

CERTIFICATE_S = 86_400.0
"""A certificate is used so long for new peers."""


@dataclass(frozen=True, slots=True)
class WhepAsk:
    """An offer, and what belongs to it."""

    name: str
    """The stream's name in the address."""
    stream_id: str
    offer: str
    who: Who
    local: str
    """The address our socket is bound to."""
    hosts: list[str]
    """The addresses the browser is told."""


class WhepRefused(MediaError):
    """An offer is not answered; ``status`` is the HTTP status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class WhepServer:
    """All WebRTC peers of a node."""

    def __init__(
        self,
        node: MediaNode,
        ports: PortPool,
        tell: Tell,
        *,
        most: int,
        on_key_wanted: Callable[[str], None],
    ) -> None:
        self._node = node
        self._ports = ports
        self._tell = tell
        self._most = most
        self._on_key_wanted = on_key_wanted
        self._peers: dict[str, tuple[Peer, asyncio.Task[None]]] = {}
        self._answering = 0
        self._certificate: tuple[float, RTCCertificate] | None = None

    def __repr__(self) -> str:
        return f"<WhepServer peers={len(self._peers)}>"

    @property
    def peers(self) -> int:
        """Browsers that look or connect."""
        return len(self._peers)

    async def answer(self, ask: WhepAsk) -> tuple[str, str]:
        """The peer's id and the SDP answer. Raises WhepRefused."""
        if len(self._peers) + self._answering >= self._most:
            raise self._refuse(ask, WhepRefused(503, "as many browsers as there may be"))
        self._answering += 1
        try:
            return await self._answer(ask)
        except WhepRefused as refused:
            raise self._refuse(ask, refused) from None
        except (ViewersExhausted, PortsExhausted) as error:
            raise self._refuse(ask, WhepRefused(503, str(error))) from error
        except MediaError as error:
            raise self._refuse(ask, WhepRefused(504, f"the stream ended: {error}")) from error
        finally:
            self._answering -= 1

    async def end(self, name: str, peer_id: str) -> bool:
        """End a peer of this stream; False when there is none."""
        found = self._peers.get(peer_id)
        if found is None or found[0].name != name:
            return False
        found[0].ended = "deleted"
        found[1].cancel()
        await asyncio.wait({found[1]})
        return True

    async def aclose(self) -> None:
        """End all peers. Idempotent."""
        tasks = [task for _, task in self._peers.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _answer(self, ask: WhepAsk) -> tuple[str, str]:
        from media.whep.answer import OfferRefused, answer, new_certificate

        now = monotonic()
        if self._certificate is None or now - self._certificate[0] > CERTIFICATE_S:
            self._certificate = (now, new_certificate())
        try:
            peer, offer, text = await answer(
                ask,
                self._node,
                self._ports,
                self._certificate[1],
                lambda: self._on_key_wanted(ask.stream_id),
            )
        except OfferRefused as refused:
            raise WhepRefused(refused.status, refused.reason) from refused
        task = asyncio.get_running_loop().create_task(peer.run(self._node, offer))
        self._peers[peer.peer_id] = (peer, task)
        task.add_done_callback(lambda _: self._over(peer))
        self._tell(VisitBegan("whep", peer.stream_id, peer.who.remote, "webrtc"))
        return peer.peer_id, text

    def _over(self, peer: Peer) -> None:
        _, task = self._peers.pop(peer.peer_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a peer of %s failed", peer.stream_id, exc_info=error)
        self._tell(VisitEnded("whep", peer.stream_id, peer.who.remote, peer.ended))

    def _refuse(self, ask: WhepAsk, refused: WhepRefused) -> WhepRefused:
        self._tell(VisitRefused("whep", ask.name, ask.who.remote, refused.status, refused.reason))
        return refused
