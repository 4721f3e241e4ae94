"""Cameras without GB/T 28181, fetched by RTSP or publishing by RTMP: each is a channel under its
city."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.errors import BadInput
from gb28181.sources.service import Source, Wish
from gb28181.store.sources import PUBLISHED
from sip.flow import host_port

from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

Code = Annotated[str | None, Field(pattern=r"^[0-9]{4}([0-9]{2}){0,2}$")]
Secret = Annotated[str | None, Field(max_length=128)]
Transport = Literal["tcp", "udp"]
Kind = Literal["rtsp", "rtmp"]
APP = "live"
"""Application of the addresses we show; any is taken, because the key alone counts."""


class SourceIn(BaseModel):
    """A camera to be fetched, or one that will publish."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=256)
    kind: Kind = Field("rtsp", description="rtsp: it is fetched; rtmp: it publishes to us")
    url: str | None = Field(
        None,
        max_length=2048,
        description="rtsp://host[:port]/path; secrets are taken out; none for rtmp",
    )
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


class Publishing(BaseModel):
    """Where a camera publishes to; the key is shown when it is made, and never again."""

    server: str | None = Field(description="without the key; null: RTMP is not served")
    key: str | None
    url: str | None = Field(description="server and key in one")


class SourceOut(BaseModel):
    """A camera; its password is never shown."""

    source_id: str
    channel_id: str = Field(description="the same: its channel, for every other call")
    name: str
    kind: Kind
    civil_code: str
    url: str
    user: str
    has_password: bool = Field(description="or, of one that publishes, a key")
    transport: str
    publish: Publishing | None = Field(description="of one that publishes")
    online: bool = Field(description="the last attempt to reach it succeeded, or it publishes")
    reason: str = Field(description="why not")
    tried_at: datetime | None
    created_at: datetime


@router.get("")
async def sources(
    request: Request, platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0
) -> Page[SourceOut]:
    """All of them, oldest first."""
    shown = [_shown(request, platform, source) for source in platform.sources.all()]
    return page_of(shown, limit, offset)


@router.post("", status_code=201)
async def create(request: Request, platform: Here, _: Admin, wanted: SourceIn) -> SourceOut:
    """Enter a camera; it is in the tree at once, and is asked whether it is there.

    One of kind `rtmp` gets a stream key, which is in this answer and in no later one.
    """
    place = wanted.civil_code or wanted.city
    if place is None:
        raise BadInput("civil_code or city is needed")
    transport = PUBLISHED if wanted.kind == "rtmp" else wanted.transport
    wish = Wish(wanted.name, place, wanted.url, wanted.user, wanted.password, transport)
    return _shown(request, platform, await platform.sources.create(wish), with_key=True)


@router.get("/{source_id}")
async def source(request: Request, platform: Here, _: Viewer, source_id: str) -> SourceOut:
    """One of them."""
    return _shown(request, platform, platform.sources.get(source_id))


@router.patch("/{source_id}")
async def update(
    request: Request, platform: Here, _: Admin, source_id: str, wanted: SourcePatch
) -> SourceOut:
    """Change one; a running pull is fetched anew if need be."""
    wish = Wish(
        wanted.name,
        wanted.civil_code,
        wanted.url,
        wanted.user,
        wanted.password,
        wanted.transport,
    )
    return _shown(request, platform, await platform.sources.update(source_id, wish))


@router.delete("/{source_id}", status_code=204)
async def remove(platform: Here, _: Admin, source_id: str) -> Response:
    """Take one away with its channel, whoever looks."""
    await platform.sources.remove(source_id)
    return Response(status_code=204)


@router.post("/{source_id}/check")
async def check(request: Request, platform: Here, _: Operator, source_id: str) -> SourceOut:
    """Ask it for its description now; `online` and `reason` say how that went.

    One that publishes is not asked: it is shown as it stands.
    """
    return _shown(request, platform, await platform.sources.check(source_id))


@router.post("/{source_id}/key")
async def renew_key(request: Request, platform: Here, _: Admin, source_id: str) -> SourceOut:
    """Give one that publishes another key, which is in this answer and in no later one.

    The key before opens nothing any more, and who publishes under it is cut off.
    """
    return _shown(request, platform, await platform.sources.renew_key(source_id), with_key=True)


def _publishing(request: Request, platform: Platform, key: str | None) -> Publishing:
    base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
    host, port = urlsplit(base).hostname, platform.rtmp_port()
    if host is None or port is None:
        return Publishing(server=None, key=key, url=None)
    server = f"rtmp://{host_port((host, port))}/{APP}"
    return Publishing(server=server, key=key, url=None if key is None else f"{server}/{key}")


def _shown(
    request: Request, platform: Platform, source: Source, *, with_key: bool = False
) -> SourceOut:
    record = source.record
    return SourceOut(
        source_id=record.source_id,
        channel_id=record.source_id,
        name=record.name,
        kind="rtmp" if record.publishes else "rtsp",
        civil_code=record.place,
        url=record.url,
        user=record.user,
        has_password=record.password is not None,
        transport=record.transport,
        publish=(
            _publishing(request, platform, record.password if with_key else None)
            if record.publishes
            else None
        ),
        online=source.online,
        reason=source.reason,
        tried_at=source.tried_at,
        created_at=record.created_at,
    )
