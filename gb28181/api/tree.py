"""The tree of the region: cities, counties, devices, channels, with counts of what is below."""

from __future__ import annotations

from typing import Literal

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
    parent: str | None = Query(None, max_length=64, description="absent: the root"),
    view: Literal["region", "organisation"] = "region",
) -> BranchOut:
    """One node and its children. Without ``parent``: the region with its cities and
    ``unassigned``; in the view ``organisation`` the devices that report business groups and
    virtual organisations (types 215 and 216)."""
    if view == "organisation":
        branch = platform.devices.organising.branch(parent)
        if branch is None:
            raise NotFound("node", parent or "")
        top, children = branch
        return BranchOut(
            **NodeOut.model_validate(top).model_dump(),
            children=[NodeOut.model_validate(child) for child in children],
        )
    node = platform.devices.tree.node(parent)
    below = platform.devices.tree.children(parent)
    if node is None or below is None:
        raise NotFound("node", parent or "")
    found = NodeOut.model_validate(node)
    return BranchOut(
        **found.model_dump(), children=[NodeOut.model_validate(child) for child in below]
    )
