"""Where a camera looks and may look: presets, home, cruises, position. GB/T 28181-2022 A.2.6.11-15.

Presets are of all editions, the others of 2022.
"""

from __future__ import annotations

from gb28181.manscdp.commands.cruise_track import (
    CruisePoint,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
    Track,
)
from gb28181.manscdp.commands.home_position import HomePositionResponse
from gb28181.manscdp.commands.preset import PresetItem, PresetResponse
from gb28181.manscdp.commands.ptz_position_query import PtzPositionResponse
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.dome import Dome, Position, turned
from gb28181.simulator.profiles import Habit

VIEW_M = 120.0
"""How far a camera sees at zoom 1, metres."""


def _dome(asked: Asked) -> Dome:
    return asked.memory.dome(asked.camera, asked.now)


def presets(asked: Asked) -> Reply:
    items = tuple(
        PresetItem(str(index), name) for index, (name, _) in sorted(_dome(asked).presets.items())
    )
    total = None if asked.has(Habit.NO_PRESET_SUM) else len(items)
    return Reply([asked.written(PresetResponse(asked.message.sn, asked.code, total, items))])


def home(asked: Asked) -> Reply:
    response = HomePositionResponse(asked.message.sn, asked.code, _dome(asked).home)
    return Reply([asked.written(response)])


def tracks(asked: Asked) -> Reply:
    found = tuple(
        Track(number, track.name or f"巡航{number}")
        for number, track in sorted(_dome(asked).tracks.items())
    )
    response = CruiseTrackListResponse(asked.message.sn, asked.code, len(found), found)
    return Reply([asked.written(response)])


def track(asked: Asked) -> Reply:
    query = asked.message
    number = query.number or 0 if isinstance(query, CruiseTrackQuery) else 0
    known = _dome(asked).tracks.get(number)
    points = (
        ()
        if known is None
        else tuple(
            CruisePoint(point, known.stay_s, max(1, min(15, known.speed))) for point in known.points
        )
    )
    name = "" if known is None else known.name or f"巡航{number}"
    response = CruiseTrackResponse(asked.message.sn, asked.code, number, name, len(points), points)
    return Reply([asked.written(response)])


def position(asked: Asked) -> Reply:
    at = _dome(asked).at(asked.now)
    return Reply([asked.written(position_response(asked.message.sn, asked.code, at))])


def position_response(sn: str, code: str, at: Position) -> PtzPositionResponse:
    angle = at.field_angle
    return PtzPositionResponse(
        sn,
        code,
        turned(round(at.pan, 2)),
        round(at.tilt, 2),
        round(at.zoom, 2),
        round(angle, 2),
        round(angle * 9 / 16, 2),
        VIEW_M * at.zoom,
    )
