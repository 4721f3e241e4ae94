"""AAC out of G.711: the tone is the tone, and it stays where the picture is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.sound.g711 import linear
from media.sound.maker import FORMAT, FRAME_TICKS, AacMaker
from media.unit import AccessUnit, Codec

from .sounding import PACKET, QUIET, TICKS, alaw, heard, onset, packets, strength, tone


def made_of(items: list[tuple[int, bytes]], codec: Codec = Codec.G711A) -> list[AccessUnit]:
    maker = AacMaker(codec)
    return [unit for item in items for unit in maker.feed([item])]


def assert_rises(units: list[AccessUnit], step: int | None = FRAME_TICKS) -> None:
    steps = {b.dts - a.dts for a, b in pairwise(units)}
    assert min(steps) > 0
    if step is not None:
        assert steps == {step}


def test_the_table_is_that_of_the_standard() -> None:
    for sample in (-30000, -1000, -8, 8, 24, 500, 9000, 32000):
        value = int.from_bytes(linear(Codec.G711A, bytes((alaw(sample),))), "little", signed=True)
        assert abs(value - sample) <= max(8, abs(sample) // 30)
    assert linear(Codec.G711U, b"\xff\x7f\x80\x00") == bytes(4) + b"\x7c\x7d\x84\x82"


def test_a_tone_comes_through_with_its_pitch_and_strength() -> None:
    units = made_of(packets(tone(3)))
    assert_rises(units)
    assert {unit.codec for unit in units} == {Codec.AAC}
    samples = heard(FORMAT, units)[16_000:32_000]
    assert strength(samples, 400, 16_000) == pytest.approx(8000 / 32768, rel=0.05)
    assert strength(samples, 800, 16_000) < 0.01


def test_it_is_where_it_was() -> None:
    """A sound that begins at 2.000 s is heard there, to a millisecond."""
    units = made_of(packets(QUIET * 16_000 + tone(1), begins=7 * 90_000))
    at = units[0].dts / 90_000 + onset(heard(FORMAT, units)) / 16_000
    assert at == pytest.approx(9.0, abs=0.002)


def test_frames_come_soon() -> None:
    """Of 200 ms of sound at least the first 64 ms are out."""
    assert made_of(packets(tone(0.2)))


@pytest.mark.parametrize("ticks", [3564, 3636], ids=["1 % fast", "1 % slow"])
def test_a_camera_whose_clock_is_wrong_stays_with_its_picture(ticks: int) -> None:
    """A beep every two seconds for a minute: each is heard within 40 ms of its time."""
    beep = (tone(0.1) + QUIET * 15_200) * 30
    items = packets(beep, ticks=ticks)
    units = made_of(items)
    assert_rises(units)
    samples = heard(FORMAT, units)
    for number in range(1, 30):
        due = round(items[50 * number][0] * 16_000 / 90_000)
        at = due - 4000 + onset(samples[due - 4000 : due + 4000])
        assert abs(at - due) < 640, f"beep {number} is {(at - due) / 16:.0f} ms off"


def test_trembling_times_change_nothing() -> None:
    shifts = [0, 1500, -1500, 700, -1200, 1700, -1700, 0]
    items = [(t + shifts[n % 8], d) for n, (t, d) in enumerate(packets(tone(4), begins=9000))]
    steady = heard(FORMAT, made_of(packets(tone(4), begins=9000)))
    assert heard(FORMAT, made_of(items)) == steady


def test_a_pause_is_filled_with_silence() -> None:
    before, after = packets(tone(1)), packets(tone(1), begins=90_000 + 45_000)
    units = made_of(before + after)
    assert_rises(units)
    samples = heard(FORMAT, units)
    silent = samples[17_500:22_500]
    assert max(map(abs, silent)) < 0.02
    assert strength(samples[26_000:34_000], 400, 16_000) > 0.2
    assert onset(samples[18_000:]) + 18_000 == pytest.approx(24_000, abs=500)


def test_a_long_pause_begins_anew_with_a_gap_in_time() -> None:
    units = made_of(packets(tone(1)) + packets(tone(1), begins=60 * 90_000))
    assert_rises(units, None)
    gap = max(b.dts - a.dts for a, b in pairwise(units))
    assert gap > 58 * 90_000
    again = [u for u in units if u.dts >= 60 * 90_000]
    assert again[0].dts == 60 * 90_000


def test_what_comes_twice_is_left_out() -> None:
    items = packets(tone(2))
    doubled = items[:25] + items[15:25] + items[25:]
    units = made_of(doubled)
    assert_rises(units)
    assert len(units) == pytest.approx(len(made_of(items)), abs=1)


def test_silence_keeps_up_with_a_picture_that_has_lost_its_sound() -> None:
    maker = AacMaker(Codec.G711A)
    made = [unit for item in packets(tone(1)) for unit in maker.feed([item])]
    for dts in range(90_000, 90_000 * 10, TICKS):
        made += maker.feed([(dts, None)])
        assert dts - made[-1].dts < 2 * 90_000
    assert_rises(made)


def test_sound_that_is_always_late_is_not_drowned_in_silence() -> None:
    """Its packets come 1.5 s behind the picture: after a while nothing of it is lost."""
    maker = AacMaker(Codec.G711A)
    made: list[AccessUnit] = []
    for dts, data in packets(tone(12)):
        made += maker.feed([(dts, data), (dts + 135_000, None)])
    assert_rises(made)
    late = heard(FORMAT, made)[-48_000:-16_000]
    assert strength(late, 400, 16_000) > 0.2


def test_before_any_sound_there_is_nothing_to_keep_up_with() -> None:
    assert AacMaker(Codec.G711A).feed([(90_000, None), (10**9, None), (5, b"")]) == []


@pytest.mark.parametrize("size", [1, 7, PACKET, 5000])
def test_packets_of_any_size(size: int) -> None:
    data = tone(2)
    items = [(at * 90_000 // 8000, data[at : at + size]) for at in range(0, len(data), size)]
    samples = heard(FORMAT, made_of(items))
    assert strength(samples[8000:24_000], 400, 16_000) > 0.2
