"""Moving the camera: grade A, and presets, home position, cruises of F. Clause 9.3, annex A.3.

Whether the lens really moves is told by PTZPosition where the camera has it, else by how much the
picture changes against its rest; where neither can tell, somebody has to look.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from itertools import count, pairwise
from typing import Any, Final

from gb28181.conformance.checks import (
    counted,
    done,
    needs,
    of_2022,
    only_if,
    plain_200,
    question,
    result_ok,
)
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import Check, Edition, Finding, Grade, Item, Text, Verdict, failed
from gb28181.control.collect import Key
from gb28181.manscdp.actions import Area, DragZoom, HomePosition, PreciseMove
from gb28181.manscdp.commands.cruise_track import CruiseTrackListQuery, CruiseTrackQuery
from gb28181.manscdp.commands.home_position import HomePositionQuery, HomePositionResponse
from gb28181.manscdp.commands.preset import PresetQuery
from gb28181.manscdp.ptz import LENS_STOP, STOP, Lens, Move, Preset, PresetDo

SPEED: Final = 64
ADDRESS: Final = 0x1A3
"""An address no device has: it plays no part (9.3.2)."""
LAST_PRESET: Final = 99
"""Presets of trial are taken from here downwards."""
TURN: Final = 10.0
CLOSE: Final = 1.5
"""Degrees."""
CALM, STIRRED = 2.0, 4.0
"""Grey levels: a picture at rest changes less, a moved one more than so many times that."""

NEEDS_PTZ: Final = needs("ptz", "通道不是可控云台", "the channel cannot be moved")
LOOK: Final = Text("请在画面上核对是否真的转动", "look at the picture: did the lens really move")
STOPPED: Final = Text("请在画面上核对是否停止", "look at the picture: did it stop")


async def _moves(desk: Desk, moves: tuple[tuple[str, Move], ...]) -> None:
    """Each move for a while, then stop; what changed is measured on the way."""
    before = await desk.position()
    async with desk.picture() as seen:
        calm = await desk.watch(desk.patience.move_s) if seen and before is None else None
        stirred: list[float] = []
        places = [before]
        for name, move in moves:
            await desk.ptz(name, move)
            changed = await desk.watch(desk.patience.move_s) if calm is not None else None
            if calm is None:
                await desk.pause(desk.patience.move_s)
            await desk.ptz("stop", STOP)
            stirred += [] if changed is None else [changed]
            places.append(await desk.position() if before is not None else None)
    desk.note("places", places)
    if calm is not None and stirred:
        desk.note("calm", calm)
        desk.note("stirred", min(stirred))


async def _directions(desk: Desk) -> None:
    moves = (
        ("right", Move(1, 0, 0, SPEED, 0)),
        ("left", Move(-1, 0, 0, SPEED, 0)),
        ("up", Move(0, 1, 0, 0, SPEED)),
        ("down", Move(0, -1, 0, 0, SPEED)),
    )
    await _moves(desk, moves)


async def _zoom(desk: Desk) -> None:
    await _moves(
        desk,
        (("zoom in", Move(zoom=1, zoom_speed=4)), ("zoom out", Move(zoom=-1, zoom_speed=4))),
    )


async def _stop(desk: Desk) -> None:
    await desk.ptz("left", Move(-1, 0, 0, SPEED, 0))
    await desk.pause(desk.patience.move_s / 2)
    await desk.ptz("stop", STOP)
    first = await desk.position()
    await desk.pause(desk.patience.move_s / 2)
    desk.note("rest", (first, await desk.position() if first is not None else None))


async def _address(desk: Desk) -> None:
    await desk.ptz("right", Move(1, 0, 0, SPEED, 0), ADDRESS)
    await desk.ptz("stop", STOP, ADDRESS)


async def _lens(desk: Desk) -> None:
    for name, lens in (
        ("focus near", Lens(focus=1, focus_speed=SPEED)),
        ("iris open", Lens(iris=1, iris_speed=SPEED)),
    ):
        await desk.ptz(name, lens)
        await desk.ptz("lens stop", LENS_STOP)


def _moved(evidence: Evidence) -> Finding | None:
    places = evidence.facts.get("places", [])
    if places and all(place is not None for place in places):
        for number, (before, after) in enumerate(pairwise(places)):
            if before == after:
                return failed(
                    f"第 {number + 1} 个动作后云台位置没有变化",
                    f"move {number + 1} did not change the position the camera tells",
                )
        return Finding(Verdict.PASSED)
    calm, stirred = evidence.facts.get("calm"), evidence.facts.get("stirred")
    if calm is not None and calm < CALM and stirred > STIRRED * max(calm, 0.5):
        return Finding(Verdict.PASSED)
    return None


def _rests(evidence: Evidence) -> Finding | None:
    first, later = evidence.facts.get("rest", (None, None))
    if first is None or later is None:
        return None
    if first != later:
        return failed(
            f"停止后仍在转动:{first} -> {later}", f"it went on moving: {first} -> {later}"
        )
    return Finding(Verdict.PASSED)


# --- presets --------------------------------------------------------------------------------------


async def _presets(desk: Desk) -> set[int] | None:
    found = await desk.ask("PresetQuery", PresetQuery("", desk.code))
    if found is None:
        return None
    return {int(p.preset_id) for p in found.items if p.preset_id.isdigit()}


async def _preset_set(desk: Desk) -> None:
    known = await _presets(desk)
    if known is None:
        return
    free = next((n for n in range(LAST_PRESET, 0, -1) if n not in known), None)
    if free is None:
        return
    desk.note("preset", free)
    if await desk.ptz("preset set", Preset(PresetDo.SET, free)):
        desk.remember("preset", free)


async def _preset_query(desk: Desk) -> None:
    desk.note("preset", desk.known("preset"))
    desk.note("presets", await _presets(desk))


async def _preset_call(desk: Desk) -> None:
    number = desk.known("preset")
    desk.note("preset", number)
    if number is not None:
        await desk.ptz("preset call", Preset(PresetDo.CALL, number))


async def _preset_delete(desk: Desk) -> None:
    number = desk.known("preset")
    desk.note("preset", number)
    if number is not None:
        await desk.ptz("preset delete", Preset(PresetDo.DELETE, number))
        desk.remember("preset", None)
        desk.note("presets", await _presets(desk))


def _listed(wanted: bool) -> Check:
    def check(evidence: Evidence) -> Finding | None:
        number, known = evidence.facts.get("preset"), evidence.facts.get("presets")
        if number is None or known is None or (number in known) is wanted:
            return None
        if wanted:
            return failed(f"查询结果中没有预置位 {number}", f"preset {number} is not in the list")
        return failed(f"删除后仍有预置位 {number}", f"preset {number} is still in the list")

    return check


_HAS_PRESET: Final = needs("preset", "没有可用的预置位", "no preset was set for the trial")

# --- home position, cruises, exact moves ----------------------------------------------------------


async def _home_query(desk: Desk) -> None:
    found = await desk.ask("HomePositionQuery", HomePositionQuery("", desk.code))
    if found is not None and isinstance(found.first, HomePositionResponse):
        desk.remember("home", found.first.home)


async def _home_set(desk: Desk) -> None:
    """What it holds is written again: nothing changes."""
    if desk.known("home") is None and desk.edition is Edition.OF_2022:
        await _home_query(desk)
    home = desk.known("home")
    desk.note("home", home is not None)
    if home is not None:
        await desk.tell(
            "HomePosition", HomePosition(home.enabled, home.reset_time, home.preset_index)
        )


async def _cruises(desk: Desk) -> None:
    found = await desk.ask("CruiseTrackListQuery", CruiseTrackListQuery("", desk.code))
    if found is not None and found.items:
        desk.remember("cruise", found.items[0].number)


async def _cruise(desk: Desk) -> None:
    if desk.known("cruise") is None:
        await _cruises(desk)
    number = desk.known("cruise")
    desk.note("cruise", number is not None)
    if number is not None:
        await desk.ask(
            "CruiseTrackQuery", CruiseTrackQuery("", desk.code, number), key=_each_page()
        )


def _each_page() -> Key:
    """Equal points are two, because a cruise may visit a preset twice."""
    numbers = count()

    def key(_: Any) -> Hashable:
        return next(numbers)

    return key


async def _position(desk: Desk) -> None:
    await desk.position()


async def _precise(desk: Desk) -> None:
    before = await desk.position()
    desk.note("told", before is not None)
    if before is None:
        return
    pan, tilt, zoom = before
    wanted = (pan + TURN) % 360.0
    await desk.tell("PTZPreciseCtrl", PreciseMove(wanted, tilt, zoom))
    await desk.pause(desk.patience.move_s)
    after = await desk.position()
    desk.note("turned", after is not None and abs((after[0] - wanted + 180) % 360 - 180) <= CLOSE)
    await desk.tell("PTZPreciseCtrl", PreciseMove(pan, tilt, zoom))


def _turned(evidence: Evidence) -> Finding | None:
    if evidence.facts.get("turned") is False:
        return failed("没有转到指定位置", "it did not turn where it was told")
    return None


async def _drag(desk: Desk) -> None:
    area = Area(704, 576, 352, 288, 176, 144)
    await desk.tell("DragZoomIn", DragZoom(True, area))
    await desk.pause(desk.patience.move_s / 2)
    await desk.tell("DragZoomOut", DragZoom(False, area))


_ALL: Final = (
    Item(
        "ptz.direction",
        Grade.A,
        Text("云台方向控制", "direction"),
        ("9.3.2.1", "9.3.2"),
        _directions,
        (done("right", "left", "up", "down"), plain_200, _moved),
        person=LOOK,
    ),
    Item(
        "ptz.zoom",
        Grade.A,
        Text("变倍", "zoom"),
        ("9.3.2.1", "9.3.2"),
        _zoom,
        (done("zoom in", "zoom out"), plain_200, _moved),
        person=LOOK,
    ),
    Item(
        "ptz.stop",
        Grade.A,
        Text("云台停止", "stop"),
        ("9.3.2.1", "9.3.2"),
        _stop,
        (done("left", "stop"), plain_200, _rests),
        person=STOPPED,
    ),
    Item(
        "ptz.address",
        Grade.A,
        Text("按设备编码控制,地址字节不起作用", "by device id; the address byte plays no part"),
        ("9.3.2.1", "9.3.2"),
        _address,
        (done("right", "stop"), plain_200),
    ),
    Item(
        "ptz.lens",
        Grade.F,
        Text("聚焦与光圈", "focus and iris"),
        ("附录A.3.3", "附录A.3.3"),
        _lens,
        (done("focus near", "iris open", "lens stop", optional=True), plain_200),
        person=LOOK,
    ),
    Item(
        "ptz.drag_zoom",
        Grade.F,
        Text("拉框放大与缩小", "zoom by a rectangle"),
        ("9.3", "9.3"),
        _drag,
        (done("DragZoomIn", "DragZoomOut", optional=True), plain_200),
        person=LOOK,
    ),
    Item(
        "preset.set",
        Grade.F,
        Text("预置位设置", "preset: set"),
        ("附录A.3.4", "附录A.3.4"),
        _preset_set,
        (
            done("PresetQuery", optional=True),
            needs("preset", "没有空闲的预置位", "no preset is free"),
            done("preset set"),
            plain_200,
        ),
    ),
    Item(
        "preset.query",
        Grade.F,
        Text("预置位查询", "preset: query"),
        ("9.5", "9.5"),
        _preset_query,
        (
            *question("PresetQuery", only_if(of_2022, counted("PresetQuery")), optional=True),
            _listed(True),
        ),
    ),
    Item(
        "preset.call",
        Grade.F,
        Text("预置位调用", "preset: call"),
        ("附录A.3.4", "附录A.3.4"),
        _preset_call,
        (_HAS_PRESET, done("preset call"), plain_200),
    ),
    Item(
        "preset.delete",
        Grade.F,
        Text("预置位删除", "preset: delete"),
        ("附录A.3.4", "附录A.3.4"),
        _preset_delete,
        (_HAS_PRESET, done("preset delete"), plain_200, _listed(False)),
    ),
    Item(
        "home.query",
        Grade.F,
        Text("看守位查询", "home position: query"),
        ("", "9.5"),
        _home_query,
        question("HomePositionQuery", optional=True),
    ),
    Item(
        "home.set",
        Grade.F,
        Text("看守位设置", "home position: set"),
        ("9.3", "9.3"),
        _home_set,
        (
            needs("home", "看守位未知,不能恢复", "its home position is not known, so it is left"),
            done("HomePosition", optional=True),
            result_ok("DeviceControl"),
            plain_200,
        ),
    ),
    Item(
        "cruise.list",
        Grade.F,
        Text("巡航轨迹列表查询", "cruises: list"),
        ("", "9.5"),
        _cruises,
        (*question("CruiseTrackListQuery", counted("CruiseTrackListQuery"), optional=True),),
    ),
    Item(
        "cruise.track",
        Grade.F,
        Text("巡航轨迹查询", "cruises: one track"),
        ("", "9.5"),
        _cruise,
        (
            needs("cruise", "设备没有巡航轨迹", "the device holds no cruise"),
            *question("CruiseTrackQuery", counted("CruiseTrackQuery")),
        ),
    ),
    Item(
        "ptz.position",
        Grade.F,
        Text("PTZ 精准状态查询", "exact position: query"),
        ("", "9.5"),
        _position,
        question("PTZPosition", optional=True),
    ),
    Item(
        "ptz.precise",
        Grade.F,
        Text("PTZ 精准控制", "exact position: control"),
        ("", "9.3"),
        _precise,
        (
            needs("told", "设备不报告云台位置", "the device does not tell its position"),
            done("PTZPreciseCtrl", optional=True),
            plain_200,
            _turned,
        ),
    ),
)

ITEMS: Final = tuple(replace(item, needs=NEEDS_PTZ) for item in _ALL)
