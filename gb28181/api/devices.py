"""Devices: who registers, what an operator entered, how long they were online and why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.store.records import utc_now

from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page
from .platform import Here
from .times import End, Start, span

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])

DeviceId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$", description="usually 20 digits")]
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any interval."""

Password = Annotated[str | None, Field(max_length=128)]


class ClockOut(BaseModel):
    """How far a device's clock is off (positive: ahead), and by which message that was seen."""

    model_config = ConfigDict(from_attributes=True)

    error_s: float
    source: str
    at: datetime


class NatOut(BaseModel):
    """How a device can be reached. ``behind``: its Contact names another address than the one it
    comes from. ``unanswered``: requests in a row without response."""

    model_config = ConfigDict(from_attributes=True)

    behind: bool | None
    contact: str
    round_trip_ms: float | None
    unanswered: int
    silent_s: float | None


class DeviceOut(BaseModel):
    """A device as it is now. Secrets are never part of it."""

    model_config = ConfigDict(from_attributes=True)

    device_id: str
    name: str
    manufacturer: str
    model: str
    firmware: str
    online: bool
    state: str
    cause: str
    transport: str
    remote: str
    channel_count: int
    registered_at: datetime | None
    expires_at: datetime | None
    last_keepalive_at: datetime | None
    gb_version: str
    config_warnings: list[str]
    approved: bool
    origin: str
    policy: dict[str, Any]
    has_password: bool
    catalog_at: datetime | None
    user_agent: str
    healthy: bool
    faulty: list[str]
    clock: ClockOut | None
    nat: NatOut


class KeepaliveIn(BaseModel):
    """Heartbeats expected of the device."""

    model_config = ConfigDict(extra="forbid")

    interval: float | None = Field(None, ge=1, le=3600, description="seconds")
    count: int | None = Field(None, ge=1, le=100, description="misses in a row")


class DeviceIn(BaseModel):
    """A device entered before it comes."""

    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    name: str = Field("", max_length=256)
    password: Password = None


class DevicePatch(BaseModel):
    """What an operator may change; null takes a setting back to its default."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=256)
    password: Password = None
    transport: str | None = Field(None, description="udp, tcp-passive or tcp-active")
    charset: str | None = Field(None, description="GB18030 or UTF-8; null: detected")
    keepalive: KeepaliveIn | None = None
    policy: dict[str, Any] = Field(default_factory=dict, description="further settings by name")


class IntervalOut(BaseModel):
    """A stretch of time in one state; ``end`` is null while it lasts."""

    model_config = ConfigDict(from_attributes=True)

    state: str
    cause: str
    start: datetime
    end: datetime | None


class CatalogOut(BaseModel):
    """How a catalog query went: items announced, items that came."""

    expected: int
    received: int
    complete: bool


@router.get("")
async def devices(
    platform: Here,
    _: Viewer,
    online: bool | None = None,
    q: str = Query("", max_length=100, description="part of the id, the name or the address"),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[DeviceOut]:
    """Devices in the order of their ids."""
    views, total = platform.devices.devices(q=q, online=online, limit=limit, offset=offset)
    return Page[DeviceOut](items=[DeviceOut.model_validate(view) for view in views], total=total)


@router.post("", status_code=201)
async def create(platform: Here, _: Admin, entered: DeviceIn) -> DeviceOut:
    """Enter a device before it registers, with a password of its own if given."""
    view = await platform.devices.create(entered.device_id, entered.name, entered.password)
    return DeviceOut.model_validate(view)


@router.get("/{device_id}")
async def device(platform: Here, _: Viewer, device_id: str) -> DeviceOut:
    """One device."""
    return DeviceOut.model_validate(platform.devices.view(device_id))


@router.patch("/{device_id}")
async def update(platform: Here, _: Admin, device_id: str, patch: DevicePatch) -> DeviceOut:
    """Change what is given; null takes a setting back to its default."""
    return DeviceOut.model_validate(await platform.devices.update(device_id, _changes(patch)))


@router.delete("/{device_id}", status_code=204)
async def delete(platform: Here, _: Admin, device_id: str) -> Response:
    """Remove a device with its channels and its history; its sessions end."""
    platform.sessions.device_changed(device_id, "offline", "removed")
    await platform.devices.delete(device_id)
    return Response(status_code=204)


@router.post("/{device_id}/approve")
async def approve(platform: Here, _: Admin, device_id: str) -> DeviceOut:
    """Let a waiting device in (``devices.unknown = approve``)."""
    return DeviceOut.model_validate(await platform.devices.approve(device_id))


@router.get("/{device_id}/intervals")
async def intervals(
    platform: Here,
    _: Viewer,
    device_id: str,
    start: Start = None,
    end: End = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[IntervalOut]:
    """States of a device that touch [start, end), oldest first."""
    since, until = span(start, end)
    items, total = await platform.devices.intervals(
        device_id, since or BEGINNING, until or utc_now(), limit=limit, offset=offset
    )
    return Page[IntervalOut](
        items=[IntervalOut.model_validate(item) for item in items], total=total
    )


@router.post("/{device_id}/catalog")
async def catalog(platform: Here, _: Operator, device_id: str) -> CatalogOut:
    """Ask the device for its catalog; answers at the end of the sync or after 60 s."""
    result = await platform.devices.query_catalog(device_id)
    return CatalogOut(
        expected=result.expected or 0, received=result.received, complete=result.complete
    )


def _changes(patch: DevicePatch) -> dict[str, Any]:
    """The named settings as one flat set; only what the caller sent."""
    given = patch.model_fields_set
    changes: dict[str, Any] = dict(patch.policy)
    for name in ("name", "password", "transport", "charset"):
        if name in given:
            changes[name] = getattr(patch, name)
    if "keepalive" in given:
        keepalive = patch.keepalive or KeepaliveIn()
        changes["keepalive_interval"] = keepalive.interval
        changes["keepalive_count"] = keepalive.count
    return changes
