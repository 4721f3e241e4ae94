"""Recorded time given back: any stretch as one MP4 to look at, and as a file to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from gb28181.errors import Conflict, PlatformError, Unauthorised
from gb28181.recording.film import read_film
from gb28181.store.recordings import ExportRecord

from .guard import Operator, Viewer, opens
from .instants import Instant
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1", tags=["recording"])

MP4_TYPE = "video/mp4"
From = Annotated[Instant, Query(description="with zone")]
To = Annotated[Instant, Query(description="with zone; at most 24 hours after start")]


class SpanIn(BaseModel):
    """A stretch of time."""

    start: Instant
    end: Instant


class FilmOut(BaseModel):
    """Where a stretch of time can be looked at."""

    url: str = Field(description="MP4 with its index; a Range is answered with 206")
    begins_at: datetime = Field(description="time of the first picture: a key frame before `start`")
    duration_s: float
    size: int


class ExportOut(BaseModel):
    """An export; ``size``, ``sha256`` and ``duration_s`` are those of the finished file."""

    export_id: str
    channel_id: str
    start: datetime
    end: datetime
    state: Literal["running", "done", "failed"]
    progress: float
    size: int | None
    sha256: str | None
    duration_s: float | None
    message: str | None
    created_at: datetime
    ended_at: datetime | None


@router.post("/channels/{channel_id}/film")
async def film(
    request: Request, platform: Here, principal: Viewer, channel_id: str, wanted: SpanIn
) -> FilmOut:
    """An address, with a ticket, of what was recorded in a stretch of time. Where the codec changes
    there is no one film: 409 `formats_differ`, and `detail.parts` are the films with their
    addresses."""
    ticket = platform.tickets.give(principal.name, _film_scope(channel_id))
    base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
    path = f"{base.rstrip('/')}/api/v1/channels/{channel_id}/film.mp4"

    def address(start: str, end: str) -> str:
        return f"{path}?{urlencode({'start': start, 'end': end, 'ticket': ticket})}"

    try:
        found = await platform.recorded.film(channel_id, wanted.start, wanted.end)
    except Conflict as error:
        for part in (error.detail or {}).get("parts", ()):
            part["url"] = address(part["start"], part["end"])
        raise
    return FilmOut(
        url=address(wanted.start.isoformat(), wanted.end.isoformat()),
        begins_at=datetime.fromtimestamp(found.begins_at, wanted.start.tzinfo),
        duration_s=round(found.seconds, 3),
        size=found.size,
    )


@router.get("/channels/{channel_id}/film.mp4", response_class=StreamingResponse)
async def film_file(
    request: Request, platform: Here, channel_id: str, start: From, end: To
) -> Response:
    """What was recorded in a stretch of time as one MP4, from the key frame before its start; what
    is missing is left out. A Range is answered with 206."""
    if await opens(request, platform, _film_scope(channel_id)) is None:
        raise Unauthorised
    found = await platform.recorded.film(channel_id, start, end)
    span = _range(request.headers.get("range"), found.size)
    first, last = (0, found.size - 1) if span is None else span
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "Cache-Control": "private, no-store",
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{found.size}"
    body: AsyncIterator[bytes] = read_film(platform.recorded.storage, found, first, last)
    status = 200 if span is None else 206
    return StreamingResponse(body, status, headers, MP4_TYPE)


@router.post("/channels/{channel_id}/export")
async def export(platform: Here, _: Operator, channel_id: str, wanted: SpanIn) -> ExportOut:
    """Write what was recorded in a stretch of time into one MP4, without re-encoding."""
    record = await platform.exports.order(channel_id, wanted.start, wanted.end)
    return _out(platform, record)


@router.get("/exports")
async def exports(
    platform: Here,
    _: Viewer,
    channel_id: str = Query("", max_length=64),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[ExportOut]:
    """Exports, newest first."""
    found = platform.exports.all(channel_id)
    return page_of([_out(platform, record) for record in found], limit, offset)


@router.get("/exports/{export_id}")
async def one(platform: Here, _: Viewer, export_id: str) -> ExportOut:
    """One export."""
    return _out(platform, platform.exports.get(export_id))


@router.delete("/exports/{export_id}", status_code=204)
async def remove(platform: Here, _: Operator, export_id: str) -> Response:
    """Cancel it, and remove its file."""
    await platform.exports.remove(export_id)
    return Response(status_code=204)


@router.post("/exports/{export_id}/ticket")
async def ticket(platform: Here, principal: Viewer, export_id: str) -> dict[str, str]:
    """A ticket for ``.../file?ticket=``, for browsers that cannot set a header."""
    platform.exports.get(export_id)
    return {"ticket": platform.tickets.give(principal.name, _export_scope(export_id))}


@router.get("/exports/{export_id}/file", response_class=FileResponse)
async def file(request: Request, platform: Here, export_id: str) -> FileResponse:
    """The finished MP4; a Range is answered with 206."""
    if await opens(request, platform, _export_scope(export_id)) is None:
        raise Unauthorised
    path = platform.exports.file(export_id)
    record = platform.exports.get(export_id)
    name = f"{record.channel_id}-{record.start_at:%Y%m%dT%H%M%SZ}.mp4"
    return FileResponse(path, media_type=MP4_TYPE, filename=name)


def _film_scope(channel_id: str) -> str:
    return f"film-{channel_id}"


def _export_scope(export_id: str) -> str:
    return f"export-{export_id}"


def _out(platform: Platform, record: ExportRecord) -> ExportOut:
    done = record.state == "done"
    return ExportOut.model_validate(
        {
            "export_id": record.export_id,
            "channel_id": record.channel_id,
            "start": record.start_at,
            "end": record.end_at,
            "state": record.state,
            "progress": platform.exports.progress(record),
            "size": record.size if done else None,
            "sha256": record.sha256 if done else None,
            "duration_s": record.duration_s if done else None,
            "message": record.message or None,
            "created_at": record.created_at,
            "ended_at": record.ended_at,
        }
    )


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range (RFC 9110 14.1.2), None for all of it.

    Of several ranges, and of other units, all is sent, as the RFC allows. Raises PlatformError
    (416) for one that lies behind the end.
    """
    unit, _, span = (header or "").strip().partition("=")
    begin, dash, stop = span.strip().partition("-")
    digits = begin + stop
    if unit.lower() != "bytes" or not dash or not digits.isascii() or not digits.isdigit():
        return None
    if len(digits) > 40:
        return None
    if not begin:
        first, last = max(size - int(stop), 0), size - 1
        if int(stop) == 0:
            raise _unsatisfiable(size)
    else:
        first, last = int(begin), min(int(stop), size - 1) if stop else size - 1
        if stop and int(stop) < int(begin):
            return None
    if first >= size:
        raise _unsatisfiable(size)
    return first, last


def _unsatisfiable(size: int) -> PlatformError:
    return PlatformError(
        "range_unsatisfiable", f"the film has {size} bytes", 416, detail={"size": size}
    )
