"""Commands to devices and channels besides the eight bytes of PTZ: one POST each.

A command with a Response of its own (recording, guard, alarm reset, home position, upgrade) is
answered when that said OK, the others when the device's SIP answer came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gb28181.control.target import Target
from gb28181.errors import BadInput
from gb28181.manscdp.actions import (
    Action,
    AlarmReset,
    Area,
    DragZoom,
    FormatSdCard,
    GuardCmd,
    HomePosition,
    PreciseMove,
    RecordCmd,
    TargetTrack,
    TeleBoot,
    Track,
)

from .guard import Admin, Operator, Principal, Viewer
from .paging import Limit, Offset, Page
from .platform import Here, Platform
from .told import REFUSALS, Force, Taken, caller, taken

router = APIRouter(prefix="/api/v1", tags=["device control"], responses=REFUSALS)

PIXELS = 65_535


class RecordIn(BaseModel):
    """Start or stop recording in the device."""

    on: bool
    stream_number: int | None = Field(
        None, ge=0, le=255, description="2022: 0 main, 1 sub; devices of 2016 are not told"
    )


class GuardIn(BaseModel):
    """Arm or disarm."""

    on: bool


class AlarmResetIn(BaseModel):
    """Which alarm is over; empty: all."""

    method: str = Field("", max_length=32, description="AlarmMethod, e.g. `2` or `1/2`")
    type: str = Field("", max_length=32, description="AlarmType")


ITEM = Field(
    "",
    pattern=r"^[0-9A-Za-z]{0,32}$",
    description="an item of its catalog by the device's code, e.g. an alarm input; empty: the "
    "device itself",
)


class DeviceGuardIn(GuardIn):
    """Arm or disarm a device or one of its items."""

    item_id: str = ITEM


class DeviceAlarmResetIn(AlarmResetIn):
    """Which alarm of a device or of one of its items is over."""

    item_id: str = ITEM


class AreaIn(BaseModel):
    """A rectangle in a window, in pixels, origin top left."""

    length: int = Field(ge=1, le=PIXELS, description="width of the window")
    width: int = Field(ge=1, le=PIXELS, description="height of the window")
    mid_point_x: int = Field(ge=0, le=PIXELS)
    mid_point_y: int = Field(ge=0, le=PIXELS)
    length_x: int = Field(ge=0, le=PIXELS, description="width of the rectangle")
    length_y: int = Field(ge=0, le=PIXELS, description="height of the rectangle")

    def area(self) -> Area:
        return Area(**self.model_dump(include=set(AreaIn.model_fields)))


class DragZoomIn(AreaIn):
    """In: the rectangle fills the picture. Out: the picture becomes as small as the rectangle."""

    direction: Literal["in", "out"]


class HomeIn(BaseModel):
    """Where the camera goes when nobody moves it."""

    enabled: bool
    reset_time: int | None = Field(None, ge=0, le=86_400, description="after so many seconds")
    preset: int | None = Field(None, ge=0, le=255)


class PreciseIn(BaseModel):
    """Degrees; pan clockwise from above, tilt down positive. At least one value."""

    pan: float | None = Field(None, ge=0, le=360)
    tilt: float | None = Field(None, ge=-90, le=90)
    zoom: float | None = Field(None, ge=1, le=1000, description="factor; 1 is no zoom")


class TrackIn(BaseModel):
    """Follow a target; `manual`: the one in `area` of `panorama_channel_id`."""

    track: Literal["auto", "manual", "stop"]
    panorama_channel_id: str = Field("", max_length=64)
    area: AreaIn | None = None


class CardIn(BaseModel):
    """Which memory card; 0 all."""

    card: int = Field(ge=0, le=255)


class UpgradeIn(BaseModel):
    """Firmware the device fetches and installs."""

    firmware: str = Field(min_length=1, max_length=128)
    file_url: str = Field(max_length=1024, pattern=r"^(https?|ftp)://\S+$")
    manufacturer: str = Field("", max_length=128, description="empty: as the device says")


class UpgradeOut(BaseModel):
    """`state`: sent, done, failed. The result comes after the device's restart."""

    model_config = ConfigDict(from_attributes=True)

    session_id: str
    device_id: str
    firmware: str
    file_url: str
    state: str
    failure: str
    running_firmware: str
    started_at: datetime
    ended_at: datetime | None


# --- channels -------------------------------------------------------------------------------------


@router.post("/channels/{channel_id}/iframe")
async def key_frame(platform: Here, _: Operator, channel_id: str) -> Taken:
    """Ask for a key frame at once."""
    target = platform.control.channel(channel_id)
    return taken(await platform.control.commands.key_frame(target))


@router.post("/channels/{channel_id}/record")
async def record(platform: Here, _: Operator, channel_id: str, wanted: RecordIn) -> Taken:
    """Start or stop recording in the device."""
    target = platform.control.channel(channel_id)
    stream = wanted.stream_number if target.of_2022 else None
    return taken(await platform.control.commands.do(target, RecordCmd(wanted.on, stream)))


@router.post("/channels/{channel_id}/guard")
async def guard(platform: Here, _: Operator, channel_id: str, wanted: GuardIn) -> Taken:
    """Arm or disarm a channel."""
    return await _to_channel(platform, channel_id, GuardCmd(wanted.on))


@router.post("/channels/{channel_id}/alarm-reset")
async def alarm_reset(
    platform: Here, _: Operator, channel_id: str, wanted: AlarmResetIn | None = None
) -> Taken:
    """End an alarm of a channel."""
    return await _to_channel(platform, channel_id, _reset(wanted))


@router.post("/channels/{channel_id}/drag-zoom")
async def drag_zoom(platform: Here, who: Operator, channel_id: str, wanted: DragZoomIn) -> Taken:
    """Zoom by a rectangle drawn into the picture."""
    action = DragZoom(wanted.direction == "in", wanted.area())
    return await _to_camera(platform, who, channel_id, action)


@router.put("/channels/{channel_id}/home-position")
async def set_home(platform: Here, who: Operator, channel_id: str, wanted: HomeIn) -> Taken:
    """Set or switch off the home position."""
    action = HomePosition(int(wanted.enabled), wanted.reset_time, wanted.preset)
    return await _to_camera(platform, who, channel_id, action)


@router.post("/channels/{channel_id}/ptz/precise")
async def precise(
    platform: Here, who: Operator, channel_id: str, wanted: PreciseIn, force: Force = False
) -> Taken:
    """Look exactly there (2022)."""
    if wanted.pan is None and wanted.tilt is None and wanted.zoom is None:
        raise BadInput("pan, tilt or zoom is needed")
    action = PreciseMove(wanted.pan, wanted.tilt, wanted.zoom)
    return await _to_camera(platform, who, channel_id, action, force=force)


@router.post("/channels/{channel_id}/target-track")
async def target_track(
    platform: Here, who: Operator, channel_id: str, wanted: TrackIn, force: Force = False
) -> Taken:
    """Follow a target (2022); the channel is the dome."""
    panorama = ""
    if wanted.panorama_channel_id:
        panorama = platform.control.channel(wanted.panorama_channel_id).code
    area = None if wanted.area is None else wanted.area.area()
    action = TargetTrack(Track(wanted.track.capitalize()), panorama, area)
    return await _to_camera(platform, who, channel_id, action, force=force)


# --- devices --------------------------------------------------------------------------------------


@router.post("/devices/{device_id}/reboot")
async def reboot(platform: Here, _: Admin, device_id: str) -> Taken:
    """Restart a device."""
    return await _to_device(platform, device_id, TeleBoot())


@router.post("/devices/{device_id}/guard")
async def guard_device(platform: Here, _: Operator, device_id: str, wanted: DeviceGuardIn) -> Taken:
    """Arm or disarm a device or one of its items."""
    return await _to_device(platform, device_id, GuardCmd(wanted.on), item_id=wanted.item_id)


@router.post("/devices/{device_id}/alarm-reset")
async def reset_device(
    platform: Here, _: Operator, device_id: str, wanted: DeviceAlarmResetIn | None = None
) -> Taken:
    """End an alarm of a device or of one of its items."""
    item_id = "" if wanted is None else wanted.item_id
    return await _to_device(platform, device_id, _reset(wanted), item_id=item_id)


@router.post("/devices/{device_id}/sd-cards/format")
async def format_card(
    platform: Here, _: Admin, device_id: str, wanted: CardIn, force: Force = False
) -> Taken:
    """Format memory cards (2022); progress is in their status."""
    return await _to_device(platform, device_id, FormatSdCard(wanted.card), force=force)


@router.post("/devices/{device_id}/upgrades")
async def upgrade(
    platform: Here, _: Admin, device_id: str, wanted: UpgradeIn, force: Force = False
) -> UpgradeOut:
    """Tell a device to install firmware (2022)."""
    target = platform.control.device(device_id)
    manufacturer = wanted.manufacturer or target.device.record.manufacturer
    started = await platform.control.upgrades.start(
        target, wanted.firmware, wanted.file_url, manufacturer, force=force
    )
    return UpgradeOut.model_validate(started)


@router.get("/devices/{device_id}/upgrades")
async def upgrades(
    platform: Here, _: Viewer, device_id: str, limit: Limit = 50, offset: Offset = 0
) -> Page[UpgradeOut]:
    """Upgrades of a device, newest first."""
    platform.control.device(device_id)
    found, total = await platform.control.upgrades.of_device(device_id, limit, offset)
    return Page[UpgradeOut](items=[UpgradeOut.model_validate(one) for one in found], total=total)


@router.get("/devices/{device_id}/upgrades/{session_id}")
async def upgrade_result(platform: Here, _: Viewer, device_id: str, session_id: str) -> UpgradeOut:
    """One upgrade and, once the device told it, its result."""
    return UpgradeOut.model_validate(await platform.control.upgrades.find(device_id, session_id))


def _reset(wanted: AlarmResetIn | None) -> AlarmReset:
    return AlarmReset() if wanted is None else AlarmReset(wanted.method, wanted.type)


async def _to_channel(platform: Platform, channel_id: str, action: Action) -> Taken:
    control = platform.control
    return taken(await control.commands.do(control.channel(channel_id), action))


async def _to_camera(
    platform: Platform, who: Principal, channel_id: str, action: Action, *, force: bool = False
) -> Taken:
    """What moves a camera: for whoever holds it."""
    target = platform.control.ptz.claim(channel_id, caller(who))
    return taken(await platform.control.commands.do(target, action, force=force))


async def _to_device(
    platform: Platform, device_id: str, action: Action, *, item_id: str = "", force: bool = False
) -> Taken:
    control = platform.control
    target = control.device(device_id)
    if item_id:
        target = Target(target.device, item_id)
    return taken(await control.commands.do(target, action, force=force))
