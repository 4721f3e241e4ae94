"""Is it alive, is it ready, how is it: probes, metrics, version."""

from __future__ import annotations

import ipaddress
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from gb28181.errors import Unauthorised
from gb28181.store.history import PLATFORM
from gb28181.store.records import utc_now
from gb28181.telemetry.metrics import CONTENT_TYPE

from .devices import BEGINNING, IntervalOut
from .guard import Viewer, identify
from .paging import Limit, Offset, Page
from .platform import Here
from .times import End, Start, span

router = APIRouter(tags=["system"])


class VersionOut(BaseModel):
    """Which software, which identity in SIP."""

    version: str
    server_id: str
    domain: str
    region: str


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """200 while the process serves."""
    return {"status": "ok"}


class ReadyOut(BaseModel):
    """What of the node can be worked with already."""

    status: Literal["ready", "not ready"]
    tree: bool
    sip: bool
    media: bool


@router.get("/readyz", response_model=ReadyOut, responses={503: {"model": ReadyOut}})
async def readyz(platform: Here) -> JSONResponse:
    """200 when the tree is restored, the sockets are bound and media answers; else 503."""
    state = platform.readiness()
    ready = state.ready and not platform.stopping()
    body = {
        "status": "ready" if ready else "not ready",
        "tree": state.tree,
        "sip": state.sip,
        "media": state.media,
    }
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, platform: Here) -> Response:
    """Prometheus text; needs a token unless asked from loopback."""
    if not _is_loopback(request) and await identify(request) is None:
        raise Unauthorised
    return Response(platform.metrics(), media_type=CONTENT_TYPE)


@router.get("/api/v1/version")
async def version(platform: Here, _: Viewer) -> VersionOut:
    """Version of the software and identity of the platform."""
    settings = platform.settings
    return VersionOut(
        version=platform.version,
        server_id=settings.sip.id,
        domain=settings.sip.domain,
        region=settings.programme.region,
    )


@router.get("/api/v1/platform/intervals")
async def intervals(
    platform: Here,
    _: Viewer,
    start: Start = None,
    end: End = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[IntervalOut]:
    """Times the platform itself was down, which count against no device, oldest first."""
    since, until = span(start, end)
    items, total = await platform.store.history.intervals(
        PLATFORM, since or BEGINNING, until or utc_now(), limit=limit, offset=offset
    )
    return Page[IntervalOut](
        items=[IntervalOut.model_validate(item) for item in items], total=total
    )


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
