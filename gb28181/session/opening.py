"""One picture of a live stream, for whoever does not want to look any longer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gb28181.errors import Busy, Leg, LegFailed
from gb28181.session.model import SessionState, StreamKey
from gb28181.session.service import SessionService
from media.errors import MediaError, StreamUnknown, ViewersExhausted
from media.node import MediaNode, Who

INTERNAL = Who(remote="snapshot")
PICTURE_S = 10.0
"""Time for a key frame of a running stream."""


class KeyFrame:
    """The last key frame of a channel's live picture, an FLV file of one picture."""

    def __init__(self, sessions: SessionService, node: MediaNode) -> None:
        self._sessions = sessions
        self._node = node

    async def running(self, channel_id: str) -> bytes:
        """Of a pull that runs, whichever; b"" when there is none. It does not run longer for it."""
        for key in (StreamKey(channel_id), StreamKey(channel_id, "sub")):
            session = self._sessions.running(key.stream_id)
            if session is not None and session.call.state is SessionState.RUNNING:
                with contextlib.suppress(StreamUnknown):
                    found = await self._node.key_frame(key.stream_id)
                    if found:
                        return found
        return b""

    async def pulled(self, channel_id: str) -> bytes:
        """Of a pull that is begun if need be, and lingers like one a viewer has left.

        Raises NotFound, LegFailed, Busy.
        """
        await self._sessions.live(channel_id, None, "main")
        try:
            async with asyncio.timeout(PICTURE_S):
                return await self._first(StreamKey(channel_id).stream_id)
        except TimeoutError:
            raise LegFailed(Leg.NO_MEDIA, "no key frame came in time") from None

    async def _first(self, stream_id: str) -> bytes:
        """The last key frame, or the next one where the camera has just been called again."""
        try:
            found = await self._node.key_frame(stream_id)
            if found:
                return found
            viewer = self._node.open_viewer(stream_id, "flv", who=INTERNAL)
        except ViewersExhausted as error:
            raise Busy("viewers_exhausted", str(error)) from error
        except MediaError as error:
            raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
        chunks: AsyncIterator[bytes] = viewer
        try:
            async for chunk in chunks:
                return chunk
        finally:
            await viewer.aclose()
        raise LegFailed(Leg.MEDIA_STOPPED, "the stream ended before a key frame")
