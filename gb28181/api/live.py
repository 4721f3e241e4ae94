"""Live pictures: the call that starts a pull, and the addresses players open.

One address serves HTTP-FLV and, as a WebSocket, the same bytes. Asking for a stream starts the
pull. Who asks is checked before anything is sent to a device: a wrong or missing ticket is 401 and
no INVITE leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from gb28181.errors import Busy, Leg, LegFailed, PlatformError, Unauthorised
from gb28181.session.model import StreamKey, StreamName
from gb28181.session.service import LiveView
from media.errors import MediaError, ViewersExhausted
from media.node import Viewer
from media.unit import AudioFormat, VideoFormat

from .errors import error_response
from .guard import Operator, opens
from .platform import Here, Platform, platform_of
from .urls import StreamUrls, stream_urls

router = APIRouter(tags=["live"])

FLV_TYPE = "video/x-flv"
FLV_HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}


class LiveIn(BaseModel):
    """What may be asked of a pull; a running pull keeps its own transport."""

    transport: Literal["udp", "tcp-passive", "tcp-active"] | None = None
    stream: StreamName = "main"


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


@router.post("/api/v1/channels/{channel_id}/live")
async def live(
    request: Request,
    platform: Here,
    principal: Operator,
    channel_id: str,
    wanted: LiveIn | None = None,
) -> LiveOut:
    """A running pull of this picture, begun if need be; an error names the leg that failed."""
    wanted = wanted or LiveIn()
    view = await platform.sessions.live(channel_id, wanted.transport, wanted.stream)
    ticket = platform.tokens.ticket(principal.name, view.session.stream_id)
    return _answer(view, stream_urls(request, platform, channel_id, wanted.stream, ticket))


@router.get("/live/{channel_id}.flv", response_class=StreamingResponse)
async def http_flv(
    request: Request, platform: Here, channel_id: str, stream: StreamName = "main"
) -> StreamingResponse:
    """The stream as HTTP-FLV, until the viewer leaves or the stream ends."""
    if not await opens(request, platform, StreamKey(channel_id, stream).stream_id):
        raise Unauthorised("a ticket or a token is needed to open a stream")
    viewer = await _viewer(platform, channel_id, stream, _remote(request))
    return StreamingResponse(_chunks(viewer), media_type=FLV_TYPE, headers=FLV_HEADERS)


@router.websocket("/live/{channel_id}.flv")
async def websocket_flv(websocket: WebSocket, channel_id: str, stream: StreamName = "main") -> None:
    """The same bytes as binary messages; a refusal is an HTTP answer before the upgrade."""
    platform = platform_of(websocket)
    try:
        if not await opens(websocket, platform, StreamKey(channel_id, stream).stream_id):
            raise Unauthorised("a ticket or a token is needed to open a stream")
        viewer = await _viewer(platform, channel_id, stream, _remote(websocket))
    except PlatformError as error:
        await websocket.send_denial_response(error_response(websocket, error))
        return
    await _serve(websocket, viewer)


async def _serve(websocket: WebSocket, viewer: Viewer) -> None:
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


async def _viewer(platform: Platform, channel_id: str, stream: StreamName, remote: str) -> Viewer:
    await platform.sessions.live(channel_id, None, stream)
    try:
        viewer = platform.node.open_viewer(
            StreamKey(channel_id, stream).stream_id, "flv", audio=True
        )
    except ViewersExhausted as error:
        raise Busy("viewers_exhausted", str(error)) from error
    except MediaError as error:
        raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
    viewer.remote = remote
    return viewer


async def _chunks(viewer: Viewer) -> AsyncIterator[bytes]:
    try:
        async for chunk in viewer:
            yield chunk
    finally:
        await viewer.aclose()


def _remote(connection: Request | WebSocket) -> str:
    client = connection.client
    return f"{client.host}:{client.port}" if client else ""


def _answer(view: LiveView, urls: StreamUrls) -> LiveOut:
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
