"""DeviceControl: what a device does when told to, and the few answers there are to it.

GB/T 28181-2022 9.3, A.2.3.1. A Response belongs to RecordCmd, GuardCmd, AlarmCmd, HomePosition and
DeviceUpgrade only; for the others the SIP answer is all. A device of before 2022 does nothing
about the commands of 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gb28181.manscdp import ptz
from gb28181.manscdp.actions import (
    OF_2022,
    AlarmReset,
    Area,
    DeviceUpgrade,
    DragZoom,
    FormatSdCard,
    GuardCmd,
    HomePosition,
    IFrame,
    PreciseMove,
    PtzCmd,
    RecordCmd,
    TargetTrack,
    TeleBoot,
    Track,
)
from gb28181.manscdp.codec import Node
from gb28181.manscdp.commands.device_control import DeviceControl
from gb28181.simulator.answers.asked import Asked, Boot, KeyFrame, Reply, Upgrade
from gb28181.simulator.dome import HIGHEST, LOWEST, MOST_ZOOM, Dome, Position, turned
from gb28181.simulator.faults import Fault
from gb28181.simulator.profiles import Habit

_ANSWERED: Final[dict[type[object], Fault | None]] = {
    RecordCmd: Fault.RECORD_NO_RESPONSE,
    GuardCmd: Fault.GUARD_NO_RESPONSE,
    AlarmReset: Fault.ALARM_NO_RESPONSE,
    HomePosition: None,
    DeviceUpgrade: None,
}
"""Actions with a Response, and the fault that leaves it out."""


def answer(asked: Asked) -> Reply:
    order = asked.message
    assert isinstance(order, DeviceControl)
    action = order.action
    reply = Reply()
    if action is None or (isinstance(action, OF_2022) and not asked.profile.of_2022):
        return reply
    good = _DOERS[type(action)](asked, action, reply)
    if type(action) in _ANSWERED:
        fault = _ANSWERED[type(action)]
        if fault is None or fault not in asked.faults:
            result = Node("Result", "OK" if good else "ERROR")
            reply.bodies.append(asked.response("DeviceControl", result))
    return reply


def _boot(asked: Asked, _: TeleBoot, reply: Reply) -> bool:
    if Fault.NO_BOOT not in asked.faults:
        reply.deeds.append(Boot())
    return True


def _record(asked: Asked, action: RecordCmd, _: Reply) -> bool:
    asked.memory.archive(asked.camera).record(action.on, asked.wall.timestamp())
    return True


def _guard(asked: Asked, action: GuardCmd, _: Reply) -> bool:
    asked.memory.armed = action.on
    return True


def _reset(asked: Asked, _: AlarmReset, reply: Reply) -> bool:
    asked.memory.silent = False
    return True


def _key_frame(asked: Asked, action: IFrame, reply: Reply) -> bool:
    known = action.old_spelling or not asked.has(Habit.ONLY_IFAME)
    if known and Fault.NO_IDR not in asked.faults:
        reply.deeds.append(KeyFrame(asked.camera))
    return True


def _upgrade(_: Asked, action: DeviceUpgrade, reply: Reply) -> bool:
    usable = action.file_url.lower().startswith("http")
    if usable:
        reply.deeds.append(Upgrade(action.session_id, action.firmware, action.file_url))
    return usable


def _format(asked: Asked, action: FormatSdCard, _: Reply) -> bool:
    for one in asked.memory.cards:
        if not action.card or one.number == action.card:
            one.format(asked.now)
    return True


def _look(asked: Asked, action: HomePosition | DragZoom | PreciseMove, _: Reply) -> bool:
    """What turns the camera besides PTZCmd."""
    dome = asked.memory.dome(asked.camera, asked.now)
    match action:
        case HomePosition():
            if action.enabled and action.preset_index not in dome.presets:
                return False
            dome.home = action
        case DragZoom(inward, area):
            goal = _dragged(dome.at(asked.now), area, inward)
            if goal is not None:
                dome.go(goal, asked.now)
        case PreciseMove(pan, tilt, zoom):
            here = dome.at(asked.now)
            goal = _bounded(
                here.pan if pan is None else pan,
                here.tilt if tilt is None else tilt,
                here.zoom if zoom is None else zoom,
            )
            dome.go(goal, asked.now)
    return True


def _steer(asked: Asked, action: PtzCmd, _: Reply) -> bool:
    """PTZCmd: lens, presets, cruises, scans; one that cannot be read does nothing."""
    try:
        order, _address = ptz.decode(action.hex)
    except ptz.BadPtz:
        return False
    if Fault.PTZ_IGNORED in asked.faults:
        return True
    dome, now = asked.memory.dome(asked.camera, asked.now), asked.now
    names = action.names
    match order:
        case ptz.Move():
            if order != ptz.STOP or Fault.PTZ_NEVER_STOPS not in asked.faults:
                dome.move(order, now)
        case ptz.Preset():
            lost = Fault.PRESET_NOT_KEPT in asked.faults and order.do is ptz.PresetDo.SET
            if not lost:
                return dome.preset(order, names.preset_name if names else "", now)
        case ptz.Cruise():
            return dome.cruise(order, names.cruise_track_name if names else "", now)
        case ptz.Scan() | ptz.ScanSpeed():
            dome.scan(order, now)
        case _:
            return True  # lens and switches: nothing that could be told
    return True


def _track(asked: Asked, action: TargetTrack, _: Reply) -> bool:
    track = action.track
    tracking = asked.memory.tracking
    if track is None or track is Track.STOP:
        tracking.pop(asked.camera, None)
    else:
        tracking[asked.camera] = track.value
        dome: Dome = asked.memory.dome(asked.camera, asked.now)
        here = dome.at(asked.now)
        # What it follows walks by: the camera goes after it.
        dome.go(_bounded(here.pan + 30, here.tilt, here.zoom), asked.now)
    return True


def _dragged(here: Position, area: Area, inward: bool) -> Position | None:
    """Where a rectangle of the window leads; None for one without a size."""
    window = (area.length or 0, area.width or 0)
    size = (area.length_x or 0, area.length_y or 0)
    if not all((*window, *size)):
        return None
    beside = ((area.mid_point_x or 0) / window[0] - 0.5, (area.mid_point_y or 0) / window[1] - 0.5)
    angle = here.field_angle
    factor = min(window[0] / size[0], window[1] / size[1])
    return _bounded(
        here.pan + beside[0] * angle,
        here.tilt + beside[1] * angle * 9 / 16,
        here.zoom * factor if inward else here.zoom / factor,
    )


def _bounded(pan: float, tilt: float, zoom: float) -> Position:
    return Position(turned(pan), min(LOWEST, max(HIGHEST, tilt)), min(MOST_ZOOM, max(1.0, zoom)))


_DOERS: Final[dict[type[object], Callable[[Asked, Any, Reply], bool]]] = {
    PtzCmd: _steer,
    TeleBoot: _boot,
    RecordCmd: _record,
    GuardCmd: _guard,
    AlarmReset: _reset,
    IFrame: _key_frame,
    DragZoom: _look,
    HomePosition: _look,
    PreciseMove: _look,
    DeviceUpgrade: _upgrade,
    FormatSdCard: _format,
    TargetTrack: _track,
}
"""Each tells whether it could be done."""
