"""Live pictures: the call that starts a pull, and the addresses players open.

One address serves HTTP-FLV and, as a WebSocket, the same bytes. Asking for a stream starts the
pull. Who asks is checked before anything is sent to a device: a wrong or missing ticket is 401 and
no INVITE leaves.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from gb28181.errors import PlatformError, Unauthorised
from gb28181.session.model import StreamKey, StreamName
from media.node import Viewer

from .errors import error_response
from .guard import Viewer as AnyUser
from .guard import opens
from .platform import Here, Platform, platform_of
from .urls import stream_urls
from .watching import LiveOut, open_viewer, remote_of, serve_http, serve_websocket, shown

router = APIRouter(tags=["live"])


class LiveIn(BaseModel):
    """What may be asked of a pull; a running pull keeps its own transport."""

    transport: Literal["udp", "tcp-passive", "tcp-active"] | None = None
    stream: StreamName = "main"


@router.post("/api/v1/channels/{channel_id}/live")
async def live(
    request: Request,
    platform: Here,
    principal: AnyUser,
    channel_id: str,
    wanted: LiveIn | None = None,
) -> LiveOut:
    """A running pull of this picture, begun if need be; an error names the leg that failed."""
    wanted = wanted or LiveIn()
    view = await platform.sessions.live(channel_id, wanted.transport, wanted.stream)
    ticket = platform.tokens.ticket(principal.name, view.session.stream_id)
    key = StreamKey(channel_id, wanted.stream)
    return shown(view, stream_urls(request, platform, key, ticket))


@router.get("/live/{channel_id}.flv", response_class=StreamingResponse)
async def http_flv(
    request: Request, platform: Here, channel_id: str, stream: StreamName = "main"
) -> StreamingResponse:
    """The stream as HTTP-FLV, until the viewer leaves or the stream ends."""
    if not await opens(request, platform, StreamKey(channel_id, stream).stream_id):
        raise Unauthorised("a ticket or a token is needed to open a stream")
    return serve_http(await _viewer(platform, channel_id, stream, remote_of(request)))


@router.websocket("/live/{channel_id}.flv")
async def websocket_flv(websocket: WebSocket, channel_id: str, stream: StreamName = "main") -> None:
    """The same bytes as binary messages; a refusal is an HTTP answer before the upgrade."""
    platform = platform_of(websocket)
    try:
        if not await opens(websocket, platform, StreamKey(channel_id, stream).stream_id):
            raise Unauthorised("a ticket or a token is needed to open a stream")
        viewer = await _viewer(platform, channel_id, stream, remote_of(websocket))
    except PlatformError as error:
        await websocket.send_denial_response(error_response(websocket, error))
        return
    await serve_websocket(websocket, viewer)


@router.api_route("/live/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
async def missing_output(
    request: Request, platform: Here, rest: str, stream: StreamName = "main"
) -> None:
    """The outputs of the contract that do not exist yet; who asks is checked all the same."""
    channel_id = rest.partition("/")[0].partition(".")[0]
    if not await opens(request, platform, StreamKey(channel_id, stream).stream_id):
        raise Unauthorised("a ticket or a token is needed to open a stream")
    raise PlatformError("output_unavailable", "there is no such output; .flv is there", 404)


async def _viewer(platform: Platform, channel_id: str, stream: StreamName, remote: str) -> Viewer:
    await platform.sessions.live(channel_id, None, stream)
    return open_viewer(platform, StreamKey(channel_id, stream).stream_id, remote)
