"""Bringing live pictures to other servers by RTSP or RTMP; what is entered here stays."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.pushes.service import PushView
from gb28181.session.model import StreamKey, StreamName

from .guard import Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(tags=["pushes"])


class PushIn(BaseModel):
    """Where a picture is wanted."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        max_length=2048,
        description="`rtsp://[user:password@]host[:port]/path` or `rtmp://host[:port]/app/key`; its"
        " secrets are stored encrypted and never shown",
    )
    stream: StreamName = "main"


class PushOut(BaseModel):
    """A stream that is brought to another server."""

    model_config = ConfigDict(from_attributes=True)

    push_id: str
    channel_id: str
    stream: str
    stream_id: str
    protocol: str = Field(description="`rtsp` or `rtmp`")
    target: str = Field(description="the address, with password, key and query masked")
    state: Literal["connecting", "pushing", "waiting"]
    waits_for: Literal["source", "target"] | None = Field(
        description="who keeps it waiting, when that is known: the camera or the other server"
    )
    reason: str | None = Field(description="why it waits")
    since: datetime = Field(description="it is in this state")
    bytes_out: int = Field(description="since the platform started")
    dropped_frames: int = Field(description="left out, because the target was too slow")
    last_error: str | None
    last_error_at: datetime | None
    created_at: datetime


@router.post("/api/v1/channels/{channel_id}/pushes", status_code=201)
async def create_push(platform: Here, _: Operator, channel_id: str, wanted: PushIn) -> PushOut:
    """Bring the live picture to a server from now on, over restarts, until this is taken away.

    Answers at once; how it goes say `state` and `reason`.
    """
    key = StreamKey(channel_id, wanted.stream)
    return _shown(await platform.pushes.create(key, wanted.url))


@router.get("/api/v1/channels/{channel_id}/pushes")
async def pushes_of_channel(
    platform: Here, _: Viewer, channel_id: str, limit: Limit = 50, offset: Offset = 0
) -> Page[PushOut]:
    """Those of a channel, oldest first."""
    return page_of([_shown(one) for one in platform.pushes.views(channel_id)], limit, offset)


@router.delete("/api/v1/channels/{channel_id}/pushes", status_code=204)
async def end_pushes_of_channel(platform: Here, _: Operator, channel_id: str) -> Response:
    """End all of a channel, for good."""
    await platform.pushes.remove_all(channel_id)
    return Response(status_code=204)


@router.delete("/api/v1/channels/{channel_id}/pushes/{push_id}", status_code=204)
async def end_push_of_channel(
    platform: Here, _: Operator, channel_id: str, push_id: str
) -> Response:
    """End one, for good."""
    await platform.pushes.remove(push_id, channel_id)
    return Response(status_code=204)


@router.get("/api/v1/pushes")
async def pushes(platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0) -> Page[PushOut]:
    """All of them, oldest first."""
    return page_of([_shown(view) for view in platform.pushes.views()], limit, offset)


@router.get("/api/v1/pushes/{push_id}")
async def one_push(platform: Here, _: Viewer, push_id: str) -> PushOut:
    """One of them."""
    return _shown(platform.pushes.view(push_id))


@router.delete("/api/v1/pushes/{push_id}", status_code=204)
async def end_push(platform: Here, _: Operator, push_id: str) -> Response:
    """End one, for good."""
    await platform.pushes.remove(push_id)
    return Response(status_code=204)


def _shown(view: PushView) -> PushOut:
    return PushOut.model_validate(view)
