"""PTZCmd: what is encoded decodes to the same, and no text breaks the decoder."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp.ptz import (
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

way = st.integers(-1, 1)
byte = st.integers(0, 255)
wide = st.integers(0, 4095)
cruises = st.one_of(
    st.builds(Cruise, st.just(CruiseDo.ADD), byte, st.integers(1, 255)),
    st.builds(Cruise, st.just(CruiseDo.DELETE), byte, byte),
    st.builds(Cruise, st.sampled_from([CruiseDo.SPEED, CruiseDo.STAY]), byte, wide),
    st.builds(Cruise, st.just(CruiseDo.START), byte),
)
instructions: st.SearchStrategy[Instruction] = st.one_of(
    st.builds(Move, way, way, way, byte, byte, st.integers(0, 15)),
    st.builds(Lens, way, way, byte, byte),
    st.builds(Preset, st.sampled_from(PresetDo), st.integers(1, 255)),
    cruises,
    st.builds(Scan, st.sampled_from(ScanDo), byte),
    st.builds(ScanSpeed, byte, wide),
    st.builds(Auxiliary, st.booleans(), byte),
)


@given(instructions, st.integers(0, 4095))
def test_round_trip(instruction: Instruction, address: int) -> None:
    text = encode(instruction, address)
    assert len(text) == 16
    assert decode(text) == (instruction, address)


@given(instructions, st.integers(0, 4095), st.integers(0, 7), st.integers(1, 255))
def test_one_wrong_byte_is_noticed(
    instruction: Instruction, address: int, at: int, change: int
) -> None:
    raw = bytearray.fromhex(encode(instruction, address))
    raw[at] ^= change
    try:
        read = decode(raw.hex())
    except BadPtz:
        return
    raise AssertionError(f"{raw.hex()} read as {read}")


@given(st.one_of(st.text(max_size=40), st.text(string.hexdigits, min_size=16, max_size=16)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        instruction, address = decode(text)
    except BadPtz:
        return
    assert decode(encode(instruction, address)) == (instruction, address)
