"""What a DeviceControl may do. GB/T 28181-2022 A.2.3.1, 2016 A.2.3.

Each action is one element of the body, for some with others beside it; `read_action` finds which
one a body holds and `write_action` writes it. The I-frame request has two spellings: `IFameCmd` in
the text of 2016 and in most devices, `IFrameCmd` in that of 2022; both are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import table, xml
from gb28181.manscdp.codec import Node
from gb28181.manscdp.table import part, real, text, whole, word

_MOST_PIXELS: Final = 65_535


@dataclass(frozen=True, slots=True)
class PtzNames:
    """Names that go with setting a preset or a cruise (2022), at most 32 bytes each."""

    preset_name: str = text("PresetName", 32)
    cruise_track_name: str = text("CruiseTrackName", 32)


@dataclass(frozen=True, slots=True)
class PtzCmd:
    """Sixteen hex digits; see `ptz.py`."""

    hex: str = text("PTZCmd", 32, needed=True)
    names: PtzNames | None = part("PTZCmdParams", PtzNames)
    priority: int | None = None
    """`Info/ControlPriority`, practice of 2016."""


@dataclass(frozen=True, slots=True)
class TeleBoot:
    """Restart."""


@dataclass(frozen=True, slots=True)
class RecordCmd:
    """Start or stop recording in the device."""

    on: bool
    stream_number: int | None = None
    """2022; 0 is the main stream."""


@dataclass(frozen=True, slots=True)
class GuardCmd:
    """Arm or disarm."""

    on: bool


@dataclass(frozen=True, slots=True)
class AlarmReset:
    """End an alarm; after one of method 2 the device is silent until this."""

    method: str = text("AlarmMethod", 32)
    type: str = text("AlarmType", 32)


@dataclass(frozen=True, slots=True)
class IFrame:
    """Send a key frame at once."""

    old_spelling: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in a window, pixels, origin top left."""

    length: int | None = whole("Length", 0, _MOST_PIXELS, needed=True)
    width: int | None = whole("Width", 0, _MOST_PIXELS, needed=True)
    mid_point_x: int | None = whole("MidPointX", 0, _MOST_PIXELS, needed=True)
    mid_point_y: int | None = whole("MidPointY", 0, _MOST_PIXELS, needed=True)
    length_x: int | None = whole("LengthX", 0, _MOST_PIXELS, needed=True)
    length_y: int | None = whole("LengthY", 0, _MOST_PIXELS, needed=True)


@dataclass(frozen=True, slots=True)
class DragZoom:
    """Show the rectangle in the whole window, or the window in the rectangle."""

    inward: bool
    area: Area


@dataclass(frozen=True, slots=True)
class HomePosition:
    """Go to a preset after `reset_time` seconds without a command."""

    enabled: int | None = whole("Enabled", 0, 1, needed=True)
    reset_time: int | None = whole("ResetTime", 0, 86_400)
    preset_index: int | None = whole("PresetIndex", 0, 255)


@dataclass(frozen=True, slots=True)
class PreciseMove:
    """Degrees, pan clockwise from above, tilt down positive; zoom as a factor (2022)."""

    pan: float | None = real("Pan", 0.0, 360.0)
    tilt: float | None = real("Tilt", -90.0, 90.0)
    zoom: float | None = real("Zoom", 0.0, 1000.0)


class Track(StrEnum):
    """What a dome does with targets (2022)."""

    AUTO = "Auto"
    MANUAL = "Manual"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class TargetTrack:
    """Follow a target; by hand: the one in `area` of the panorama channel `device_id2` (2022)."""

    track: Track | None = word("TargetTrack", Track, needed=True)
    device_id2: str = text("DeviceID2", 64)
    area: Area | None = part("TargetArea", Area)


@dataclass(frozen=True, slots=True)
class FormatSdCard:
    """Format card 1 and so on; 0 all (2022)."""

    card: int | None = whole("FormatSDCard", 0, 255, needed=True)


@dataclass(frozen=True, slots=True)
class DeviceUpgrade:
    """Fetch firmware and install it; the result comes as DeviceUpgradeResult (2022)."""

    firmware: str = text("Firmware", 128, needed=True)
    file_url: str = text("FileURL", 1024, needed=True)
    manufacturer: str = text("Manufacturer", 128, needed=True)
    session_id: str = text("SessionID", 128, needed=True)


Action = (
    PtzCmd
    | TeleBoot
    | RecordCmd
    | GuardCmd
    | AlarmReset
    | IFrame
    | DragZoom
    | HomePosition
    | PreciseMove
    | TargetTrack
    | FormatSdCard
    | DeviceUpgrade
)
ANSWERED: Final = (RecordCmd, GuardCmd, AlarmReset, HomePosition, DeviceUpgrade)
"""Those with a Response; for the others the SIP answer is all there is (2022 9.3.1, table 2)."""
OF_2022: Final = (PreciseMove, TargetTrack, FormatSdCard, DeviceUpgrade)

Reader = Callable[[Element, Element, list[str]], Action]


def _ptz(tree: Element, _: Element, problems: list[str]) -> Action:
    info = xml.child(tree, "Info")
    priority = "" if info is None else xml.child_text(info, "ControlPriority")
    number = int(priority) if priority.isascii() and priority.isdigit() and len(priority) < 9 else 0
    return table.read(PtzCmd, tree, problems, priority=number or None)


def _on(word_on: str, word_off: str, element: Element, problems: list[str]) -> bool:
    said = xml.text_of(element)
    if said.lower() not in (word_on.lower(), word_off.lower()):
        problems.append(f"{xml.name_of(element)} unknown: {said[:20]!r}")
    return said.lower() == word_on.lower()


def _record(tree: Element, element: Element, problems: list[str]) -> Action:
    stream = xml.child_text(tree, "StreamNumber")
    number = int(stream) if stream.isascii() and stream.isdigit() and len(stream) < 4 else None
    return RecordCmd(_on("Record", "StopRecord", element, problems), number)


def _guard(_: Element, element: Element, problems: list[str]) -> Action:
    return GuardCmd(_on("SetGuard", "ResetGuard", element, problems))


def _alarm(tree: Element, _: Element, problems: list[str]) -> Action:
    return table.read(AlarmReset, tree, problems, deep=True)


def _drag(inward: bool) -> Reader:
    return lambda _, element, problems: DragZoom(inward, table.read(Area, element, problems))


def _inside(cls: type[Any]) -> Reader:
    """Fields within the element of the action."""

    def read(_: Element, element: Element, problems: list[str]) -> Action:
        action: Action = table.read(cls, element, problems)
        return action

    return read


def _beside(cls: type[Any]) -> Reader:
    """Fields beside it."""

    def read(tree: Element, _: Element, problems: list[str]) -> Action:
        action: Action = table.read(cls, tree, problems)
        return action

    return read


_READERS: Final[dict[str, Reader]] = {
    "ptzcmd": _ptz,
    "teleboot": lambda *_: TeleBoot(),
    "recordcmd": _record,
    "guardcmd": _guard,
    "alarmcmd": _alarm,
    "iframecmd": lambda *_: IFrame(False),
    "ifamecmd": lambda *_: IFrame(True),
    "dragzoomin": _drag(True),
    "dragzoomout": _drag(False),
    "homeposition": _inside(HomePosition),
    "ptzprecisectrl": _inside(PreciseMove),
    "targettrack": _beside(TargetTrack),
    "formatsdcard": _beside(FormatSdCard),
    "deviceupgrade": _inside(DeviceUpgrade),
}


def read_action(tree: Element, problems: list[str]) -> Action | None:
    """The first action of a body; None for one nobody knows."""
    found: Action | None = None
    for element in tree:
        reader = _READERS.get(xml.name_of(element).lower())
        if reader is None:
            continue
        if found is not None:
            problems.append(f"a second action: {xml.name_of(element)[:64]}")
            continue
        found = reader(tree, element, problems)
    return found


def write_action(action: Action) -> tuple[Node, ...]:
    """The elements of an action."""
    match action:
        case PtzCmd():
            return _write_ptz(action)
        case AlarmReset():
            info = table.nodes(action)
            nodes = (Node("AlarmCmd", "ResetAlarm"),)
            return (*nodes, Node("Info", info)) if info else nodes
        case DragZoom(inward, area):
            return (Node("DragZoomIn" if inward else "DragZoomOut", table.nodes(area)),)
        case HomePosition() | PreciseMove() | DeviceUpgrade():
            return (Node(_HOLDERS[type(action)], table.nodes(action)),)
        case TargetTrack() | FormatSdCard():
            return table.nodes(action)
        case TeleBoot() | RecordCmd() | GuardCmd() | IFrame():
            return _write_word(action)


_HOLDERS: Final[dict[type[Any], str]] = {
    HomePosition: "HomePosition",
    PreciseMove: "PTZPreciseCtrl",
    DeviceUpgrade: "DeviceUpgrade",
}


def _write_word(action: TeleBoot | RecordCmd | GuardCmd | IFrame) -> tuple[Node, ...]:
    """Those that are one word."""
    match action:
        case TeleBoot():
            return (Node("TeleBoot", "Boot"),)
        case RecordCmd(on, stream):
            nodes = (Node("RecordCmd", "Record" if on else "StopRecord"),)
            return nodes if stream is None else (*nodes, Node("StreamNumber", stream))
        case GuardCmd(on):
            return (Node("GuardCmd", "SetGuard" if on else "ResetGuard"),)
        case IFrame(old):
            return (Node("IFameCmd" if old else "IFrameCmd", "Send"),)


def _write_ptz(action: PtzCmd) -> tuple[Node, ...]:
    nodes = table.nodes(action)
    if action.priority is None:
        return nodes
    return (*nodes, Node("Info", (Node("ControlPriority", action.priority),)))
