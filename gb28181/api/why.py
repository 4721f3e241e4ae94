"""Why: the chain of checks of a device or a channel, in words a person can act on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel

from gb28181.diagnosis.service import Finding
from gb28181.diagnosis.words import say
from gb28181.errors import Forbidden

from .guard import Principal, Viewer
from .platform import Here

router = APIRouter(prefix="/api/v1", tags=["why"])

Try = Annotated[bool, Query(alias="try", description="really ask, or really pull the picture")]


class WordsOut(BaseModel):
    """The same in Chinese and in English."""

    zh: str
    en: str


class CheckOut(BaseModel):
    """One link: its state (passed, failed, warning, unknown, skipped), words, and what they rest
    on."""

    check: str
    state: str
    words: WordsOut
    evidence: dict[str, Any]


class WhyOut(BaseModel):
    """`leg` is the first link that failed, null when none did."""

    device_id: str
    channel_id: str | None
    at: datetime
    tried: bool
    ok: bool
    leg: str | None
    summary: WordsOut
    checks: list[CheckOut]


@router.get("/devices/{device_id}/why")
async def device(platform: Here, principal: Viewer, device_id: str, tried: Try = False) -> WhyOut:
    """Why a device is not there, or not well. An id that never registered may be asked about."""
    _may(principal, tried)
    return _shown(await platform.diagnosis.device(device_id, tried=tried))


@router.get("/channels/{channel_id}/why")
async def channel(platform: Here, principal: Viewer, channel_id: str, tried: Try = False) -> WhyOut:
    """Why a channel has no picture. With ``try=true`` it is pulled, which may take 15 s; the pull
    ends by itself when nobody watches."""
    _may(principal, tried)
    return _shown(await platform.diagnosis.channel(channel_id, tried=tried))


def _may(principal: Principal, tried: bool) -> None:
    if tried and not principal.may("operator"):
        raise Forbidden("trying needs the role operator")


def _shown(found: Finding) -> WhyOut:
    failed = found.failed
    return WhyOut(
        device_id=found.device_id,
        channel_id=found.channel_id,
        at=found.at,
        tried=found.tried,
        ok=failed is None,
        leg=None if failed is None else failed.name.value,
        summary=WordsOut(**found.summary),
        checks=[
            CheckOut(
                check=check.name.value,
                state=check.verdict.value,
                words=WordsOut(**say(check.words, check.evidence)),
                evidence=jsonable_encoder(check.evidence),
            )
            for check in found.checks
        ],
    )
