"""One RTMP connection: its socket, the machine, and the publication it may become."""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from media.rtmp.handshake import RANDOM
from media.rtmp.publications import GONE_S, NotAdmitted, Publication
from media.rtmp.publish import Effect, Media, Over, Refusal, RtmpPublish, Send

if TYPE_CHECKING:
    from media.rtmp.server import RtmpServer

FLUSH_S: Final = 2.0
"""At its end a connection has so long to take what was written."""
WRITE_MOST: Final = 64 * 1024
"""Answers that may wait for an encoder that reads nothing."""


class Connection(asyncio.Protocol):
    """The protocol of one TCP connection."""

    def __init__(self, server: RtmpServer) -> None:
        self._server = server
        self._machine = RtmpPublish(secrets.token_bytes(RANDOM), monotonic(), self._judge)
        self._transport: asyncio.Transport | None = None
        self._reason = "the encoder closed the connection"
        self.publication: Publication | None = None
        self.peer = ("", 0)

    def __repr__(self) -> str:
        return f"<Connection {self.peer[0]}:{self.peer[1]} {self._machine.state}>"

    # --- the socket --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_MOST)
        self.peer = transport.get_extra_info("peername")[:2]
        if not self._server.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._perform(self._machine.feed(data))

    def pause_writing(self) -> None:
        self._server.cut(self.peer, "it reads no answers")
        self.close("it reads no answers")

    def connection_lost(self, exc: Exception | None) -> None:
        publication, self.publication = self.publication, None
        if publication is not None:
            self._server.publications.leave(publication, self._reason)
        self._server.lost(self)

    def look(self, now: float) -> None:
        """Once a second: what is late."""
        self._perform(self._machine.tick(now))
        publication = self.publication
        if publication is not None and now - publication.last_at >= GONE_S:
            self.close(f"no media for {GONE_S:.0f} s")

    def close(self, reason: str) -> None:
        """Cut the connection."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    # --- the machine -------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self._write(data)
                case Media(messages):
                    if self.publication is not None:
                        self.publication.push(messages, monotonic())
                case Over(reason, fault):
                    if fault:
                        self._fault(reason)
                    else:
                        self._reason = reason
                        self._hang_up()

    def _judge(self, app: str, name: str) -> Refusal | None:
        # Encoders with one field for the whole address name no stream: there the key ends the app.
        key = name.partition("?")[0] or app.rpartition("/")[2]
        try:
            self.publication = self._server.publications.admit(
                key, self.peer, monotonic(), self.close
            )
        except NotAdmitted as refused:
            self._server.refused(self.peer, refused.reason)
            return Refusal(refused.code, refused.reason)
        return None

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _fault(self, reason: str) -> None:
        self._server.cut(self.peer, reason)
        self._reason = reason
        self._hang_up()

    def _hang_up(self) -> None:
        """Say what is left to say, and close; whoever reads nothing is not waited for."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(FLUSH_S, self._transport.abort)
