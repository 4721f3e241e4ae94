"""Sending live pictures on, as program stream in RTP, to an address in an allowed network.

The counterpart of other media servers' `startSendRtp`; a platform above that asks by INVITE does
not need it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.session.forwards import ForwardView, Wish
from gb28181.session.model import StreamKey, StreamName

from .guard import Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(tags=["forwards"])


class ForwardIn(BaseModel):
    """Where a picture is wanted, and how."""

    host: str = Field(description="IP address of the receiver, in a network of `media.allow`")
    port: int = Field(0, ge=0, le=65535, description="of the receiver; not with `tcp-passive`")
    transport: Literal["udp", "tcp-active", "tcp-passive"] = Field(
        "udp", description="`tcp-active`: we connect; `tcp-passive`: the receiver connects to us"
    )
    ssrc: int | None = Field(
        None, ge=0, le=0xFFFFFFFF, description="in every packet; a random one when not given"
    )
    stream: StreamName = "main"


class ForwardOut(BaseModel):
    """A picture on its way to somebody."""

    model_config = ConfigDict(from_attributes=True)

    forward_id: str
    channel_id: str
    stream_id: str
    transport: str
    ssrc: str
    local_host: str
    local_port: int = Field(
        description="with `tcp-passive` the receiver connects here, within 30 s"
    )
    remote: str | None
    packets: int
    bytes_out: int
    dropped_packets: int = Field(description="not taken by the system")
    dropped_frames: int = Field(description="left out, because the receiver was too slow")
    started_at: datetime


@router.post("/api/v1/channels/{channel_id}/forward", status_code=201)
async def forward(platform: Here, _: Operator, channel_id: str, wanted: ForwardIn) -> ForwardOut:
    """Send the live picture on as PS in RTP (payload type 96); begins the pull if need be."""
    key = StreamKey(channel_id, wanted.stream)
    wish = Wish(key, wanted.host, wanted.port, wanted.transport, wanted.ssrc)
    return _shown(await platform.forwards.open(wish))


@router.get("/api/v1/forwards")
async def forwards(
    platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0
) -> Page[ForwardOut]:
    """All pictures that are sent on."""
    return page_of([_shown(view) for view in platform.forwards.views()], limit, offset)


@router.get("/api/v1/forwards/{forward_id}")
async def one_forward(platform: Here, _: Viewer, forward_id: str) -> ForwardOut:
    """One of them; it is gone when it has ended."""
    return _shown(platform.forwards.view(forward_id))


@router.delete("/api/v1/forwards/{forward_id}", status_code=204)
async def end_forward(platform: Here, _: Operator, forward_id: str) -> Response:
    """Send no more."""
    await platform.forwards.close(forward_id)
    return Response(status_code=204)


def _shown(view: ForwardView) -> ForwardOut:
    return ForwardOut.model_validate(view)
