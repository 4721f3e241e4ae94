"""Telephone sounds as samples; FFmpeg's own encoder is the other side where it has one."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sound.linear import Linear
from media.sound.maker import FORMAT, AacMaker
from media.unit import Codec

from .sounding import heard, strength


@cache
def spoken(bit_rate: int = 6300) -> tuple[bytes, ...]:
    """Three seconds of 400 Hz in G.723.1, 30 ms a frame."""
    encoder = av.CodecContext.create("g723_1", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    encoder.bit_rate, encoder.time_base = bit_rate, Fraction(1, 8000)
    packets = []
    for number in range(100):
        frame = av.AudioFrame("s16", "mono", 240)
        frame.sample_rate, frame.pts = 8000, 240 * number
        wave = (8000 * math.sin(math.pi * (240 * number + n) / 10) for n in range(240))
        data = array("h", map(round, wave)).tobytes()
        frame.planes[0].update(data.ljust(frame.planes[0].buffer_size, b"\x00"))
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(packets)


@pytest.mark.parametrize("together", [1, 2, 5])
def test_g723_is_the_tone_it_was(together: int) -> None:
    linear, frames = Linear(Codec.G723), spoken()
    samples = array("h")
    for at in range(0, len(frames), together):
        samples.frombytes(linear.feed(b"".join(frames[at : at + together])))
    assert len(samples) == 100 * 240
    assert strength(array("f", samples[8000:16_000]), 400, 8000) == pytest.approx(8000, rel=0.15)


def test_g723_without_speech_is_silence() -> None:
    linear = Linear(Codec.G723)
    assert linear.feed(b"\x02abc" + b"\x03") == bytes(2 * 480)


def test_g729_frames_last_10_ms() -> None:
    linear = Linear(Codec.G729)
    assert len(linear.feed(bytes(20))) == 2 * 160
    assert len(linear.feed(bytes(22))) == 2 * 160, "comfort noise is left out"


@pytest.mark.parametrize("codec", [Codec.G711A, Codec.G711U, Codec.G723, Codec.G729])
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_anything_may_come(codec: Codec, packets: list[bytes]) -> None:
    linear = Linear(codec)
    for packet in packets:
        made = linear.feed(packet)
        assert len(made) % 2 == 0
        assert len(made) <= 2 * 240 * max(1, len(packet))


def test_aac_is_made_of_it() -> None:
    maker = AacMaker(Codec.G723)
    units = [u for n, data in enumerate(spoken()) for u in maker.feed([(n * 2700, data)])]
    assert {b.dts - a.dts for a, b in pairwise(units)} == {5760}
    assert strength(heard(FORMAT, units)[16_000:32_000], 400, 16_000) > 0.2
