"""The eight bytes of `PTZCmd` (GB/T 28181-2022 A.3): instruction -> hex text and back.

    A5  0F  address-low  instruction  data1  data2  data3<<4|address-high  sum mod 256

Byte 2 is the version (0) and a check over the first nibbles: (A + 5 + 0) mod 16 = F. Each group of
instructions has a class here; an encoder of one never sees another's bits, so opposite directions
cannot go together.

    decode(encode(x, address)) == (x, address)

Not here: how long a camera moves and who may move it (`gb28181.control`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HEAD: Final = 0xA5
VERSION: Final = 0x0F
LENGTH: Final = 8
MOST_BYTE: Final = 0xFF
MOST_ZOOM: Final = 0x0F
MOST_WORD: Final = 0x0FFF
MOST_ADDRESS: Final = 0x0FFF
WIPER: Final = 1
"""The auxiliary switch the standard names."""
_HEX: Final = re.compile(r"[0-9A-Fa-f]{16}")


class BadPtz(ValueError):
    """No PTZCmd, or one the standard does not define."""


class PresetDo(IntEnum):
    SET = 0x81
    CALL = 0x82
    DELETE = 0x83


class CruiseDo(IntEnum):
    ADD = 0x84
    DELETE = 0x85
    SPEED = 0x86
    STAY = 0x87
    START = 0x88


class ScanDo(IntEnum):
    START = 0x00
    LEFT = 0x01
    RIGHT = 0x02


_PRESET: Final = frozenset(int(do) for do in PresetDo)
_CRUISE: Final = frozenset(int(do) for do in CruiseDo)
_SCAN: Final = frozenset(int(do) for do in ScanDo)


@dataclass(frozen=True, slots=True)
class Move:
    """Pan, tilt and zoom; each -1, 0 or 1. All 0 stops pan, tilt, zoom, cruise and scan."""

    pan: int = 0
    """1 right, -1 left."""
    tilt: int = 0
    """1 up, -1 down."""
    zoom: int = 0
    """1 in, -1 out."""
    pan_speed: int = 0
    """0-255."""
    tilt_speed: int = 0
    """0-255."""
    zoom_speed: int = 0
    """0-15."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Focus and iris; each -1, 0 or 1. All 0 stops both."""

    focus: int = 0
    """1 near, -1 far."""
    iris: int = 0
    """1 open, -1 close."""
    focus_speed: int = 0
    """0-255."""
    iris_speed: int = 0
    """0-255."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Set, call or delete preset 1-255."""

    do: PresetDo
    index: int


@dataclass(frozen=True, slots=True)
class Cruise:
    """A cruise group 0-255: add or delete a preset (0 deletes the whole cruise), set speed or stay
    time (0-4095; stay in seconds), start. Stopping is a `Move` with nothing in it."""

    do: CruiseDo
    group: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan group 0-255: start, or take the present direction as its left or right limit."""

    do: ScanDo
    group: int


@dataclass(frozen=True, slots=True)
class ScanSpeed:
    """Speed 0-4095 of a scan group."""

    group: int
    speed: int


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A switch 0-255 on or off; 1 is the wiper."""

    on: bool
    switch: int = WIPER


Instruction = Move | Lens | Preset | Cruise | Scan | ScanSpeed | Auxiliary
STOP: Final = Move()
LENS_STOP: Final = Lens()


def encode(instruction: Instruction, address: int = 1) -> str:
    """Sixteen upper-case hex digits; raises BadPtz for a value out of its range."""
    _within(address, 0, MOST_ADDRESS, "address")
    code, one, two, three = _data(instruction)
    body = [HEAD, VERSION, address & 0xFF, code, one, two, (three << 4) | (address >> 8)]
    return bytes([*body, sum(body) & 0xFF]).hex().upper()


def decode(text: str) -> tuple[Instruction, int]:
    """Instruction and address; raises BadPtz for a wrong length, check or unknown instruction."""
    text = "".join(text.split())
    if _HEX.fullmatch(text) is None:
        raise BadPtz(f"not 16 hex digits: {text[:40]!r}")
    raw = bytes.fromhex(text)
    if raw[0] != HEAD or raw[1] != VERSION:
        raise BadPtz(f"does not begin with A50F: {text}")
    if sum(raw[:7]) & 0xFF != raw[7]:
        raise BadPtz(f"check byte {raw[7]:02X} is wrong: {text}")
    address = raw[2] | (raw[6] & 0x0F) << 8
    return _instruction(raw[3], raw[4], raw[5], raw[6] >> 4), address


def _data(instruction: Instruction) -> tuple[int, int, int, int]:
    """Instruction byte and the three data values."""
    match instruction:
        case Move(pan, tilt, zoom):
            code = _bits(pan, 0, 1) | _bits(tilt, 3, 2) | _bits(zoom, 4, 5)
            _within(instruction.pan_speed, 0, MOST_BYTE, "pan speed")
            _within(instruction.tilt_speed, 0, MOST_BYTE, "tilt speed")
            _within(instruction.zoom_speed, 0, MOST_ZOOM, "zoom speed")
            return code, instruction.pan_speed, instruction.tilt_speed, instruction.zoom_speed
        case Lens(focus, iris):
            code = 0x40 | _bits(focus, 1, 0) | _bits(iris, 2, 3)
            _within(instruction.focus_speed, 0, MOST_BYTE, "focus speed")
            _within(instruction.iris_speed, 0, MOST_BYTE, "iris speed")
            return code, instruction.focus_speed, instruction.iris_speed, 0
        case Preset(do, index):
            return do, 0, _within(index, 1, MOST_BYTE, "preset"), 0
        case Cruise(do, group, value):
            return _cruise(do, group, value)
        case Scan(limit, group):
            return 0x89, _within(group, 0, MOST_BYTE, "group"), limit, 0
        case ScanSpeed(group, speed):
            _within(speed, 0, MOST_WORD, "speed")
            return 0x8A, _within(group, 0, MOST_BYTE, "group"), speed & 0xFF, speed >> 8
        case Auxiliary(on, switch):
            return 0x8C if on else 0x8D, _within(switch, 0, MOST_BYTE, "switch"), 0, 0


def _cruise(do: CruiseDo, group: int, value: int) -> tuple[int, int, int, int]:
    _within(group, 0, MOST_BYTE, "group")
    match do:
        case CruiseDo.SPEED | CruiseDo.STAY:
            _within(value, 0, MOST_WORD, "speed or stay time")
            return do, group, value & 0xFF, value >> 8
        case CruiseDo.ADD:
            return do, group, _within(value, 1, MOST_BYTE, "preset"), 0
        case CruiseDo.DELETE:
            return do, group, _within(value, 0, MOST_BYTE, "preset"), 0
        case CruiseDo.START:
            return do, group, _within(value, 0, 0, "value"), 0


def _bits(way: int, plus: int, minus: int) -> int:
    """The bit of a direction."""
    if way not in (-1, 0, 1):
        raise BadPtz(f"a direction is -1, 0 or 1, not {way}")
    return 0 if way == 0 else 1 << (plus if way > 0 else minus)


def _instruction(code: int, one: int, two: int, three: int) -> Instruction:
    if code < 0x40:
        return _move(code, one, two, three)
    if code & 0xF0 == 0x40:
        return _lens(code, one, two)
    if code in _PRESET:
        return Preset(PresetDo(code), _within(two, 1, MOST_BYTE, "preset"))
    if code in _CRUISE:
        wide = code in (CruiseDo.SPEED, CruiseDo.STAY)
        value = two | three << 8 if wide else 0 if code == CruiseDo.START else two
        if code == CruiseDo.ADD:
            _within(value, 1, MOST_BYTE, "preset")
        return Cruise(CruiseDo(code), one, value)
    if code == 0x89 and two in _SCAN:
        return Scan(ScanDo(two), one)
    if code == 0x8A:
        return ScanSpeed(one, two | three << 8)
    if code in (0x8C, 0x8D):
        return Auxiliary(code == 0x8C, one)
    raise BadPtz(f"no instruction {code:02X}")


def _move(code: int, one: int, two: int, three: int) -> Move:
    return Move(
        _way(code, 0, 1),
        _way(code, 3, 2),
        _way(code, 4, 5),
        one,
        two,
        three,
    )


def _lens(code: int, one: int, two: int) -> Lens:
    return Lens(_way(code, 1, 0), _way(code, 2, 3), one, two)


def _way(code: int, plus: int, minus: int) -> int:
    forward, back = code >> plus & 1, code >> minus & 1
    if forward and back:
        raise BadPtz(f"opposite directions in {code:02X}")
    return forward - back


def _within(value: int, least: int, most: int, what: str) -> int:
    if not least <= value <= most:
        raise BadPtz(f"{what} {value} is not within {least} and {most}")
    return value
