"""Moving a camera: directions, zoom, focus, iris, presets, cruises, scans, switches, and who may.

Each POST is answered when the device's SIP answer came. A move ends by itself when its caller falls
silent. One operator moves a camera at a time; a higher role takes it over (409 `ptz_locked`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, model_validator

from gb28181.control.ptz import PtzAction
from gb28181.errors import BadInput
from gb28181.manscdp.ptz import (
    STOP,
    Auxiliary,
    Cruise,
    CruiseDo,
    Instruction,
    Preset,
    PresetDo,
    Scan,
    ScanDo,
    ScanSpeed,
)

from .guard import Operator, Principal, Viewer
from .platform import Here, Platform
from .told import REFUSALS, Taken, caller, taken

router = APIRouter(
    prefix="/api/v1/channels/{channel_id}", tags=["camera control"], responses=REFUSALS
)

PresetNumber = Annotated[int, Path(ge=1, le=255)]
Group = Annotated[int, Path(ge=0, le=255, description="number of the cruise or scan")]
Switch = Annotated[int, Path(ge=0, le=255, description="1 is the wiper")]


class PtzIn(BaseModel):
    """One word; a move goes on until `stop`, or until its caller is silent for a while."""

    action: PtzAction
    speed: int = Field(
        128, ge=0, le=255, description="1-255; zoom is scaled to 1-15; `stop` does not look at it"
    )

    @model_validator(mode="after")
    def _moves(self) -> PtzIn:
        if self.speed == 0 and self.action is not PtzAction.STOP:
            raise ValueError("a move needs a speed of 1 to 255")
        return self


class LockIn(BaseModel):
    """For how long the camera is held."""

    seconds: float = Field(60.0, ge=1, le=3600)


class LockOut(BaseModel):
    """Who holds the camera; empty when nobody does."""

    holder: str = ""
    rank: int = 0
    seconds: float = 0.0


class PresetIn(BaseModel):
    """The present direction becomes a preset."""

    preset: int = Field(ge=1, le=255)
    name: str = Field("", max_length=32, description="only devices of 2022 are told")


class PointIn(BaseModel):
    """A preset becomes the next point of a cruise."""

    preset: int = Field(ge=1, le=255)
    track_name: str = Field("", max_length=32, description="only devices of 2022 are told")


class CruiseIn(BaseModel):
    """Either or both."""

    speed: int | None = Field(None, ge=0, le=4095)
    stay_s: int | None = Field(None, ge=0, le=4095, description="seconds at each point")


class ScanIn(BaseModel):
    """How fast it scans."""

    speed: int = Field(ge=0, le=4095)


class SwitchIn(BaseModel):
    """On or off."""

    on: bool


@router.post("/ptz")
async def move(platform: Here, who: Operator, channel_id: str, wanted: PtzIn) -> Taken:
    """Move, zoom, focus, iris, or stop; `stop` ends focus and iris only where one of them runs."""
    status = await platform.control.ptz.act(channel_id, wanted.action, wanted.speed, caller(who))
    return taken(status)


# --- who may --------------------------------------------------------------------------------------


@router.get("/ptz/lock")
async def lock(platform: Here, _: Viewer, channel_id: str) -> LockOut:
    """Who holds the camera now."""
    found = platform.control.ptz.holder(channel_id)
    if found is None:
        return LockOut()
    held, seconds = found
    return LockOut(holder=held.name, rank=held.rank, seconds=round(seconds, 1))


@router.post("/ptz/lock")
async def hold(
    platform: Here, who: Operator, channel_id: str, wanted: LockIn | None = None
) -> LockOut:
    """Hold the camera; a higher role takes it over all the same."""
    wanted = wanted or LockIn()
    held = platform.control.ptz.hold(channel_id, caller(who), wanted.seconds)
    return LockOut(holder=held.name, rank=held.rank, seconds=wanted.seconds)


@router.delete("/ptz/lock", status_code=204)
async def release(platform: Here, who: Operator, channel_id: str) -> Response:
    """Let go of the camera."""
    platform.control.ptz.release(channel_id, caller(who))
    return Response(status_code=204)


# --- presets --------------------------------------------------------------------------------------


@router.post("/presets")
async def set_preset(platform: Here, who: Operator, channel_id: str, wanted: PresetIn) -> Taken:
    """Keep the present direction as a preset."""
    instruction = Preset(PresetDo.SET, wanted.preset)
    return await _tell(platform, who, channel_id, instruction, preset_name=wanted.name)


@router.post("/presets/{preset}/call")
async def call_preset(
    platform: Here, who: Operator, channel_id: str, preset: PresetNumber
) -> Taken:
    """Go to a preset."""
    return await _tell(platform, who, channel_id, Preset(PresetDo.CALL, preset))


@router.delete("/presets/{preset}")
async def delete_preset(
    platform: Here, who: Operator, channel_id: str, preset: PresetNumber
) -> Taken:
    """Forget a preset."""
    return await _tell(platform, who, channel_id, Preset(PresetDo.DELETE, preset))


# --- cruises --------------------------------------------------------------------------------------


@router.post("/cruises/{group}/points")
async def add_point(
    platform: Here, who: Operator, channel_id: str, group: Group, wanted: PointIn
) -> Taken:
    """Add a preset to a cruise."""
    instruction = Cruise(CruiseDo.ADD, group, wanted.preset)
    return await _tell(platform, who, channel_id, instruction, track_name=wanted.track_name)


@router.delete("/cruises/{group}/points/{preset}")
async def delete_point(
    platform: Here, who: Operator, channel_id: str, group: Group, preset: PresetNumber
) -> Taken:
    """Take a preset out of a cruise."""
    return await _tell(platform, who, channel_id, Cruise(CruiseDo.DELETE, group, preset))


@router.delete("/cruises/{group}")
async def delete_cruise(platform: Here, who: Operator, channel_id: str, group: Group) -> Taken:
    """Forget a whole cruise."""
    return await _tell(platform, who, channel_id, Cruise(CruiseDo.DELETE, group, 0))


@router.put("/cruises/{group}")
async def set_cruise(
    platform: Here, who: Operator, channel_id: str, group: Group, wanted: CruiseIn
) -> Taken:
    """Set speed and stay time; what is not given stays."""
    if wanted.speed is None and wanted.stay_s is None:
        raise BadInput("speed or stay_s is needed")
    done = Taken(sip_status=200, result=None)
    for do, value in ((CruiseDo.SPEED, wanted.speed), (CruiseDo.STAY, wanted.stay_s)):
        if value is not None:
            done = await _tell(platform, who, channel_id, Cruise(do, group, value))
    return done


@router.post("/cruises/{group}/{action}")
async def run_cruise(
    platform: Here,
    who: Operator,
    channel_id: str,
    group: Group,
    action: Literal["start", "stop"],
) -> Taken:
    """Start a cruise; stopping is the command that stops everything."""
    start = action == "start"
    return await _tell(platform, who, channel_id, Cruise(CruiseDo.START, group) if start else STOP)


# --- scans and switches ---------------------------------------------------------------------------

_SCANS: dict[str, ScanDo] = {
    "start": ScanDo.START,
    "left_limit": ScanDo.LEFT,
    "right_limit": ScanDo.RIGHT,
}


@router.post("/scans/{group}/{action}")
async def scan(
    platform: Here,
    who: Operator,
    channel_id: str,
    group: Group,
    action: Literal["start", "stop", "left_limit", "right_limit"],
) -> Taken:
    """Start or stop a scan, or take the present direction as one of its limits."""
    instruction = STOP if action == "stop" else Scan(_SCANS[action], group)
    return await _tell(platform, who, channel_id, instruction)


@router.put("/scans/{group}")
async def scan_speed(
    platform: Here, who: Operator, channel_id: str, group: Group, wanted: ScanIn
) -> Taken:
    """Set the speed of a scan."""
    return await _tell(platform, who, channel_id, ScanSpeed(group, wanted.speed))


@router.post("/wiper")
async def wiper(platform: Here, who: Operator, channel_id: str, wanted: SwitchIn) -> Taken:
    """The wiper."""
    return await _tell(platform, who, channel_id, Auxiliary(wanted.on))


@router.post("/auxiliary/{switch}")
async def auxiliary(
    platform: Here, who: Operator, channel_id: str, switch: Switch, wanted: SwitchIn
) -> Taken:
    """Any auxiliary switch."""
    return await _tell(platform, who, channel_id, Auxiliary(wanted.on, switch))


async def _tell(
    platform: Platform,
    who: Principal,
    channel_id: str,
    instruction: Instruction,
    *,
    preset_name: str = "",
    track_name: str = "",
) -> Taken:
    status = await platform.control.ptz.command(
        channel_id, instruction, caller(who), preset_name=preset_name, track_name=track_name
    )
    return taken(status)
