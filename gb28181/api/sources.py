"""Cameras without GB/T 28181, fetched by RTSP: each is a channel under its city."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.errors import BadInput
from gb28181.sources.service import Source, Wish

from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

Code = Annotated[str | None, Field(pattern=r"^[0-9]{4}([0-9]{2}){0,2}$")]
Secret = Annotated[str | None, Field(max_length=128)]
Transport = Literal["tcp", "udp"]


class SourceIn(BaseModel):
    """A camera to be fetched."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=256)
    url: str = Field(max_length=2048, description="rtsp://host[:port]/path; secrets are taken out")
    civil_code: Code = Field(None, description="where it stands: 4, 6 or 8 digits")
    city: Code = Field(None, description="the same")
    user: str | None = Field(None, max_length=128)
    password: Secret = None
    transport: Transport = Field("tcp", description="how RTP comes")


class SourcePatch(BaseModel):
    """What is to change; absent values stay."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=256)
    url: str | None = Field(None, max_length=2048)
    civil_code: Code = None
    user: str | None = Field(None, max_length=128)
    password: Secret = None
    transport: Transport | None = None


class SourceOut(BaseModel):
    """A camera; its password is never shown."""

    source_id: str
    channel_id: str = Field(description="the same: its channel, for every other call")
    name: str
    civil_code: str
    url: str
    user: str
    has_password: bool
    transport: str
    online: bool = Field(description="the last attempt to reach it succeeded")
    reason: str = Field(description="why not")
    tried_at: datetime | None
    created_at: datetime


@router.get("")
async def sources(
    platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0
) -> Page[SourceOut]:
    """All of them, oldest first."""
    return page_of([_shown(source) for source in platform.sources.all()], limit, offset)


@router.post("", status_code=201)
async def create(platform: Here, _: Admin, wanted: SourceIn) -> SourceOut:
    """Enter a camera; it is in the tree at once, and is asked whether it is there."""
    place = wanted.civil_code or wanted.city
    if place is None:
        raise BadInput("civil_code or city is needed")
    wish = Wish(wanted.name, place, wanted.url, wanted.user, wanted.password, wanted.transport)
    return _shown(await platform.sources.create(wish))


@router.get("/{source_id}")
async def source(platform: Here, _: Viewer, source_id: str) -> SourceOut:
    """One of them."""
    return _shown(platform.sources.get(source_id))


@router.patch("/{source_id}")
async def update(platform: Here, _: Admin, source_id: str, wanted: SourcePatch) -> SourceOut:
    """Change one; a running pull is fetched anew if need be."""
    wish = Wish(
        wanted.name,
        wanted.civil_code,
        wanted.url,
        wanted.user,
        wanted.password,
        wanted.transport,
    )
    return _shown(await platform.sources.update(source_id, wish))


@router.delete("/{source_id}", status_code=204)
async def remove(platform: Here, _: Admin, source_id: str) -> Response:
    """Take one away with its channel, whoever looks."""
    await platform.sources.remove(source_id)
    return Response(status_code=204)


@router.post("/{source_id}/check")
async def check(platform: Here, _: Operator, source_id: str) -> SourceOut:
    """Ask it for its description now; `online` and `reason` say how that went."""
    return _shown(await platform.sources.check(source_id))


def _shown(source: Source) -> SourceOut:
    record = source.record
    return SourceOut(
        source_id=record.source_id,
        channel_id=record.source_id,
        name=record.name,
        civil_code=record.place,
        url=record.url,
        user=record.user,
        has_password=record.password is not None,
        transport=record.transport,
        online=source.online,
        reason=source.reason,
        tried_at=source.tried_at,
        created_at=record.created_at,
    )
