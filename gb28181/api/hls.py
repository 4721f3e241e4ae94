"""HLS and low-latency HLS: playlist, segments and parts of live pictures and playbacks.

The first request for a playlist starts the pull, as for every output. A player is a viewer while it
goes on asking. Addresses are exact: nothing here is a file, and ranges are not cut (RFC 9110 14.2
lets a server ignore them).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response

from gb28181.errors import Busy, Leg, LegFailed, PlatformError, Unauthorised
from gb28181.session.model import StreamName
from media.errors import (
    MediaError,
    PartUnknown,
    ReloadLate,
    ReloadRefused,
    StreamUnknown,
    ViewersExhausted,
)
from media.node import HlsViewer, Sound

from .hls_sessions import HlsSession, HlsSessions
from .outputs import Ready
from .platform import Here, Platform
from .streams import Heard, live_stream, playback_stream

router = APIRouter(tags=["streams"])

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
KEPT = {
    "Cache-Control": "private, max-age=30",
    "Access-Control-Allow-Origin": "*",
    "Accept-Ranges": "none",
}
"""Segments and parts are fetched whole: a range is answered with all of it (RFC 9110 14.2)."""
FRESH = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
MOST_DIGITS = 12
T = TypeVar("T")
_FILE = re.compile(r"(?:init(\d{1,12})\.mp4|segment(\d{1,12})\.m4s|part(\d{1,12})\.(\d{1,6})\.m4s)")

Number = Annotated[str | None, Query(alias="_HLS_msn", description="wait for this segment")]
Part = Annotated[str | None, Query(alias="_HLS_part", description="wait for this part of it")]


@router.get("/live/{channel_id}/index.m3u8", response_class=Response)
@router.head("/live/{channel_id}/index.m3u8", include_in_schema=False)
async def live_playlist(
    request: Request,
    platform: Here,
    channel_id: str,
    stream: StreamName = "main",
    audio: Heard = None,
    number: Number = None,
    part: Part = None,
) -> Response:
    """The media playlist, as soon as there is a whole segment, or what is waited for."""

    async def begin() -> Ready:
        return await live_stream(request, platform, channel_id, stream, "hls")

    place = f"live/{channel_id}/{stream}"
    return await _playlist(request, platform, place, begin, audio, number, part)


@router.get("/live/{channel_id}/{stream}/{name}", response_class=Response)
@router.head("/live/{channel_id}/{stream}/{name}", include_in_schema=False)
async def live_file(request: Request, channel_id: str, stream: StreamName, name: str) -> Response:
    """An initialisation segment, a segment or a part that the playlist names."""
    return await _file(request, f"live/{channel_id}/{stream}", name)


@router.get("/play/{stream_id}/index.m3u8", response_class=Response)
@router.head("/play/{stream_id}/index.m3u8", include_in_schema=False)
async def playback_playlist(
    request: Request,
    platform: Here,
    stream_id: str,
    audio: Heard = None,
    number: Number = None,
    part: Part = None,
) -> Response:
    """The media playlist of a playback, which is that of a live stream."""

    async def begin() -> Ready:
        return await playback_stream(request, platform, stream_id, "hls")

    place = f"play/{stream_id}/main"
    return await _playlist(request, platform, place, begin, audio, number, part)


@router.get("/play/{stream_id}/main/{name}", response_class=Response)
@router.head("/play/{stream_id}/main/{name}", include_in_schema=False)
async def playback_file(request: Request, stream_id: str, name: str) -> Response:
    """An initialisation segment, a segment or a part that the playlist names."""
    return await _file(request, f"play/{stream_id}/main", name)


async def _playlist(
    request: Request,
    platform: Platform,
    place: str,
    begin: Callable[[], Awaitable[Ready]],
    audio: Sound | None,
    number: str | None,
    part: str | None,
) -> Response:
    wanted = _count(number, "_HLS_msn"), _count(part, "_HLS_part")
    session = await _session(request, platform, place, begin, audio)
    folder = place.rpartition("/")[2]
    text = await _answered(
        session.viewer.playlist(f"{folder}/", f"?ticket={session.ticket}", *wanted)
    )
    return Response(text, media_type=PLAYLIST_TYPE, headers=FRESH)


async def _file(request: Request, place: str, name: str) -> Response:
    session = _sessions(request).find(request.query_params.get("ticket"), place)
    if session is None:
        raise Unauthorised(
            "the ticket of the playlist is needed, and its player has to go on asking"
        )
    found = _FILE.fullmatch(name)
    if found is None:
        raise PlatformError("not_found", "no such part of the stream", 404)
    data = await _answered(_fetched(session.viewer, *found.groups()))
    return Response(data, media_type="video/mp4", headers=KEPT)


def _fetched(
    viewer: HlsViewer, init: str | None, segment: str | None, part: str | None, index: str | None
) -> Awaitable[bytes]:
    if init is not None:
        return viewer.init(int(init))
    if segment is not None:
        return viewer.segment(int(segment))
    return viewer.part(int(part or 0), int(index or 0))


async def _session(
    request: Request,
    platform: Platform,
    place: str,
    begin: Callable[[], Awaitable[Ready]],
    audio: Sound | None,
) -> HlsSession:
    """The player that asks; a new one is let in like any viewer."""
    sessions = _sessions(request)
    ticket = request.query_params.get("ticket")
    session = sessions.find(ticket, place) or sessions.opened_by(request, place)
    if session is not None:
        return session
    ready = await begin()
    session = sessions.opened_by(request, place)  # by another request of the same player meanwhile
    if session is not None:
        return session
    try:
        viewer = platform.node.open_hls(ready.stream_id, audio=audio or "aac", who=ready.who)
    except ViewersExhausted as error:
        raise Busy("viewers_exhausted", str(error)) from error
    except MediaError as error:
        raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error
    return sessions.add(request, place, viewer)


def _sessions(request: Request) -> HlsSessions:
    sessions: HlsSessions = request.app.state.hls
    return sessions


async def _answered(waiting: Awaitable[T]) -> T:
    """What the media node gives; what it refuses, in the terms of HTTP."""
    try:
        return await waiting
    except ReloadRefused as error:
        raise PlatformError("bad_request", str(error), 400) from error
    except ReloadLate as error:
        raise Busy("segment_late", str(error)) from error
    except (PartUnknown, StreamUnknown) as error:
        raise PlatformError("not_found", f"not there (any more): {error}", 404) from error
    except MediaError as error:
        raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error


def _count(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MOST_DIGITS:
        raise PlatformError("bad_request", f"{name} is a whole number", 400)
    return int(text)
