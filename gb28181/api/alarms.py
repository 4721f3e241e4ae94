"""Alarms: what devices reported, who has seen it, and what follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.alarms import kinds
from gb28181.alarms.service import as_dict
from gb28181.store.alarms import AlarmFilter
from gb28181.store.records import AlarmRecord, AlarmRuleRecord

from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here
from .times import End, Start, span

router = APIRouter(prefix="/api/v1", tags=["alarms"])

Many = Annotated[list[int], Query(description="one or several")]


class NameOut(BaseModel):
    """What a number of the standard is called."""

    zh: str
    en: str


class AlarmOut(BaseModel):
    """An alarm. `time` is when it happened, by the device's clock unless that is impossible."""

    alarm_id: str
    device_id: str
    channel_id: str | None
    reported_id: str
    priority: int | None
    priority_name: NameOut | None
    method: int | None
    method_name: NameOut | None
    methods: list[int]
    type: int | None
    type_name: NameOut | None
    event_type: int | None
    event_name: NameOut | None
    time: datetime
    time_source: str
    device_time: str
    received_at: datetime
    description: str
    longitude: float | None
    latitude: float | None
    sn: str
    repeats: int
    last_at: datetime
    acknowledged: bool
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str


class AckIn(BaseModel):
    """What somebody has to say about it."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=1000)


class KindOut(BaseModel):
    """One number with its names, and the editions that know it."""

    number: int
    zh: str
    en: str
    editions: list[str]
    method: int | None = None
    type: int | None = None


class KindsOut(BaseModel):
    """All numbers an alarm may carry."""

    priorities: list[KindOut]
    methods: list[KindOut]
    types: list[KindOut]
    event_types: list[KindOut]


class RuleMatch(BaseModel):
    """Which alarms; an empty list means all."""

    model_config = ConfigDict(extra="forbid")

    device_ids: list[str] = Field(default_factory=list, max_length=10_000)
    channel_ids: list[str] = Field(default_factory=list, max_length=10_000)
    priorities: list[Annotated[int, Field(ge=1, le=4)]] = Field(default_factory=list)
    methods: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=list)
    types: list[Annotated[int, Field(ge=0, le=999)]] = Field(default_factory=list)


class RuleIn(BaseModel):
    """What follows from an alarm. Every action is an object with `action` and its parameters."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=256)
    enabled: bool = True
    match: RuleMatch = Field(default_factory=RuleMatch)
    actions: list[dict[str, Any]] = Field(min_length=1, max_length=8)
    cooldown: float = Field(0.0, ge=0, le=86_400, description="seconds of rest for each source")
    secret: str | None = Field(None, max_length=256, description="key of the webhook signature")


class RuleOut(BaseModel):
    """A rule; its secret is never returned."""

    rule_id: str
    name: str
    enabled: bool
    match: RuleMatch
    actions: list[dict[str, Any]]
    cooldown: float
    has_secret: bool
    created_at: datetime


@router.get("/alarms")
async def alarms(
    platform: Here,
    _: Viewer,
    device_id: str = Query("", max_length=64),
    channel_id: str = Query("", max_length=64),
    priority: Many = [],  # noqa: B006 - FastAPI copies it
    method: Many = [],  # noqa: B006
    type: Many = [],  # noqa: B006
    start: Start = None,
    end: End = None,
    acknowledged: bool | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[AlarmOut]:
    """Alarms, newest first; `start` and `end` are about when they happened."""
    since, until = span(start, end)
    wanted = AlarmFilter(
        device_id=device_id,
        channel_id=channel_id,
        priorities=tuple(priority),
        methods=tuple(method),
        types=tuple(type),
        start=since,
        end=until,
        acknowledged=acknowledged,
    )
    found, total = await platform.alarms.find(wanted, limit=limit, offset=offset)
    return Page[AlarmOut](items=[_alarm(record) for record in found], total=total)


@router.get("/alarms/kinds")
async def alarm_kinds(_: Viewer) -> KindsOut:
    """Priorities, methods, types and event types with their names."""
    return KindsOut(
        priorities=[_kind(n, name) for n, name in kinds.PRIORITIES.items()],
        methods=[_kind(n, name) for n, name in kinds.METHODS.items()],
        types=[
            _kind(n, name, method=method)
            for method, named in kinds.TYPES.items()
            for n, name in named.items()
        ],
        event_types=[
            _kind(n, name, method=method, type=kind)
            for (method, kind), named in kinds.EVENTS.items()
            for n, name in named.items()
        ],
    )


@router.get("/alarms/{alarm_id}")
async def alarm(platform: Here, _: Viewer, alarm_id: str) -> AlarmOut:
    """One alarm."""
    return _alarm(await platform.alarms.get(alarm_id))


@router.post("/alarms/{alarm_id}/ack")
async def acknowledge(
    platform: Here, who: Operator, alarm_id: str, said: AckIn | None = None
) -> AlarmOut:
    """Somebody has seen it; the first one stands."""
    note = said.note if said is not None else ""
    return _alarm(await platform.alarms.acknowledge(alarm_id, who.name, note))


@router.get("/alarm-rules")
async def rules(platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0) -> Page[RuleOut]:
    """What follows from which alarm."""
    return page_of([_rule(rule) for rule in platform.linkage.rules()], limit, offset)


@router.get("/alarm-rules/actions")
async def rule_actions(platform: Here, _: Viewer) -> list[str]:
    """What rules can do on this platform."""
    return platform.linkage.actions


@router.post("/alarm-rules", status_code=201)
async def create_rule(platform: Here, _: Admin, entered: RuleIn) -> RuleOut:
    """Enter a rule."""
    return _rule(await platform.linkage.save(_record("", entered, None)))


@router.get("/alarm-rules/{rule_id}")
async def rule(platform: Here, _: Viewer, rule_id: str) -> RuleOut:
    """One rule."""
    return _rule(platform.linkage.rule(rule_id))


@router.put("/alarm-rules/{rule_id}")
async def replace_rule(platform: Here, _: Admin, rule_id: str, entered: RuleIn) -> RuleOut:
    """Replace a rule; without a secret the old one stays."""
    before = platform.linkage.rule(rule_id)
    return _rule(await platform.linkage.save(_record(rule_id, entered, before)))


@router.delete("/alarm-rules/{rule_id}", status_code=204)
async def delete_rule(platform: Here, _: Admin, rule_id: str) -> Response:
    """Remove a rule."""
    await platform.linkage.delete(rule_id)
    return Response(status_code=204)


def _alarm(record: AlarmRecord) -> AlarmOut:
    return AlarmOut.model_validate(as_dict(record))


def _kind(
    number: int, name: kinds.Name, *, method: int | None = None, type: int | None = None
) -> KindOut:
    return KindOut(
        number=number,
        zh=name.zh,
        en=name.en,
        editions=list(name.editions),
        method=method,
        type=type,
    )


def _record(rule_id: str, entered: RuleIn, before: AlarmRuleRecord | None) -> AlarmRuleRecord:
    record = AlarmRuleRecord(
        rule_id,
        entered.name,
        entered.enabled,
        entered.match.model_dump(),
        entered.actions,
        entered.secret,
        entered.cooldown,
    )
    if before is not None:
        record.created_at = before.created_at
        record.secret = before.secret if entered.secret is None else entered.secret
    return record


def _rule(record: AlarmRuleRecord) -> RuleOut:
    return RuleOut(
        rule_id=record.rule_id,
        name=record.name,
        enabled=record.enabled,
        match=RuleMatch.model_validate(record.matching),
        actions=record.actions,
        cooldown=record.cooldown_s,
        has_secret=bool(record.secret),
        created_at=record.created_at,
    )
