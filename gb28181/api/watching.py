"""Looking at a stream, live or recorded: what the API tells of it, and its bytes to a player.

One address serves HTTP-FLV and, as a WebSocket, the same bytes. Who may open it is asked before;
here somebody may.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from gb28181.errors import Busy, Leg, LegFailed
from gb28181.session.service import LiveView
from media.errors import MediaError, ViewersExhausted
from media.node import Viewer
from media.unit import AudioFormat, VideoFormat

from .platform import Platform
from .urls import StreamUrls

FLV_TYPE = "video/x-flv"
FLV_HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}


class VideoOut(BaseModel):
    """The picture as it arrives."""

    codec: str
    width: int
    height: int
    fps: float | None


class AudioOut(BaseModel):
    """The sound the outputs really carry."""

    codec: str


class LiveOut(BaseModel):
    """A running stream and where to look at it."""

    session_id: str
    stream_id: str
    state: str
    transport: str
    video: VideoOut | None
    audio: AudioOut | None
    urls: StreamUrls


async def serve_websocket(websocket: WebSocket, viewer: Viewer) -> None:
    """Send until either side ends; what the browser sends is read only to notice its leaving."""

    async def leaves() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive()

    leaving: asyncio.Task[None] | None = None
    try:
        await websocket.accept()
        leaving = asyncio.create_task(leaves())
        leaving.add_done_callback(lambda _: _close(viewer))
        async for chunk in viewer:
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


def _close(viewer: Viewer) -> None:
    async def close() -> None:
        await viewer.aclose()

    task = asyncio.get_running_loop().create_task(close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


def open_viewer(platform: Platform, stream_id: str, remote: str) -> Viewer:
    """A reader of a stream that is there."""
    try:
        viewer = platform.node.open_viewer(stream_id, "flv", audio=True)
    except ViewersExhausted as error:
        raise Busy("viewers_exhausted", str(error)) from error
    except MediaError as error:
        raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
    viewer.remote = remote
    return viewer


def serve_http(viewer: Viewer) -> StreamingResponse:
    """HTTP-FLV until the viewer leaves or the stream ends."""
    return StreamingResponse(_chunks(viewer), media_type=FLV_TYPE, headers=FLV_HEADERS)


async def _chunks(viewer: Viewer) -> AsyncIterator[bytes]:
    try:
        async for chunk in viewer:
            yield chunk
    finally:
        await viewer.aclose()


def remote_of(connection: Request | WebSocket) -> str:
    """Who looks, for lists and logs."""
    client = connection.client
    return f"{client.host}:{client.port}" if client else ""


def shown(view: LiveView, urls: StreamUrls) -> LiveOut:
    """A running stream as the API tells it."""
    statistics = view.statistics
    video: VideoFormat | None = statistics.video if statistics else None
    audio: AudioFormat | None = statistics.audio if statistics else None
    return LiveOut(
        session_id=view.session.session_id,
        stream_id=view.session.stream_id,
        state=view.session.state.value,
        transport=view.session.transport,
        video=None if video is None else VideoOut(**_video(video)),
        audio=_carried(audio),
        urls=urls,
    )


def _video(video: VideoFormat) -> dict[str, Any]:
    return {
        "codec": video.codec.value,
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
    }


def _carried(audio: AudioFormat | None) -> AudioOut | None:
    """G.711 does not travel in FLV (it kills the picture in browsers), so it is not announced."""
    if audio is None or audio.codec.value.startswith("g711"):
        return None
    return AudioOut(codec=audio.codec.value)
