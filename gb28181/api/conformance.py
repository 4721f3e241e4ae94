"""Conformance runs: a device is driven through the laboratory's items, and a report is kept."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.conformance.desk import Patience
from gb28181.conformance.items import ITEMS
from gb28181.conformance.model import Edition, Grade, Verdict
from gb28181.conformance.service import Asked

from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(prefix="/api/v1", tags=["conformance"])

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class RunIn(BaseModel):
    """What to examine; nothing given: all items that do not disturb."""

    model_config = ConfigDict(extra="forbid")

    items: list[str] = Field(default_factory=list, max_length=200, description="names of items")
    grades: list[Grade] = Field(default_factory=list, max_length=6)
    channel_id: str = Field(
        "", max_length=64, description="empty: one that is on, and can be moved if there is one"
    )
    allow_disruptive: bool = Field(
        False, description="also what ends pictures or changes settings for a while"
    )
    answer_s: float = Field(10.0, ge=1, le=60, description="seconds to wait for an answer")
    watch_s: float = Field(4.0, ge=1, le=30, description="seconds a picture is looked at")
    retry_s: float = Field(
        60.0, ge=1, le=600, description="shortest pause after a failed registration (2022 7.1)"
    )
    grant_s: int = Field(60, ge=5, le=3600, description="registration time that shows a refresh")
    boot_s: float = Field(240.0, ge=1, le=900, description="seconds to wait for a restart")

    def asked(self) -> Asked:
        patience = Patience(
            answer_s=self.answer_s,
            watch_s=self.watch_s,
            retry_s=self.retry_s,
            grant_s=self.grant_s,
            boot_s=self.boot_s,
        )
        return Asked(
            tuple(self.items), tuple(self.grades), self.channel_id, self.allow_disruptive, patience
        )


class RunSummary(BaseModel):
    """A run; `counts` tells how many items have each verdict so far."""

    run_id: str
    device_id: str
    channel_id: str
    edition: Edition
    device: dict[str, Any] = Field(description="as the device described itself at the start")
    allow_disruptive: bool
    state: str = Field(description="running, done, cancelled, interrupted or failed")
    current: str = Field(description="the item under way")
    started_at: datetime
    ended_at: datetime | None
    total: int = Field(description="items that were chosen")
    counts: dict[Verdict, int]


class ActOut(BaseModel):
    """One thing that was done; `error` is the platform's code, empty when it worked."""

    what: str
    error: str
    message: str
    sip_status: int | None
    seconds: float


class ItemOut(BaseModel):
    """One item with its finding and evidence."""

    name: str
    grade: Grade
    title_zh: str
    title_en: str
    clause: str
    disruptive: bool
    verdict: Verdict
    reason_zh: str
    reason_en: str
    duration_s: float
    acts: list[ActOut]
    messages: list[dict[str, Any]] = Field(description="rungs, as in a trace")
    messages_total: int


class RunOut(RunSummary):
    """A run with its items."""

    items: list[ItemOut]


class ItemIn(BaseModel):
    """An item there is."""

    name: str
    grade: Grade
    title_zh: str
    title_en: str
    clause_2016: str = Field(description="empty: the edition does not have it")
    clause_2022: str
    disruptive: bool


@router.get("/conformance/items")
async def items(_: Viewer) -> Page[ItemIn]:
    """Every item, in the order they are tried."""
    found = [
        ItemIn(
            name=item.name,
            grade=item.grade,
            title_zh=item.title.zh,
            title_en=item.title.en,
            clause_2016=item.clause(Edition.OF_2016),
            clause_2022=item.clause(Edition.OF_2022),
            disruptive=item.disruptive,
        )
        for item in ITEMS
    ]
    return Page[ItemIn](items=found, total=len(found))


@router.post("/devices/{device_id}/conformance", status_code=201)
async def begin(
    platform: Here, _: Admin, device_id: str, wanted: RunIn | None = None
) -> RunSummary:
    """Begin a run; one per device at a time. It goes on by itself."""
    started = await platform.conformance.begin(device_id, (wanted or RunIn()).asked())
    return RunSummary.model_validate(started)


@router.get("/conformance")
async def runs(
    platform: Here,
    _: Viewer,
    device_id: str = Query("", max_length=64),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RunSummary]:
    """Runs that are kept, newest first."""
    found = platform.conformance.runs(device_id)
    return page_of([RunSummary.model_validate(run) for run in found], limit, offset)


@router.get("/conformance/{run_id}")
async def run(platform: Here, _: Operator, run_id: str) -> RunOut:
    """A run with its items and their evidence, under way or over."""
    return RunOut.model_validate(await platform.conformance.find(run_id))


@router.get("/conformance/{run_id}/report.docx", response_class=Response,
            responses={200: {"content": {DOCX: {}}}})  # fmt: skip
async def word(platform: Here, _: Operator, run_id: str) -> Response:
    """The report for Word."""
    from gb28181.conformance.word import document  # heavy, and seldom needed

    found = await platform.conformance.find(run_id)
    data = await asyncio.to_thread(document, found)
    headers = {"Content-Disposition": f'attachment; filename="conformance-{run_id}.docx"'}
    return Response(data, media_type=DOCX, headers=headers)


@router.post("/conformance/{run_id}/cancel")
async def cancel(platform: Here, _: Admin, run_id: str) -> RunSummary:
    """End a run; what it found stays."""
    return RunSummary.model_validate(await platform.conformance.cancel(run_id))


@router.delete("/conformance/{run_id}", status_code=204)
async def remove(platform: Here, _: Admin, run_id: str) -> Response:
    """Forget a run that is over."""
    await platform.conformance.remove(run_id)
    return Response(status_code=204)
