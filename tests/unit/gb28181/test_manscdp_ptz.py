"""PTZCmd: every vector both ways, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gb28181.manscdp.ptz import (
    LENS_STOP,
    STOP,
    Auxiliary,
    BadPtz,
    Cruise,
    CruiseDo,
    Instruction,
    Lens,
    Move,
    Preset,
    PresetDo,
    Scan,
    ScanDo,
    ScanSpeed,
    decode,
    encode,
)

pytestmark = pytest.mark.clause("GB/T 28181-2022", "A.3")

FILE = Path(__file__).parents[2] / "vectors" / "ptz" / "vectors.txt"
EXPECTED: dict[str, Instruction] = {
    "stop": STOP,
    "right 50h": Move(pan=1, pan_speed=0x50),
    "left 50h": Move(pan=-1, pan_speed=0x50),
    "up 50h": Move(tilt=1, tilt_speed=0x50),
    "down 50h": Move(tilt=-1, tilt_speed=0x50),
    "right and up 50h": Move(pan=1, tilt=1, pan_speed=0x50, tilt_speed=0x50),
    "zoom in 8": Move(zoom=1, zoom_speed=8),
    "zoom out 8": Move(zoom=-1, zoom_speed=8),
    "set preset 3": Preset(PresetDo.SET, 3),
    "call preset 3": Preset(PresetDo.CALL, 3),
    "delete preset 3": Preset(PresetDo.DELETE, 3),
    "iris close 50h": Lens(iris=-1, iris_speed=0x50),
    "iris open 50h": Lens(iris=1, iris_speed=0x50),
    "focus near 50h": Lens(focus=1, focus_speed=0x50),
    "focus far 50h": Lens(focus=-1, focus_speed=0x50),
    "lens stop": LENS_STOP,
    "cruise 1 add preset 3": Cruise(CruiseDo.ADD, 1, 3),
    "cruise 1 delete preset 3": Cruise(CruiseDo.DELETE, 1, 3),
    "cruise 1 delete all": Cruise(CruiseDo.DELETE, 1, 0),
    "cruise 1 speed 12Ch": Cruise(CruiseDo.SPEED, 1, 0x12C),
    "cruise 1 stay 5 s": Cruise(CruiseDo.STAY, 1, 5),
    "cruise 1 start": Cruise(CruiseDo.START, 1),
    "scan 1 start": Scan(ScanDo.START, 1),
    "scan 1 left limit": Scan(ScanDo.LEFT, 1),
    "scan 1 right limit": Scan(ScanDo.RIGHT, 1),
    "scan 1 speed 12Ch": ScanSpeed(1, 0x12C),
    "wiper on": Auxiliary(True),
    "wiper off": Auxiliary(False),
    "left 96h": Move(pan=-1, pan_speed=0x96),
}
LINES = [line.split(" ", 1) for line in FILE.read_text("ascii").splitlines()]


def test_every_vector_is_tested() -> None:
    assert [name for _, name in LINES] == list(EXPECTED)


@pytest.mark.parametrize(("text", "name"), LINES, ids=lambda value: value)
def test_the_vector_is_what_we_write(text: str, name: str) -> None:
    assert encode(EXPECTED[name]) == text


@pytest.mark.parametrize(("text", "name"), LINES, ids=lambda value: value)
def test_the_vector_is_read(text: str, name: str) -> None:
    assert decode(text) == (EXPECTED[name], 1)
    assert decode(text.lower()) == (EXPECTED[name], 1)


def test_the_address_has_twelve_bits() -> None:
    assert encode(STOP, 0) == "A50F0000000000B4"
    assert encode(STOP, 0xABC) == "A50FBC0000000A7A"
    assert decode("A50FBC0000000A7A") == (STOP, 0xABC)


@pytest.mark.parametrize(
    "bad",
    [
        Move(pan=2),
        Move(pan=1, pan_speed=256),
        Move(tilt=-1, tilt_speed=-1),
        Move(zoom=1, zoom_speed=16),
        Lens(focus=1, focus_speed=256),
        Lens(iris=1, iris_speed=256),
        Preset(PresetDo.CALL, 0),
        Preset(PresetDo.SET, 256),
        Cruise(CruiseDo.ADD, 0, 0),
        Cruise(CruiseDo.ADD, 256, 1),
        Cruise(CruiseDo.SPEED, 0, 4096),
        Cruise(CruiseDo.START, 1, 1),
        Scan(ScanDo.LEFT, 300),
        ScanSpeed(1, 4096),
        Auxiliary(True, 256),
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(bad: Instruction) -> None:
    with pytest.raises(BadPtz):
        encode(bad)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "hex digits"),
        ("A50F0100000000", "hex digits"),
        ("A50F0100000000B5B5", "hex digits"),
        ("G50F0100000000B5", "hex digits"),
        ("A50F0100000000B6", "check byte"),
        ("A40F0100000000B4", "begin"),
        ("A50E0100000000B4", "begin"),
        ("A50F0103000000B8", "opposite"),
        ("A50F010C000000C1", "opposite"),
        ("A50F0130000000E5", "opposite"),
        ("A50F014C00000001", "opposite"),
        ("A50F01820000003700"[:16], "preset"),
        ("A50F01840100003A", "preset"),
        ("A50F018901030042", "no instruction"),
        ("A50F01FF000000B4", "no instruction"),
    ],
)
def test_what_is_no_command_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadPtz, match=why):
        decode(text)
