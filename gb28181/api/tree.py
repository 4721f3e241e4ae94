"""The tree of the region: cities, counties, devices, channels, with counts of what is below."""

from __future__ import annotations

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from gb28181.errors import NotFound

from .guard import Viewer
from .platform import Here

router = APIRouter(prefix="/api/v1/tree", tags=["tree"])


class NodeOut(BaseModel):
    """A node; ``total`` and ``online`` count the channels below."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    name: str
    total: int
    online: int


class BranchOut(NodeOut):
    """A node with what lies right below it."""

    children: list[NodeOut]


@router.get("")
async def tree(
    platform: Here,
    _: Viewer,
    parent: str | None = Query(None, max_length=64, description="absent: the region"),
) -> BranchOut:
    """One node and its children. Without ``parent``: the region with its cities and
    ``unassigned``."""
    node = platform.devices.tree.node(parent)
    below = platform.devices.tree.children(parent)
    if node is None or below is None:
        raise NotFound("node", parent or "")
    found = NodeOut.model_validate(node)
    return BranchOut(
        **found.model_dump(), children=[NodeOut.model_validate(child) for child in below]
    )
