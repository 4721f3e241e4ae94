"""Downloads: recordings of devices as MP4 files, from the order to the file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from gb28181.errors import Unauthorised
from gb28181.playback.progress import DownloadState, DownloadView

from .guard import Operator, Viewer, opens
from .instants import Instant
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(tags=["downloads"])

MP4_TYPE = "video/mp4"


class DownloadIn(BaseModel):
    """The wanted time, and how much faster than real time it is to be sent."""

    start: Instant
    end: Instant
    speed: Annotated[int, Field(ge=1, le=64)] = 1
    transport: Literal["udp", "tcp-passive", "tcp-active"] | None = None


class DownloadOut(BaseModel):
    """A download; ``size``, ``sha256`` and ``duration_s`` are those of the finished file."""

    model_config = ConfigDict(from_attributes=True)

    download_id: str
    channel_id: str
    device_id: str
    start: datetime
    end: datetime
    speed: int
    state: DownloadState
    progress: float
    received: int
    size: int | None
    sha256: str | None
    duration_s: float | None
    video: str | None
    audio: str | None
    reason: str | None
    message: str | None
    session_id: str | None
    created_at: datetime
    ended_at: datetime | None


@router.post("/api/v1/channels/{channel_id}/download")
async def order(platform: Here, _: Operator, channel_id: str, wanted: DownloadIn) -> DownloadOut:
    """Begin a download; it is queued while the device sends as many as it may. An error names the
    leg that failed; what was ordered stays in the list then, and can be resumed."""
    view = await platform.downloads.order(
        channel_id, wanted.start, wanted.end, wanted.speed, wanted.transport
    )
    return DownloadOut.model_validate(view)


@router.get("/api/v1/downloads")
async def downloads(
    platform: Here,
    _: Viewer,
    state: DownloadState | None = Query(None, description="only this state"),
    channel_id: str = Query("", max_length=64),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[DownloadOut]:
    """Downloads, newest first."""
    views: list[DownloadView] = platform.downloads.views(state, channel_id)
    return page_of([DownloadOut.model_validate(view) for view in views], limit, offset)


@router.get("/api/v1/downloads/{download_id}")
async def download(platform: Here, _: Viewer, download_id: str) -> DownloadOut:
    """One download."""
    return DownloadOut.model_validate(platform.downloads.view(download_id))


@router.post("/api/v1/downloads/{download_id}/resume")
async def resume(platform: Here, _: Operator, download_id: str) -> DownloadOut:
    """Go on with a broken or failed download from where it stopped."""
    return DownloadOut.model_validate(await platform.downloads.resume(download_id))


@router.delete("/api/v1/downloads/{download_id}", status_code=204)
async def remove(platform: Here, _: Operator, download_id: str) -> Response:
    """Cancel it, and remove its file."""
    await platform.downloads.remove(download_id)
    return Response(status_code=204)


@router.post("/api/v1/downloads/{download_id}/ticket")
async def ticket(platform: Here, principal: Viewer, download_id: str) -> dict[str, str]:
    """A ticket for ``.../file?ticket=``, for browsers that cannot set a header."""
    platform.downloads.view(download_id)
    return {"ticket": platform.tickets.give(principal.name, _scope(download_id))}


@router.get("/api/v1/downloads/{download_id}/file", response_class=FileResponse)
async def file(request: Request, platform: Here, download_id: str) -> FileResponse:
    """The finished MP4; a Range is answered with 206."""
    if await opens(request, platform, _scope(download_id)) is None:
        raise Unauthorised
    path = platform.downloads.file(download_id)
    view = platform.downloads.view(download_id)
    name = f"{view.channel_id}-{view.start:%Y%m%dT%H%M%SZ}.mp4"
    return FileResponse(path, media_type=MP4_TYPE, filename=name)


def _scope(download_id: str) -> str:
    return f"download-{download_id}"
