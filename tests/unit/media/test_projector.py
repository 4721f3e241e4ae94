"""Recorded units at their time: pacing, pause, places, speed, gaps and formats, by a fake clock."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from media.record import projector as p
from media.unit import CLOCK_HZ, AudioFormat, Codec, FormatChanged

from .projecting import FRAME, OTHER, SOUND, START, STEP, VIDEO, Stage, file_of


def names(name: str, first: int, last: int) -> list[str]:
    return [f"{name}:{number}" for number in range(first, last)]


def test_the_first_picture_waits_until_somebody_looks() -> None:
    stage = Stage(file_of("a", START, 4))
    stage.run(20)
    assert stage.names == ["a:0"]
    assert stage.formats == [FormatChanged(VIDEO, None)]
    assert stage.projector.deadline is None
    stage.look()
    stage.run(10)
    assert stage.finished
    assert stage.names == names("a", 0, 100)
    first, *_, last = stage.shown
    assert last.at - 120 == pytest.approx(99 / 25, abs=0.05)
    assert first.at == 100
    for one in stage.shown[2:]:
        assert not isinstance(one.out, FormatChanged)
        late = one.at - 120 - one.out.dts / CLOCK_HZ
        assert -1e-6 <= late <= p.STEP_S + 1e-6
    stage.check()


def test_nobody_looks_any_more_and_somebody_again() -> None:
    stage = Stage(file_of("a", START, 4))
    stage.look()
    stage.run(1)
    stage.look(False)
    count = len(stage.names)
    assert 25 <= count <= 27
    stage.run(100)
    assert len(stage.names) == count
    stage.look()
    stage.run(10)
    assert stage.names == names("a", 0, 100)
    times = [unit.dts for unit in stage.pictures]
    assert times == [number * STEP for number in range(100)]  # the pause is not in the stream


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 2.0, 3.0, 8.0])
def test_a_speed_is_kept_and_every_picture_shown(speed: float) -> None:
    stage = Stage(file_of("a", START, 16, sound=SOUND))
    stage.tell(p.Run(speed))
    stage.look()
    stage.run(16 / speed + 1)
    assert stage.finished
    assert stage.names == names("a", 0, 400)
    lasted = stage.shown[-1].at - 100
    assert lasted == pytest.approx(15.96 / speed, abs=0.1)
    assert stage.pictures[-1].dts == pytest.approx(399 * STEP / speed, abs=1)
    stage.check()
    # Sound goes on to the end whatever the speed, without a hole.
    heard = [unit for unit in stage.units if not unit.video]
    assert heard[-1].dts >= stage.pictures[-1].dts - FRAME
    assert all(b.dts - a.dts == FRAME for a, b in itertools.pairwise(heard))
    assert (heard[0].data == b"a~0") == (speed == 1.0)
    assert stage.formats == [FormatChanged(VIDEO, SOUND)]


def test_changes_of_speed_leave_no_hole_and_sound_comes_back() -> None:
    stage = Stage(file_of("a", START, 30, sound=SOUND))
    stage.look()
    stage.run(2)
    for speed, seconds in ((4.0, 2), (0.5, 2), (1.0, 100)):
        stage.tell(p.Run(speed))
        stage.run(seconds)
    assert stage.finished
    assert stage.names == names("a", 0, 750)
    assert stage.shown[-1].at - 100 == pytest.approx(2 + 2 + 2 + 19, abs=0.2)
    stage.check()
    steps = [b.dts - a.dts for a, b in itertools.pairwise(stage.pictures)]
    assert max(steps) <= 2 * STEP + 1
    heard = [unit for unit in stage.units if not unit.video]
    assert max(b.dts - a.dts for a, b in itertools.pairwise(heard)) <= 2 * FRAME
    assert heard[-1].data == f"a~{30 * 8000 // 1024}".encode()


def test_sound_no_silence_is_known_of_is_taken_out_meanwhile() -> None:
    surround = AudioFormat(Codec.AAC, 8000, 6, b"\x15\xb0")
    stage = Stage(file_of("a", START, 8, sound=surround))
    stage.look()
    stage.run(1)
    stage.tell(p.Run(2.0))
    stage.run(1)
    stage.tell(p.Run(1.0))
    stage.run(20)
    assert [change.audio for change in stage.formats] == [surround, None, surround]
    assert stage.names == names("a", 0, 200)
    stage.check()


def test_a_pause_stands_still_and_speed_and_place_end_it() -> None:
    stage = Stage(file_of("a", START, 20))
    stage.look()
    stage.run(1)
    stage.tell(p.Pause())
    count = len(stage.names)
    stage.run(50)
    assert len(stage.names) == count
    assert stage.projector.paused
    assert stage.projector.position - START == pytest.approx(1, abs=0.1)
    stage.tell(p.Resume())
    stage.run(1)
    stage.tell(p.Pause())
    stage.tell(p.Run(2.0))
    assert not stage.projector.paused
    stage.run(1)
    assert stage.projector.position - START == pytest.approx(4, abs=0.1)
    stage.tell(p.Pause())
    stage.tell(p.Seek(START + 10))
    assert not stage.projector.paused
    stage.run(20)
    assert stage.names[-1] == "a:499"
    assert stage.finished
    stage.check()


def test_a_place_begins_with_the_key_frame_before_it() -> None:
    stage = Stage(file_of("a", START, 20))
    stage.look()
    stage.run(2)
    seen = len(stage.names)
    stage.tell(p.Seek(START + 12.7))
    stage.run(0.5)
    assert stage.names[seen] == "a:300"
    assert stage.pictures[seen].key
    stage.tell(p.Seek(START + 3))
    stage.run(0.2)
    assert "a:75" in stage.names[seen:]
    assert stage.projector.position - START == pytest.approx(3.2, abs=0.1)
    stage.check()
    steps = [b.dts - a.dts for a, b in itertools.pairwise(stage.pictures)]
    assert max(steps) <= 2 * STEP  # the stream knows nothing of places


def test_a_place_is_shown_while_nobody_looks() -> None:
    stage = Stage(file_of("a", START, 20))
    stage.run(1)
    stage.tell(p.Seek(START + 5))
    stage.run(1)
    assert stage.names == ["a:0", "a:125"]
    assert stage.projector.position == START + 5


def test_a_reading_that_was_overtaken_is_not_shown() -> None:
    stage = Stage(file_of("a", START, 20), delay=0.5)
    stage.look()
    stage.run(0.2)
    stage.tell(p.Seek(START + 9))
    stage.run(1)
    assert stage.names[0] == "a:225"


def test_what_was_not_recorded_takes_no_time_and_files_follow_without_a_hole() -> None:
    stage = Stage(
        file_of("a", START, 3, sound=SOUND),
        file_of("b", START + 3, 3, sound=SOUND),
        file_of("c", START + 1000, 3, sound=SOUND),
    )
    stage.look()
    stage.run(20)
    assert stage.names == [*names("a", 0, 75), *names("b", 0, 75), *names("c", 0, 75)]
    times = [unit.dts for unit in stage.pictures]
    assert times == [number * STEP for number in range(225)]
    assert stage.projector.position - START == pytest.approx(1003, abs=0.1)
    heard = [unit.data for unit in stage.units if not unit.video]
    assert heard == [f"{name}~{number}".encode() for name in "abc" for number in range(24)]
    assert len(stage.formats) == 1
    stage.check()


def test_what_two_files_both_have_is_shown_once() -> None:
    first = [replace(one, until=START + 2.0) for one in file_of("a", START, 3)]
    stage = Stage(first, file_of("b", START + 2, 3))
    stage.look()
    stage.run(20)
    assert stage.names == [*names("a", 0, 50), *names("b", 0, 75)]
    assert [unit.dts for unit in stage.pictures] == [number * STEP for number in range(125)]


def test_another_format_is_told_in_front_of_its_first_picture() -> None:
    stage = Stage(
        file_of("a", START, 2, sound=SOUND),
        file_of("b", START + 2, 2, video=OTHER),
        file_of("c", START + 4, 2, sound=SOUND),
    )
    stage.look()
    stage.run(20)
    assert stage.formats == [
        FormatChanged(VIDEO, SOUND),
        FormatChanged(OTHER, None),
        FormatChanged(VIDEO, SOUND),
    ]
    followed = []
    for one, following in itertools.pairwise(stage.shown):
        if isinstance(one.out, FormatChanged):
            assert not isinstance(following.out, FormatChanged)
            followed.append(following.out.data.decode().rstrip("."))
    assert followed == ["a:0", "b:0", "c:0"]


def test_the_end_that_was_wanted_is_kept_and_the_beginning_too() -> None:
    stage = Stage(file_of("a", START - 1.5, 60), end=START + 2)
    stage.look()
    stage.run(10)
    assert stage.finished
    # From the key frame before it: the second of the file the start lies in.
    assert stage.names == names("a", 25, 88)
    assert START + 1.9 < stage.projector.position <= START + 2


def test_nothing_at_all_is_over_at_once() -> None:
    stage = Stage()
    stage.run(1)
    assert stage.finished
    assert stage.shown == []


def test_sound_alone_shows_enough_to_begin_with() -> None:
    stage = Stage(file_of("a", START, 6, video=None, sound=SOUND))
    stage.run(5)
    assert stage.units[-1].dts - stage.units[0].dts >= CLOCK_HZ
    assert stage.units[-1].dts - stage.units[0].dts <= 2 * CLOCK_HZ
    stage.look()
    stage.run(10)
    assert stage.finished
    assert [u.data for u in stage.units] == [f"a~{n}".encode() for n in range(47)]


def test_slow_reading_makes_it_late_but_loses_nothing() -> None:
    stage = Stage(file_of("a", START, 6), delay=2.5)
    stage.look()
    stage.run(60)
    assert stage.finished
    assert stage.names == names("a", 0, 150)
    stage.check()
    # Nothing is caught up in a burst of more than a second.
    at = [one.at for one in stage.shown]
    for first, last in zip(at, at[30:], strict=False):
        assert last - first > 0.1


def test_what_is_read_ahead_is_bounded_in_seconds_and_in_bytes() -> None:
    stage = Stage(file_of("a", START, 30, size=1000))
    stage.look()
    stage.run(5)
    assert stage.most <= 4 * 25 * 1000
    large = 400_000  # ten megabytes a second
    stage = Stage(file_of("a", START, 6, size=large))
    stage.tell(p.Run(8.0))
    stage.look()
    stage.run(30)
    assert stage.finished
    assert stage.names == names("a", 0, 150)
    assert stage.most <= p.MOST_AHEAD + 25 * large


def test_another_receiver_gets_formats_and_a_key_frame() -> None:
    stage = Stage(file_of("a", START, 10, sound=SOUND))
    stage.look()
    stage.run(3.5)
    seen = len(stage.shown)
    stage.tell(p.Begin())
    stage.run(0.2)
    first, second = stage.shown[seen].out, stage.shown[seen + 1].out
    assert first == FormatChanged(VIDEO, SOUND)
    assert not isinstance(second, FormatChanged)
    assert second.key
    stage.run(20)
    assert stage.names[-1] == "a:249"
    stage.check()
