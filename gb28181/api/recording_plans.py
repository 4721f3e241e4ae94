"""Plans: when channels are recorded, and which channels follow them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.store.recordings import PlanRecord

from .guard import Admin, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1/recording-plans", tags=["recording"])

Stretch = Annotated[list[int], Field(min_length=2, max_length=2)]
Day = Annotated[list[Stretch], Field(max_length=48)]


class PlanIn(BaseModel):
    """A weekly table: seven days from Monday on, each a list of stretches `[from, to]` in minutes
    of the day (0 to 1440) in the zone `recording.zone`. `[[[0, 1440]]]` seven times is always."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=256)
    enabled: bool = True
    week: list[Day] = Field(min_length=7, max_length=7)


class PlanOut(BaseModel):
    """A plan, and how many channels follow it."""

    plan_id: str
    name: str
    enabled: bool
    week: list[Day]
    channel_count: int
    created_at: datetime


class ChannelsIn(BaseModel):
    """The channels that follow a plan; a channel follows one plan, the last it was given."""

    model_config = ConfigDict(extra="forbid")

    channel_ids: list[Annotated[str, Field(max_length=64)]] = Field(max_length=20_000)


@router.get("")
async def plans(platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0) -> Page[PlanOut]:
    """All plans, oldest first."""
    found = platform.recording_plans.all()
    return page_of([_out(platform, plan) for plan in found], limit, offset)


@router.post("", status_code=201)
async def create(platform: Here, _: Admin, entered: PlanIn) -> PlanOut:
    """Enter a plan."""
    plan = await platform.recording_plans.create(entered.name, entered.week, entered.enabled)
    return _out(platform, plan)


@router.get("/{plan_id}")
async def plan(platform: Here, _: Viewer, plan_id: str) -> PlanOut:
    """One plan."""
    return _out(platform, platform.recording_plans.get(plan_id))


@router.put("/{plan_id}")
async def replace(platform: Here, _: Admin, plan_id: str, entered: PlanIn) -> PlanOut:
    """Replace a plan; its channels follow the new one at once."""
    return _out(
        platform,
        await platform.recording_plans.replace(
            plan_id, entered.name, entered.week, entered.enabled
        ),
    )


@router.delete("/{plan_id}", status_code=204)
async def delete(platform: Here, _: Admin, plan_id: str) -> Response:
    """Remove a plan; what was recorded stays."""
    await platform.recording_plans.delete(plan_id)
    return Response(status_code=204)


@router.get("/{plan_id}/channels")
async def channels(
    platform: Here, _: Viewer, plan_id: str, limit: Limit = 50, offset: Offset = 0
) -> Page[str]:
    """Who follows it."""
    return page_of(platform.recording_plans.channels(plan_id), limit, offset)


@router.put("/{plan_id}/channels")
async def assign(platform: Here, _: Admin, plan_id: str, wanted: ChannelsIn) -> PlanOut:
    """These channels follow it, and no others."""
    await platform.recording_plans.assign(plan_id, wanted.channel_ids)
    return _out(platform, platform.recording_plans.get(plan_id))


def _out(platform: Platform, plan: PlanRecord) -> PlanOut:
    return PlanOut(
        plan_id=plan.plan_id,
        name=plan.name,
        enabled=plan.enabled,
        week=plan.week,
        channel_count=len(platform.recording_plans.channels(plan.plan_id)),
        created_at=plan.created_at,
    )
