"""Questions to devices: what they answer now. `complete` is false when a part of it did not come in
time; `problems` say what was wrong with fields of the answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gb28181.control.collect import Collected
from gb28181.control.target import Target
from gb28181.errors import DeviceRefused, DeviceTimeout
from gb28181.manscdp.commands.device_status import DeviceStatusResponse

from .guard import Operator
from .platform import Here, Platform
from .told import REFUSALS, Force

router = APIRouter(prefix="/api/v1", tags=["device questions"], responses=REFUSALS)


class AlarmInputOut(BaseModel):
    """An alarm input: ONDUTY, OFFDUTY or ALARM."""

    device_id: str
    duty_status: str | None


class StatusOut(BaseModel):
    """How a device is; null where it does not say."""

    device_id: str
    online: bool | None
    status_ok: bool | None
    reason: str
    encode_on: bool | None
    record_on: bool | None
    device_time: str = Field(description="the device's local time as it says it, without zone")
    alarm_inputs: list[AlarmInputOut]
    extra: dict[str, str] = Field(description="what the standard does not know")
    problems: list[str]


class InfoOut(BaseModel):
    """Who a device says it is; empty or null where it does not say."""

    device_id: str
    name: str
    manufacturer: str
    model: str
    firmware: str
    channels: int | None = Field(description="number of video inputs")


class Answered(BaseModel):
    """What every list that a device answers with has."""

    total: int
    expected: int | None = Field(description="how many the device says there are")
    complete: bool
    problems: list[str]


class PresetOut(BaseModel):
    """A preset; the id is a number 1-255 in practice."""

    model_config = ConfigDict(from_attributes=True)

    preset_id: str
    name: str


class PresetsOut(Answered):
    """Presets of a camera."""

    items: list[PresetOut]


class HomeOut(BaseModel):
    """The home position; null where the device does not say."""

    enabled: bool | None
    reset_time: int | None
    preset: int | None


class TrackOut(BaseModel):
    """A cruise."""

    model_config = ConfigDict(from_attributes=True)

    number: int | None
    name: str


class TracksOut(Answered):
    """Cruises of a camera."""

    items: list[TrackOut]


class PointOut(BaseModel):
    """A stop of a cruise."""

    model_config = ConfigDict(from_attributes=True)

    preset_index: int | None
    stay_time: int | None
    speed: int | None


class PointsOut(Answered):
    """One cruise with its stops, in order."""

    number: int | None
    name: str
    items: list[PointOut]


class PositionOut(BaseModel):
    """Where a camera looks: degrees, zoom factor, metres; null where it does not say."""

    model_config = ConfigDict(from_attributes=True)

    pan: float | None
    tilt: float | None
    zoom: float | None
    horizontal_field_angle: float | None
    vertical_field_angle: float | None
    max_view_distance: float | None
    problems: list[str]


class CardOut(BaseModel):
    """A memory card; megabytes."""

    model_config = ConfigDict(from_attributes=True)

    id: int | None
    name: str
    status: str | None
    format_progress: int | None
    capacity: int | None
    free_space: int | None


class CardsOut(Answered):
    """Memory cards of a device."""

    items: list[CardOut]


@router.get("/devices/{device_id}/status")
async def device_status(platform: Here, _: Operator, device_id: str) -> StatusOut:
    """Ask a device how it is."""
    return await _status(platform, platform.control.device(device_id))


@router.get("/devices/{device_id}/info")
async def device_info(platform: Here, _: Operator, device_id: str) -> InfoOut:
    """Ask a device who it is; what it says is kept with the device as well."""
    said = await platform.devices.query_device_info(device_id)
    if said is None:
        raise DeviceTimeout(f"device {device_id} does not answer")
    if not said.ok:
        raise DeviceRefused(f"device {device_id} says ERROR", detail={"result": "ERROR"})
    return InfoOut(
        device_id=said.device_id,
        name=said.name,
        manufacturer=said.manufacturer,
        model=said.model,
        firmware=said.firmware,
        channels=said.channel,
    )


@router.get("/channels/{channel_id}/status")
async def channel_status(platform: Here, _: Operator, channel_id: str) -> StatusOut:
    """Ask the device how a channel is."""
    return await _status(platform, platform.control.channel(channel_id))


@router.get("/channels/{channel_id}/presets")
async def presets(platform: Here, _: Operator, channel_id: str) -> PresetsOut:
    """Ask a camera for its presets."""
    control = platform.control
    found = await control.presets(control.channel(channel_id))
    items = [PresetOut.model_validate(item) for item in found.items]
    return PresetsOut(items=items, **_account(found))


@router.get("/channels/{channel_id}/home-position")
async def home_position(
    platform: Here, _: Operator, channel_id: str, force: Force = False
) -> HomeOut:
    """Ask a camera for its home position (2022)."""
    control = platform.control
    home = await control.home_position(control.channel(channel_id), force=force)
    if home is None:
        return HomeOut(enabled=None, reset_time=None, preset=None)
    enabled = None if home.enabled is None else bool(home.enabled)
    return HomeOut(enabled=enabled, reset_time=home.reset_time, preset=home.preset_index)


@router.get("/channels/{channel_id}/cruise-tracks")
async def cruise_tracks(
    platform: Here, _: Operator, channel_id: str, force: Force = False
) -> TracksOut:
    """Ask a camera for its cruises (2022)."""
    control = platform.control
    found = await control.cruise_tracks(control.channel(channel_id), force=force)
    items = [TrackOut.model_validate(item) for item in found.items]
    return TracksOut(items=items, **_account(found))


@router.get("/channels/{channel_id}/cruise-tracks/{number}")
async def cruise_track(
    platform: Here, _: Operator, channel_id: str, number: int, force: Force = False
) -> PointsOut:
    """Ask a camera for the stops of a cruise (2022)."""
    control = platform.control
    track, found = await control.cruise_track(control.channel(channel_id), number, force=force)
    items = [PointOut.model_validate(item) for item in found.items]
    return PointsOut(number=track.number, name=track.name, items=items, **_account(found))


@router.get("/channels/{channel_id}/ptz/position")
async def ptz_position(
    platform: Here, _: Operator, channel_id: str, force: Force = False
) -> PositionOut:
    """Ask a camera where it looks (2022)."""
    control = platform.control
    found = await control.ptz_position(control.channel(channel_id), force=force)
    return PositionOut.model_validate(found)


@router.get("/devices/{device_id}/sd-cards")
async def sd_cards(platform: Here, _: Operator, device_id: str, force: Force = False) -> CardsOut:
    """Ask a device for its memory cards (2022)."""
    control = platform.control
    found = await control.sd_cards(control.device(device_id), force=force)
    items = [CardOut.model_validate(item) for item in found.items]
    return CardsOut(items=items, **_account(found))


async def _status(platform: Platform, target: Target) -> StatusOut:
    said: DeviceStatusResponse = await platform.control.status(target)
    return StatusOut(
        device_id=said.device_id,
        online=_is(said.online, "ONLINE"),
        status_ok=_is(said.status, "OK"),
        reason=said.reason,
        encode_on=_is(said.encode, "ON"),
        record_on=_is(said.record, "ON"),
        device_time=said.device_time,
        alarm_inputs=[
            AlarmInputOut(
                device_id=one.device_id,
                duty_status=None if one.duty_status is None else one.duty_status.value,
            )
            for one in said.alarm_inputs
        ],
        extra=dict(said.extra),
        problems=list(said.problems),
    )


def _is(said: object, yes: str) -> bool | None:
    return None if said is None else said == yes


def _account(found: Collected) -> dict[str, Any]:
    return {
        "total": len(found.items),
        "expected": found.expected,
        "complete": found.complete,
        "problems": list(found.problems),
    }
