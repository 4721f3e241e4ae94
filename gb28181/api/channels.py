"""Channels: what can send a picture, with all the catalog says of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from catalog.model import Channel
from catalog.query import ChannelFilter
from catalog.tree import Tree
from gb28181.errors import NotFound

from .guard import Viewer
from .paging import Limit, Offset, Page
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])

PLACE = r"^(\d{2}|\d{4}|\d{6}|\d{8}|unassigned)$"


class ChannelOut(BaseModel):
    """A channel. ``city`` has 4 digits, ``county`` 6; empty where nothing could be derived."""

    channel_id: str
    reported_id: str
    device_id: str
    name: str
    city: str
    county: str
    unit: str
    place_step: str
    online: bool
    status_on: bool
    longitude: float | None
    latitude: float | None
    ptz_type: int | None
    manufacturer: str
    model: str
    civil_code: str
    parent_id: str
    address: str
    block: str
    item: dict[str, Any] | None = None


@router.get("")
async def channels(
    platform: Here,
    _: Viewer,
    city: str = Query("", pattern=rf"{PLACE}|^$", description="2, 4, 6 or 8 digits as a prefix"),
    county: str = Query("", pattern=rf"{PLACE}|^$", description="the same"),
    device_id: str = Query("", max_length=64),
    online: bool | None = None,
    q: str = Query("", max_length=100, description="part of the name or an id"),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[ChannelOut]:
    """Channels in the order of their ids."""
    tree = platform.devices.tree
    wanted = ChannelFilter(city=city, county=county, device_id=device_id, online=online, q=q)
    page = tree.channels(wanted, limit, offset)
    items = [_shown(platform, tree, channel) for channel in page.items]
    return Page[ChannelOut](items=items, total=page.total)


@router.get("/{channel_id}")
async def channel(platform: Here, _: Viewer, channel_id: str) -> ChannelOut:
    """One channel with every field its device reported."""
    tree = platform.devices.tree
    found = tree.channel(channel_id)
    if found is None:
        raise NotFound("channel", channel_id)
    shown = _shown(platform, tree, found)
    shown.item = found.item.to_dict()
    return shown


def _shown(platform: Platform, tree: Tree, channel: Channel) -> ChannelOut:
    item, place = channel.item, channel.place
    return ChannelOut(
        channel_id=channel.channel_id,
        reported_id=channel.reported_id,
        device_id=channel.device_id,
        name=item.name or channel.reported_id,
        city=place.city,
        county=place.county,
        unit=place.unit,
        place_step=str(place.step),
        online=tree.shows_online(channel),
        status_on=item.status_on,
        longitude=item.longitude,
        latitude=item.latitude,
        ptz_type=item.ptz_type,
        manufacturer=item.manufacturer,
        model=item.model,
        civil_code=item.civil_code,
        parent_id=item.parent_id,
        address=item.address,
        block=item.block,
    )
