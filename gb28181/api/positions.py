"""Positions: where a device or channel was, as it reported."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gb28181.store.records import PositionRecord

from .guard import Viewer
from .paging import Limit, Offset, Page
from .platform import Here, Platform
from .times import End, Start, span

router = APIRouter(prefix="/api/v1", tags=["positions"])


class PointOut(BaseModel):
    """A place in degrees."""

    longitude: float
    latitude: float


class PositionOut(BaseModel):
    """A position as it was reported, and in WGS-84 whatever it was reported in."""

    device_id: str
    channel_id: str | None
    reported_id: str
    time: datetime
    received_at: datetime
    longitude: float
    latitude: float
    system: Literal["wgs84", "gcj02"] = Field(description="of `longitude` and `latitude`")
    wgs84: PointOut
    speed: float | None = Field(description="km/h")
    direction: float | None = Field(description="degrees clockwise from north")
    altitude: float | None = Field(description="metres above sea level")
    height: float | None = Field(description="metres above the ground")


@router.get("/channels/{channel_id}/positions")
async def of_channel(
    platform: Here,
    _: Viewer,
    channel_id: str,
    start: Start = None,
    end: End = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[PositionOut]:
    """The track of a channel, oldest first."""
    since, until = span(start, end)
    found, total = await platform.positions.of_channel(
        channel_id, since, until, limit=limit, offset=offset
    )
    return _page(platform, found, total)


@router.get("/devices/{device_id}/positions")
async def of_device(
    platform: Here,
    _: Viewer,
    device_id: str,
    start: Start = None,
    end: End = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[PositionOut]:
    """Every position a device reported, its own and those of what hangs on it, oldest first."""
    since, until = span(start, end)
    found, total = await platform.positions.of_device(
        device_id, since, until, limit=limit, offset=offset
    )
    return _page(platform, found, total)


def _page(platform: Platform, found: list[PositionRecord], total: int) -> Page[PositionOut]:
    items = [PositionOut.model_validate(platform.positions.as_dict(record)) for record in found]
    return Page[PositionOut](items=items, total=total)
