"""The bytes of a stream over HTTP and, at the same address, as a WebSocket.

Who may look is asked before. A container is a row of `CONTAINERS`. For FLV no AAC is made unasked:
it is the output of many screens at once, and few of them are heard.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from media.output.unread import Unread
from media.viewer import InitSegment, Sound, Viewer, ViewerKind


@dataclass(frozen=True, slots=True)
class Container:
    """How streams go out under one ending of the address."""

    kind: ViewerKind
    media_type: str
    sound: Sound
    """What is sent when nothing is asked for."""


CONTAINERS: Final[Mapping[str, Container]] = {
    "flv": Container("flv", "video/x-flv", "auto"),
    "mp4": Container("fmp4", "video/mp4", "aac"),
}
"""By the ending of the address."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": "*",
    "Accept-Ranges": "none",
}


def serve_http(request: Request, viewer: Viewer, media_type: str) -> StreamingResponse:
    """The stream until the viewer leaves, is given up, or it ends."""
    return StreamingResponse(_chunks(request, viewer), media_type=media_type, headers=HEADERS)


async def serve_websocket(websocket: WebSocket, viewer: Viewer, *, told: bool = False) -> None:
    """Send until either side ends; what the browser sends is read only to notice its leaving.

    `told`: the media type of fMP4 goes ahead of each initialisation segment as a text message.
    """

    async def leaves() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive()

    leaving: asyncio.Task[None] | None = None
    try:
        await websocket.accept()
        leaving = asyncio.create_task(leaves())
        leaving.add_done_callback(lambda _: _close(viewer))
        with _unread.watched(viewer, websocket):
            async for chunk in viewer:
                if told and isinstance(chunk, InitSegment):
                    await websocket.send_text(chunk.mime)
                await websocket.send_bytes(chunk)
        if not leaving.done():
            await websocket.close(1000, (viewer.end_reason or "")[:120])
    except (WebSocketDisconnect, RuntimeError):
        pass  # the browser left between two chunks; starlette says so in one of these two ways
    finally:
        if leaving is not None:
            leaving.cancel()
        await viewer.aclose()


_closing: set[asyncio.Task[None]] = set()
_unread = Unread()


def _close(viewer: Viewer) -> None:
    async def close() -> None:
        await viewer.aclose()

    task = asyncio.get_running_loop().create_task(close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _chunks(request: Request, viewer: Viewer) -> AsyncIterator[bytes]:
    begun = False
    try:
        with _unread.watched(viewer, request):
            async for chunk in viewer:
                if isinstance(chunk, InitSegment):
                    if begun:
                        return  # players of files read one header and no other: they come again
                    begun = True
                yield chunk
    finally:
        await viewer.aclose()


def remote_of(connection: HTTPConnection) -> str:
    """Who looks, for lists and logs."""
    client = connection.client
    return f"{client.host}:{client.port}" if client else ""
