"""The beginning of a live stream, for whoever needs one picture of it and no more."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from gb28181.errors import Busy, Leg, LegFailed
from gb28181.session.model import StreamKey
from gb28181.session.service import SessionService
from media.errors import MediaError, ViewersExhausted
from media.node import MediaNode, Who

INTERNAL = Who(remote="snapshot")


class LiveOpening:
    """Callable with a channel id: a running pull, begun if need be, as FLV from its last key frame
    on. The pull lingers afterwards like one a viewer has left."""

    def __init__(self, sessions: SessionService, node: MediaNode) -> None:
        self._sessions = sessions
        self._node = node

    @contextlib.asynccontextmanager
    async def __call__(self, channel_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        await self._sessions.live(channel_id, None, "main")
        try:
            viewer = self._node.open_viewer(
                StreamKey(channel_id, "main").stream_id, "flv", who=INTERNAL
            )
        except ViewersExhausted as error:
            raise Busy("viewers_exhausted", str(error)) from error
        except MediaError as error:
            raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
        try:
            yield viewer
        finally:
            await viewer.aclose()
