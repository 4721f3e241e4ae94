"""Pictures on demand, and the door where devices bring theirs.

The upload address is given to a device with a secret in it (GB/T 28181-2022 9.14). Devices POST or
PUT, raw or as multipart, to the path as given or with a file name behind it. Nothing is read
before the secret is known to be good, never more than the settings allow, and nothing compressed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from gb28181.control.snapshot import Source
from gb28181.control.stills import Still
from gb28181.errors import BadInput, PlatformError
from gb28181.store.control import SnapshotRecord

from .guard import Operator, Viewer
from .multipart import first_file
from .paging import Limit, Offset, Page
from .platform import Here, Platform

router = APIRouter(tags=["snapshots"])

UPLOAD_PATH = "/api/v1/snapshots/upload"
JPEG = "image/jpeg"
UPLOAD_S = 60.0
"""Time for one body."""


MaxAge = Annotated[
    float, Query(ge=0, le=3600, description="seconds; a picture made since is given again")
]
Pull = Annotated[bool, Query(description="begin a pull where none runs")]
_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "the picture of `If-None-Match` is the one there is"}
}
_FRESH = {"Cache-Control": "private, no-cache"}
"""A browser asks each time, and mostly hears that nothing changed."""


class SnapshotIn(BaseModel):
    """What picture is wanted."""

    source: Literal["auto", "device", "stream"] = Field(
        "auto",
        description="`device`: it takes and brings pictures (2022). `stream`: the key frame of the "
        "live picture. `auto`: the device where it can, else the stream.",
    )
    count: int = Field(1, ge=1, le=10, description="pictures, where the device takes them")
    interval: int = Field(1, ge=1, le=60, description="seconds between two of them")
    force: bool = Field(False, description="ask a device of 2016 as well")


class SnapshotOut(BaseModel):
    """A picture that is kept."""

    model_config = ConfigDict(from_attributes=True)

    snapshot_id: str
    channel_id: str
    device_id: str
    taken_at: datetime
    source: str
    file_id: str
    width: int
    height: int
    size: int
    url: str = Field("", description="where the JPEG is")


class SnapshotsOut(BaseModel):
    """The pictures that were taken; `complete` is false when there are fewer than asked for."""

    items: list[SnapshotOut]
    total: int
    complete: bool


@router.post(
    "/api/v1/channels/{channel_id}/snapshot",
    response_model=SnapshotsOut,
    responses={200: {"content": {JPEG: {}}, "description": "JSON, or with `Accept: image/jpeg` "
                     "the first picture itself"}},
)  # fmt: skip
async def take(
    request: Request,
    platform: Here,
    _: Operator,
    channel_id: str,
    wanted: SnapshotIn | None = None,
) -> SnapshotsOut | Response:
    """Take a picture now: as JSON with a link, or with `Accept: image/jpeg` as JPEG."""
    wanted = wanted or SnapshotIn()
    source = Source(wanted.source)
    records = await platform.control.snapshots.take(
        channel_id, source, count=wanted.count, interval=wanted.interval, force=wanted.force
    )
    if JPEG in request.headers.get("accept", ""):
        return await _jpeg(platform, records[0].snapshot_id)
    expected = wanted.count if records[0].source == Source.DEVICE else 1
    items = [_shown(request, platform, record) for record in records]
    return SnapshotsOut(items=items, total=len(items), complete=len(items) >= expected)


@router.get("/api/v1/channels/{channel_id}/snapshot", response_class=Response,
            responses={200: {"content": {JPEG: {}}}, **_UNCHANGED})  # fmt: skip
async def still(
    request: Request, platform: Here, _: Viewer, channel_id: str, max_age: MaxAge = 5.0
) -> Response:
    """The live picture as JPEG, at most so old, in its whole size; begins a pull if need be. It is
    not kept: `POST` keeps one."""
    platform.control.channel(channel_id)
    return _still(request, await platform.control.stills.fresh(channel_id, max_age))


@router.get("/api/v1/channels/{channel_id}/thumbnail", response_class=Response,
            responses={200: {"content": {JPEG: {}}}, 204: {"description": "there is no picture"},
                       **_UNCHANGED})  # fmt: skip
async def thumbnail(
    request: Request, platform: Here, _: Viewer, channel_id: str, pull: Pull = False
) -> Response:
    """A small JPEG of the channel, renewed at most once per `control.thumbnail_interval`, from a
    pull that runs already; else the last one of the past hour, else 204."""
    platform.control.channel(channel_id)
    found = await platform.control.stills.small(channel_id, pull=pull)
    return Response(status_code=204, headers=_FRESH) if found is None else _still(request, found)


@router.get("/api/v1/channels/{channel_id}/snapshots")
async def snapshots(
    request: Request,
    platform: Here,
    _: Viewer,
    channel_id: str,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[SnapshotOut]:
    """Kept pictures of a channel, newest first."""
    platform.control.channel(channel_id)
    records, total = await platform.control.snapshots.of_channel(channel_id, limit, offset)
    return Page[SnapshotOut](items=[_shown(request, platform, r) for r in records], total=total)


@router.get("/api/v1/snapshots/{snapshot_id}", response_class=Response,
            responses={200: {"content": {JPEG: {}}}})  # fmt: skip
async def snapshot(platform: Here, _: Viewer, snapshot_id: str) -> Response:
    """One kept picture as JPEG."""
    return await _jpeg(platform, snapshot_id)


@router.api_route(UPLOAD_PATH + "/{secret}", methods=["POST", "PUT"], include_in_schema=False)
@router.api_route(
    UPLOAD_PATH + "/{secret}/{name:path}", methods=["POST", "PUT"], include_in_schema=False
)
async def upload(
    request: Request,
    platform: Here,
    secret: str,
    name: str = "",
    filename: str = Query("", max_length=200),
) -> Response:
    """A device brings a picture."""
    service = platform.control.snapshots
    ticket = service.ticket(secret)
    async with service.slot():
        try:
            async with asyncio.timeout(UPLOAD_S):
                body = await _body(request, service.options.most_bytes)
        except TimeoutError:
            raise PlatformError("upload_slow", "the upload took too long", 408) from None
        kind = request.headers.get("content-type", "")
        if kind.lower().startswith("multipart/"):
            part_name, body = first_file(kind, body)
            name = part_name or name
        await service.receive(ticket, body, name or filename)
    return Response(status_code=200)


async def _body(request: Request, most: int) -> bytes:
    """The body, as long as it is within the bound and as it is."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise PlatformError("unsupported_media_type", "compressed bodies are not taken", 415)
    too_large = PlatformError("too_large", f"a picture has at most {most} bytes", 413)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise too_large
    except ClientDisconnect:
        raise BadInput("the upload broke off") from None
    return bytes(body)


async def _jpeg(platform: Platform, snapshot_id: str) -> Response:
    record, data = await platform.control.snapshots.jpeg(snapshot_id)
    headers = {
        "X-Snapshot-ID": record.snapshot_id,
        "X-Taken-At": record.taken_at.isoformat(),
        "Cache-Control": "private, max-age=86400",
    }
    return Response(data, media_type=JPEG, headers=headers)


def _still(request: Request, still: Still) -> Response:
    headers = {**_FRESH, "ETag": still.etag, "X-Taken-At": still.taken_at.isoformat()}
    known = {one.strip().removeprefix("W/") for one in _if_none_match(request).split(",")}
    if still.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(still.data, media_type=JPEG, headers=headers)


def _if_none_match(request: Request) -> str:
    return request.headers.get("if-none-match", "")


def _shown(request: Request, platform: Platform, record: SnapshotRecord) -> SnapshotOut:
    base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
    shown = SnapshotOut.model_validate(record)
    shown.url = f"{base.rstrip('/')}/api/v1/snapshots/{record.snapshot_id}"
    return shown
