"""Live pictures: the call that starts a pull and tells where to look at it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gb28181.session.model import StreamKey, StreamName

from .elsewhere import direct_urls
from .guard import Viewer
from .platform import Here
from .urls import stream_urls
from .watching import LiveOut, shown

router = APIRouter(tags=["live"])


class LiveIn(BaseModel):
    """What may be asked of a pull; a running pull keeps its own transport."""

    transport: Literal["udp", "tcp-passive", "tcp-active"] | None = None
    stream: StreamName = "main"
    video: Literal["h264"] | None = Field(
        None,
        description="`h264`: for who cannot decode H.265. The sub stream if that is H.264, else"
        " H.264 made of the main one; `stream` does not count then",
    )


@router.post("/api/v1/channels/{channel_id}/live")
async def live(
    request: Request,
    platform: Here,
    principal: Viewer,
    channel_id: str,
    wanted: LiveIn | None = None,
) -> LiveOut:
    """A running pull of this picture, begun if need be; an error names the leg that failed."""
    wanted = wanted or LiveIn()
    key = StreamKey(channel_id, wanted.stream)
    if wanted.video is None:
        view = await platform.sessions.live(channel_id, wanted.transport, wanted.stream)
    else:
        view, key = await platform.browsers.live(channel_id, wanted.transport)
    stream_id = view.session.stream_id
    ticket = platform.tickets.give(principal.name, stream_id)
    urls = stream_urls(request, platform, key, ticket)
    return shown(view, urls, direct_urls(request, platform, stream_id, principal.name))
