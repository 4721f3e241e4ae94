"""Subscriptions at a device: what it is asked to notify us of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.store.records import utc_now
from gb28181.subscribe.entry import Entry
from gb28181.subscribe.kinds import Kind

from .guard import Operator, Viewer
from .paging import Page
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1/devices/{device_id}/subscriptions", tags=["subscriptions"])


class SubscriptionIn(BaseModel):
    """What to subscribe to; the fields below `expires` belong to one kind each."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    expires: int | None = Field(None, ge=60, le=86_400, description="seconds to ask for")
    target: str | None = Field(
        None, pattern=r"^[0-9A-Za-z]{1,32}$", description="a channel's or group's reported id"
    )
    interval: int | None = Field(None, ge=1, le=86_400, description="position: seconds")
    start_priority: int | None = Field(None, ge=0, le=4, description="alarm: from, 0 all")
    end_priority: int | None = Field(None, ge=0, le=4, description="alarm: to, 0 all")
    method: str | None = Field(
        None, pattern=r"^[0-7](/[1-7]){0,6}$", description="alarm: methods, 0 all"
    )
    alarm_type: str | None = Field(None, pattern=r"^\d{1,3}(/\d{1,3}){0,15}$")


class SubscriptionOut(BaseModel):
    """A subscription as it is now."""

    kind: Kind
    wanted: bool
    origin: str = Field(description="`operator`, or `policy`: the device's settings")
    state: str = Field(
        description="idle, pending, active, refreshing, waiting, refused, closing or closed"
    )
    reason: str
    event: str = Field(description="Event header of the dialog")
    expires: int = Field(description="seconds asked for")
    expires_at: datetime | None
    interval: int
    notifications: int
    last_notify_at: datetime | None


@router.get("")
async def subscriptions(platform: Here, _: Viewer, device_id: str) -> Page[SubscriptionOut]:
    """Every kind that is or was subscribed to."""
    found = [_shown(platform, entry) for entry in platform.subscriber.entries(device_id)]
    return Page[SubscriptionOut](items=found, total=len(found))


@router.post("")
async def subscribe(
    platform: Here, _: Operator, device_id: str, wanted: SubscriptionIn
) -> SubscriptionOut:
    """Subscribe, and answer when the device agreed; it is kept up until it is deleted."""
    settings: dict[str, Any] = wanted.model_dump(exclude_none=True, exclude={"kind"})
    entry = await platform.wishes.subscribe(device_id, wanted.kind, settings)
    return _shown(platform, entry)


@router.delete("/{kind}", status_code=204)
async def unsubscribe(platform: Here, _: Operator, device_id: str, kind: Kind) -> Response:
    """End it, also one that the device's settings want."""
    await platform.wishes.unsubscribe(device_id, kind)
    return Response(status_code=204)


def _shown(platform: Platform, entry: Entry) -> SubscriptionOut:
    device = platform.subscriber.find(entry.device_id)
    left = platform.subscriber.seconds_left(entry)
    return SubscriptionOut(
        kind=entry.kind,
        wanted=platform.subscriber.wanted(device, entry.kind),
        origin="policy" if entry.record.wanted is None else "operator",
        state=entry.machine.state.name.lower(),
        reason=entry.record.reason,
        event=entry.record.event,
        expires=entry.wish.expires,
        expires_at=None if left is None else utc_now() + timedelta(seconds=left),
        interval=entry.wish.interval,
        notifications=entry.notifications,
        last_notify_at=entry.last_notify_at,
    )
