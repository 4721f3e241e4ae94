"""Recordings of devices: what there is, looking at it, and its control; and looking at those of the
platform, which is the same.

A playback is a stream of its own with the addresses ``/play/{stream_id}.*``; tickets, viewers and
linger are those of live pictures. Its control goes to the device and is answered when it is done.
What the platform recorded is played without the device.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gb28181.playback.control import Action
from gb28181.session.model import StreamKey
from gb28181.session.playback_view import PlaybackView

from .guard import Operator, Viewer
from .instants import Instant
from .platform import Here, Platform
from .urls import stream_urls
from .watching import LiveOut, shown

router = APIRouter(tags=["recordings"])


class RecordOut(BaseModel):
    """One recorded segment."""

    model_config = ConfigDict(from_attributes=True)

    start: datetime
    end: datetime
    type: str
    size: int | None
    file_path: str
    name: str
    address: str
    stream_number: str


class RecordsOut(BaseModel):
    """Recordings, oldest first; not ``complete`` when the device told less than it announced."""

    items: list[RecordOut]
    total: int
    complete: bool


class PlaybackIn(BaseModel):
    """The wanted time."""

    start: Instant
    end: Instant
    source: Annotated[
        Literal["device", "platform"],
        Field(description="who recorded it: the device, which is asked, or the platform itself"),
    ] = "device"
    transport: Annotated[
        Literal["udp", "tcp-passive", "tcp-active"] | None,
        Field(description="of what a device sends"),
    ] = None


class ControlIn(BaseModel):
    """What is to be done with the recording that is shown."""

    action: Action
    position_s: Annotated[float | None, Field(ge=0, description="seek: seconds from start")] = None
    speed: Annotated[
        float | None,
        Field(
            description="speed: 0.25 to 8; below 0 backwards, where the device can; of what the"
            " platform recorded only forwards"
        ),
    ] = None


class ControlOut(BaseModel):
    """Where the playback stands."""

    model_config = ConfigDict(from_attributes=True)

    session_id: str
    stream_id: str
    state: str
    start: datetime
    end: datetime
    position_s: float
    speed: float
    paused: bool


@router.get("/api/v1/channels/{channel_id}/records")
async def records(
    platform: Here,
    _: Viewer,
    channel_id: str,
    start: Annotated[Instant, Query(description="with zone")],
    end: Annotated[Instant, Query(description="with zone; at most 31 days after start")],
) -> RecordsOut:
    """What the device recorded in this time; it is asked now."""
    found = await platform.archive.records(channel_id, start, end)
    items = [RecordOut.model_validate(item) for item in found.items]
    return RecordsOut(items=items, total=len(items), complete=found.complete)


@router.post("/api/v1/channels/{channel_id}/playback")
async def playback(
    request: Request, platform: Here, principal: Operator, channel_id: str, wanted: PlaybackIn
) -> LiveOut:
    """A recording as a stream of its own; an error names the leg that failed. Of what the platform
    recorded, the first picture waits until somebody looks."""
    if wanted.source == "platform":
        view = await platform.replays.play(channel_id, wanted.start, wanted.end)
    else:
        view = await platform.playback.play(channel_id, wanted.start, wanted.end, wanted.transport)
    stream_id = view.session.stream_id
    ticket = platform.tickets.give(principal.name, stream_id)
    key = StreamKey(channel_id, "main", stream_id)
    return shown(view, stream_urls(request, platform, key, ticket))


@router.post("/api/v1/sessions/{session_id}/control")
async def control(platform: Here, _: Operator, session_id: str, wanted: ControlIn) -> ControlOut:
    """Pause, resume, seek, speed, stop: answered when the device did it, or the platform."""
    view: PlaybackView
    if platform.replays.owns(session_id):
        view = _replayed(platform, session_id, wanted)
    else:
        view = await platform.playback.control(
            session_id, wanted.action, position_s=wanted.position_s, speed=wanted.speed
        )
    return ControlOut.model_validate(view)


@router.get("/api/v1/sessions/{session_id}/playback")
async def position(platform: Here, _: Viewer, session_id: str) -> ControlOut:
    """Where a playback stands, by our own count."""
    if platform.replays.owns(session_id):
        return ControlOut.model_validate(platform.replays.view(session_id))
    return ControlOut.model_validate(platform.playback.view(session_id))


def _replayed(platform: Platform, session_id: str, wanted: ControlIn) -> PlaybackView:
    replays = platform.replays
    match wanted.action:
        case Action.PAUSE:
            return replays.pause(session_id)
        case Action.RESUME:
            return replays.resume(session_id)
        case Action.SEEK:
            return replays.seek(session_id, wanted.position_s)
        case Action.SPEED:
            return replays.run(session_id, wanted.speed)
        case Action.STOP:
            return replays.stop(session_id)
