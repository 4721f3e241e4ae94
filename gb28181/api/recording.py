"""What the platform records itself: by hand, how it stands, what is there and what is missing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.recording.machine import State
from gb28181.recording.service import MOST_SECONDS
from gb28181.store.recordings import SegmentRecord

from .guard import Admin, Operator, Viewer
from .instants import Instant
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1", tags=["recording"])

Begin = Annotated[Instant, Query(description="with zone")]
Until = Annotated[Instant, Query(description="with zone; at most 31 days after start")]


class RecordingOut(BaseModel):
    """How the recording of a channel stands."""

    model_config = ConfigDict(from_attributes=True)

    channel_id: str
    state: State
    cause: str | None = Field(description="why nothing is recorded, though it is wanted")
    wanted_by: list[str] = Field(description="`plan`, `hand`, `alarm`")
    plan_id: str | None
    until: datetime | None = Field(description="end of a recording by hand, if it has one")
    path: str | None = Field(description="of the file that grows, below the folder of recordings")
    since: datetime | None


class RecordingIn(BaseModel):
    """What is to be done by hand."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["start", "stop"]
    seconds: Annotated[
        float | None, Field(gt=0, le=MOST_SECONDS, description="start: end by itself after so long")
    ] = None


class SegmentOut(BaseModel):
    """One file."""

    model_config = ConfigDict(from_attributes=True)

    segment_id: str
    start: datetime
    end: datetime
    duration_s: float
    size: int
    video: str
    audio: str
    state: Literal["growing", "done", "lost"] = Field(description="`lost`: its file is gone")
    protected: bool
    path: str
    place: Literal["local", "store"] = Field(description="where the file is")
    reason: str = Field(description="why the file ended")


class GapOut(BaseModel):
    """Recording was wanted, and there was none."""

    start: datetime
    end: datetime | None = Field(description="null: it lasts")
    cause: str


class TimelineOut(BaseModel):
    """What was recorded in a stretch of time, and what is missing; both oldest first."""

    segments: list[SegmentOut]
    gaps: list[GapOut]


class ProtectIn(BaseModel):
    """Whether old age and a full disk may remove it."""

    model_config = ConfigDict(extra="forbid")

    protected: bool = True


class ProtectSpanIn(ProtectIn):
    """The same for all files of a stretch of time."""

    start: Instant
    end: Instant


class CountOut(BaseModel):
    """How many files it was about."""

    count: int


class StoreOut(BaseModel):
    """The store behind the local disk."""

    answers: bool
    trouble: str | None = Field(description="why nothing is brought there")
    size: int = Field(description="bytes of recordings in it")
    quota: int


class RoomOut(BaseModel):
    """The room for recordings, and where index and folder disagree."""

    room: bool = Field(description="false: recording pauses")
    size: int = Field(description="bytes of recordings on the local disk")
    quota: int
    free: int
    reserve: int
    store: StoreOut | None = Field(description="null: there is none in the settings")
    missing: list[str] = Field(description="in the index, and the file is gone (at most 1,000)")
    unknown: list[str] = Field(description="in the folder, and not in the index (at most 1,000)")


@router.get("/recordings")
async def recordings(
    platform: Here,
    _: Viewer,
    state: State | None = Query(None, description="only this state"),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RecordingOut]:
    """Channels that are recorded, or are to be."""
    views = [v for v in platform.recordings.views() if state is None or v.state is state]
    return page_of([RecordingOut.model_validate(view) for view in views], limit, offset)


@router.get("/recordings/room")
async def room(platform: Here, _: Viewer) -> RoomOut:
    """Whether there is room, and what of index and folder does not fit together."""
    settings, found = platform.settings.recording, platform.recovery.found
    return RoomOut(
        room=platform.room.room,
        size=platform.room.size,
        quota=settings.quota,
        free=platform.recorded.storage.free(),
        reserve=settings.reserve,
        store=_store(platform),
        missing=list(found.missing[:1000]),
        unknown=list(found.unknown[:1000]),
    )


def _store(platform: Platform) -> StoreOut | None:
    bucket = platform.recorded.storage.bucket
    if bucket is None:
        return None
    trouble = bucket.trouble or None
    return StoreOut(
        answers=not trouble,
        trouble=trouble,
        size=platform.room.stored,
        quota=bucket.options.quota,
    )


@router.get("/channels/{channel_id}/recording")
async def recording(platform: Here, _: Viewer, channel_id: str) -> RecordingOut:
    """How the recording of a channel stands."""
    return RecordingOut.model_validate(platform.recordings.view(channel_id))


@router.post("/channels/{channel_id}/recording")
async def record(platform: Here, _: Operator, channel_id: str, wanted: RecordingIn) -> RecordingOut:
    """Record by hand, or no longer; what a plan wants goes on. Answered at once: whether the
    camera sends is seen in `state`."""
    if wanted.action == "start":
        view = await platform.recordings.record(channel_id, wanted.seconds)
    else:
        view = await platform.recordings.stop(channel_id)
    return RecordingOut.model_validate(view)


@router.get("/channels/{channel_id}/timeline")
async def timeline(
    platform: Here, _: Viewer, channel_id: str, start: Begin, end: Until
) -> TimelineOut:
    """What was recorded of a channel, and what is missing and why."""
    segments = await platform.recorded.segments(channel_id, start, end)
    gaps = await platform.recorded.gaps(channel_id, start, end)
    return TimelineOut(
        segments=[segment_out(one) for one in segments],
        gaps=[GapOut(start=gap.start_at, end=gap.end_at, cause=gap.cause) for gap in gaps],
    )


@router.post("/channels/{channel_id}/recording/protect")
async def protect_span(
    platform: Here, _: Operator, channel_id: str, wanted: ProtectSpanIn
) -> CountOut:
    """Keep what was recorded in a stretch of time, or no longer."""
    count = await platform.recorded.protect(channel_id, wanted.start, wanted.end, wanted.protected)
    return CountOut(count=count)


@router.get("/segments/{segment_id}")
async def segment(platform: Here, _: Viewer, segment_id: str) -> SegmentOut:
    """One file."""
    return segment_out(await platform.recorded.segment(segment_id))


@router.post("/segments/{segment_id}/protect")
async def protect(platform: Here, _: Operator, segment_id: str, wanted: ProtectIn) -> SegmentOut:
    """Keep a file, or no longer."""
    return segment_out(await platform.recorded.protect_one(segment_id, wanted.protected))


@router.delete("/segments/{segment_id}", status_code=204)
async def delete(platform: Here, _: Admin, segment_id: str) -> Response:
    """Remove a file; one that grows, or is protected, is refused."""
    await platform.recorded.delete(segment_id)
    return Response(status_code=204)


def segment_out(record: SegmentRecord) -> SegmentOut:
    return SegmentOut.model_validate(
        {
            "segment_id": record.segment_id,
            "start": record.start_at,
            "end": record.end_at,
            "duration_s": round(record.duration_s, 3),
            "size": record.size,
            "video": record.video,
            "audio": record.audio,
            "state": record.state,
            "protected": record.protected,
            "path": record.path,
            "place": record.place,
            "reason": record.reason,
        }
    )
