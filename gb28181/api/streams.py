"""The addresses players open: live pictures by their channel, playbacks by their own name.

Each serves HTTP and, as a WebSocket, the same bytes. Asking for a live stream starts the pull. Who
asks is checked before anything is sent to a device: a wrong or missing ticket is 401 and no INVITE
leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, WebSocket
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.requests import HTTPConnection

from gb28181.errors import PlatformError, Unauthorised
from gb28181.session.model import StreamKey, StreamName
from media.node import Sound, Who
from media.output.web import CONTAINERS, HEADERS, remote_of, serve_http, serve_websocket

from .elsewhere import elsewhere
from .errors import error_response
from .guard import opens
from .outputs import Ready, open_viewer
from .platform import Here, Platform, platform_of

router = APIRouter(tags=["streams"])

Heard = Annotated[
    Sound | None,
    Query(
        description="off; auto: AAC if the camera sends it (FLV when nothing is asked for); aac:"
        " made of G.711 if need be (fMP4 when nothing is asked for); raw: in FLV the camera's own"
    ),
]
Codecs = Annotated[
    bool, Query(description="WebSocket-fMP4: the media type as text before each new header")
]


_MOVED: Final[dict[int | str, dict[str, Any]]] = {
    307: {"description": "Where the media process that has the stream serves it itself."}
}


@router.get("/live/{channel_id}.flv", response_class=StreamingResponse, responses=_MOVED)
async def live_flv(
    request: Request,
    platform: Here,
    channel_id: str,
    stream: StreamName = "main",
    audio: Heard = None,
) -> Response:
    """The stream as HTTP-FLV, until the viewer leaves or the stream ends."""
    ready = live_stream(request, platform, channel_id, stream, "flv")
    return await _http(request, platform, ready, "flv", audio)


@router.get("/live/{channel_id}.mp4", response_class=StreamingResponse, responses=_MOVED)
async def live_mp4(
    request: Request,
    platform: Here,
    channel_id: str,
    stream: StreamName = "main",
    audio: Heard = None,
) -> Response:
    """The stream as fragmented MP4, until the viewer leaves, it ends or its formats change."""
    ready = live_stream(request, platform, channel_id, stream, "fmp4")
    return await _http(request, platform, ready, "mp4", audio)


@router.get("/play/{stream_id}.flv", response_class=StreamingResponse, responses=_MOVED)
async def playback_flv(
    request: Request, platform: Here, stream_id: str, audio: Heard = None
) -> Response:
    """A playback as HTTP-FLV, until the viewer leaves or the recording ends."""
    ready = playback_stream(request, platform, stream_id, "flv")
    return await _http(request, platform, ready, "flv", audio)


@router.get("/play/{stream_id}.mp4", response_class=StreamingResponse, responses=_MOVED)
async def playback_mp4(
    request: Request, platform: Here, stream_id: str, audio: Heard = None
) -> Response:
    """A playback as fragmented MP4, until the viewer leaves or the recording ends."""
    ready = playback_stream(request, platform, stream_id, "fmp4")
    return await _http(request, platform, ready, "mp4", audio)


@router.websocket("/live/{channel_id}.{ending}")
async def live_websocket(
    websocket: WebSocket,
    channel_id: str,
    ending: str,
    stream: StreamName = "main",
    audio: Heard = None,
    codecs: Codecs = False,
) -> None:
    """The same bytes as binary messages; a refusal is an HTTP answer before the upgrade."""
    ready = live_stream(websocket, platform_of(websocket), channel_id, stream, _by_socket(ending))
    await _websocket(websocket, ready, ending, audio, codecs)


@router.websocket("/play/{stream_id}.{ending}")
async def playback_websocket(
    websocket: WebSocket, stream_id: str, ending: str, audio: Heard = None, codecs: Codecs = False
) -> None:
    """The same bytes as binary messages; a refusal is an HTTP answer before the upgrade."""
    platform = platform_of(websocket)
    ready = playback_stream(websocket, platform, stream_id, _by_socket(ending))
    await _websocket(websocket, ready, ending, audio, codecs)


@router.api_route("/live/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
async def missing_output(
    request: Request, platform: Here, rest: str, stream: StreamName = "main"
) -> None:
    """The outputs of the contract that do not exist yet; who asks is checked all the same."""
    channel_id = rest.partition("/")[0].partition(".")[0]
    await admit(request, platform, StreamKey(channel_id, stream).stream_id)
    raise _no_output()


async def live_stream(
    connection: HTTPConnection,
    platform: Platform,
    channel_id: str,
    stream: StreamName,
    output: str,
) -> Ready:
    """A stream that runs now, begun if need be. Raises Unauthorised, legs of a pull."""
    stream_id = StreamKey(channel_id, stream).stream_id
    who = await admit(connection, platform, stream_id, output)
    await platform.sessions.live(channel_id, None, stream)
    return Ready(stream_id, who)


async def playback_stream(
    connection: HTTPConnection, platform: Platform, stream_id: str, output: str
) -> Ready:
    """A playback that goes on. Raises Unauthorised, NotFound."""
    who = await admit(connection, platform, stream_id, output)
    await platform.playback.wanted(stream_id)
    return Ready(stream_id, who)


async def admit(
    connection: HTTPConnection, platform: Platform, stream_id: str, output: str = ""
) -> Who:
    """Who may look at this stream by this way out.  Raises Unauthorised."""
    admitted = await opens(connection, platform, stream_id, output)
    if admitted is None:
        raise Unauthorised("a ticket or a token is needed to open a stream")
    return Who(output, admitted.user, remote_of(connection), admitted.ticket_id)


async def _http(
    request: Request,
    platform: Platform,
    running: Awaitable[Ready],
    ending: str,
    audio: Sound | None,
) -> Response:
    container, ready = CONTAINERS[ending], await running
    url = elsewhere(request, platform, ready, ending, audio)
    if url is not None:
        return RedirectResponse(url, headers=dict(HEADERS))
    viewer = open_viewer(platform, ready, container, audio)
    return serve_http(request, viewer, container.media_type)


async def _websocket(
    websocket: WebSocket, ready: Awaitable[Ready], ending: str, audio: Sound | None, codecs: bool
) -> None:
    platform = platform_of(websocket)
    try:
        container = CONTAINERS.get(ending)
        if container is None:
            raise _no_output()
        viewer = open_viewer(platform, await ready, container, audio)
    except PlatformError as error:
        await websocket.send_denial_response(error_response(websocket, error))
        return
    await serve_websocket(websocket, viewer, told=codecs)


def _by_socket(ending: str) -> str:
    """What tickets call a container that goes out over a WebSocket."""
    container = CONTAINERS.get(ending)
    return f"ws_{container.kind}" if container is not None else ending


def _no_output() -> PlatformError:
    return PlatformError("output_unavailable", "there is no such output; .flv and .mp4 are", 404)
