"""Media nodes: how they stand, and taking one out of service."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gb28181.errors import NotFound
from gb28181.telemetry import events_worker as ev
from gb28181.telemetry.logs import get_logger
from media.placement import NodeStanding

from .guard import Admin, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(prefix="/api/v1/media/nodes", tags=["media nodes"])
log = get_logger("media")


class NodeOut(BaseModel):
    """A media node as it stands."""

    name: str
    state: Literal["up", "down", "draining"] = Field(
        description="down: it is being replaced; draining: it gets nothing new"
    )
    streams: int
    voices: int
    viewers: int
    load: float = Field(description="streams and half the viewers, divided by the weight")
    weight: float
    places: list[str] = Field(description="places whose streams it takes first; none: everywhere")


class DrainIn(BaseModel):
    """What becomes of what runs there."""

    move: bool = Field(
        False,
        description="call running streams again on other nodes: viewers come again to the same"
        " address; otherwise, and where a stream is recorded, they end by themselves",
    )


class DrainOut(BaseModel):
    """What came of it."""

    moved: int = Field(description="streams that are called again elsewhere")
    left: int = Field(description="streams that are still there")


@router.get("")
async def nodes(platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0) -> Page[NodeOut]:
    """All media nodes of this platform."""
    return page_of([_shown(one) for one in platform.pool.standings()], limit, offset)


@router.post("/{name}/drain")
async def drain(platform: Here, _: Admin, name: str, wanted: DrainIn | None = None) -> DrainOut:
    """Give a node nothing new, until it is undrained or the platform restarts."""
    if not platform.pool.drain(name, True):
        raise NotFound("media_node", name)
    moved = await platform.pool.move(name) if wanted is not None and wanted.move else 0
    (standing,) = [one for one in platform.pool.standings() if one.name == name]
    log.event(ev.MEDIA_NODE_DRAINED, node=name, moved=moved, left=standing.streams)
    return DrainOut(moved=moved, left=standing.streams)


@router.post("/{name}/undrain")
async def undrain(platform: Here, _: Admin, name: str) -> NodeOut:
    """Take the node into service again."""
    if not platform.pool.drain(name, False):
        raise NotFound("media_node", name)
    log.event(ev.MEDIA_NODE_UNDRAINED, node=name)
    (standing,) = [one for one in platform.pool.standings() if one.name == name]
    return _shown(standing)


def _shown(one: NodeStanding) -> NodeOut:
    return NodeOut(
        name=one.name,
        state=one.state,
        streams=one.streams,
        voices=one.voices,
        viewers=one.viewers,
        load=round(one.load, 2),
        weight=one.traits.weight,
        places=list(one.traits.places),
    )
