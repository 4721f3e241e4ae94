"""The clock of a voice: 50 frames a second whatever came in, and never the past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice.voice import FRAME_BYTES, FRAME_S, LATENCY_S, QUIET, VoiceSource


def started(at: float = 0.0) -> VoiceSource:
    voice = VoiceSource()
    voice.start(at)
    return voice


def speech(milliseconds: int, first: int = 0) -> bytes:
    """Samples that can be told apart from silence and, frame by frame, from each other."""
    return b"".join(
        bytes((1 + (first + n) % 200,)) * FRAME_BYTES for n in range(milliseconds // 20)
    )


def run(voice: VoiceSource, start: float, frames: int) -> list[bytes]:
    return [f for n in range(frames) for f in voice.due(start + n * FRAME_S)]


def test_nobody_is_told_anything_before_the_start() -> None:
    voice = VoiceSource()
    assert voice.due(5.0) == []
    assert voice.deadline is None


def test_silence_fills_the_clock() -> None:
    voice = started()
    assert run(voice, 0.0, 50) == [QUIET] * 50
    assert (voice.frames, voice.silent_frames) == (50, 50)
    assert voice.deadline == pytest.approx(1.0)


def test_speech_begins_when_60_ms_are_there() -> None:
    voice = started()
    voice.push(speech(60))
    frames = run(voice, 0.0, 4)
    assert b"".join(frames[:3]) == speech(60)
    assert frames[3] == QUIET


def test_a_short_word_is_said_after_60_ms_of_waiting() -> None:
    voice = started()
    voice.push(speech(20))
    frames = run(voice, 0.0, 6)
    assert frames.count(QUIET) == 5
    assert frames.index(speech(20)) == 2


def test_clumps_of_40_ms_come_out_unchopped() -> None:
    """As a browser delivers: two frames at a time, every second tick."""
    voice = started()
    heard: list[bytes] = []
    for tick in range(100):
        if tick % 2 == 0:
            voice.push(speech(40, first=tick))
        heard += voice.due(tick * FRAME_S)
    spoken = heard[heard.index(speech(20)) :]
    assert QUIET not in spoken
    assert b"".join(spoken) == speech(20 * len(spoken))


def test_what_would_be_heard_late_is_cut_from_the_front() -> None:
    voice = started()
    voice.push(speech(200))
    voice.push(speech(20, first=10))
    assert voice.waiting_s == pytest.approx(0.1)
    assert voice.dropped_s == pytest.approx(0.12)
    assert voice.due(0.0) == [speech(20, first=6)]


def test_a_flood_is_bounded() -> None:
    voice = started()
    voice.push(bytes(1_000_000))
    assert voice.waiting_s <= LATENCY_S
    assert voice.dropped_s + voice.waiting_s == pytest.approx(125.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2000)), max_size=60))
def test_latency_and_rhythm_hold_for_any_arrival(arrivals: list[tuple[int, int]]) -> None:
    voice = started()
    tick = 0
    for pause, size in arrivals:
        for _ in range(pause):
            frames = voice.due(tick * FRAME_S + 1e-9)
            assert [len(f) for f in frames] == [FRAME_BYTES]
            tick += 1
        voice.push(bytes(size))
        assert voice.waiting_s <= LATENCY_S
    assert voice.frames == tick


def test_a_clock_that_was_late_catches_up_a_little_but_not_all() -> None:
    voice = started()
    voice.due(0.0)
    assert len(voice.due(0.15)) == 7
    assert len(voice.due(10.0)) == 1
    assert voice.deadline == pytest.approx(10.0 + FRAME_S)


def test_a_programme_is_played_whole_and_once() -> None:
    voice = started()
    voice.play(speech(100) + b"\x01\x02")
    frames = run(voice, 0.0, 8)
    assert b"".join(frames[:5]) == speech(100)
    assert frames[5] == b"\x01\x02" + QUIET[2:]
    assert frames[6:] == [QUIET, QUIET]
    assert voice.ended
    assert voice.dropped_s == 0


@pytest.mark.parametrize("size", [1, 100, 160, 161, 999])
def test_a_programme_for_ever_has_no_seam(size: int) -> None:
    voice = started()
    programme = bytes(n % 251 for n in range(size))
    voice.play(programme, loop=True)
    heard = b"".join(run(voice, 0.0, 20))
    assert heard == (programme * 3201)[: len(heard)]
    assert not voice.ended


def test_an_empty_programme_is_over_at_once() -> None:
    voice = started()
    voice.play(b"", loop=True)
    assert voice.ended
    assert voice.due(0.0) == [QUIET]


def test_who_joins_late_hears_what_is_said_then() -> None:
    voice = VoiceSource()
    voice.play(speech(1000))
    voice.start(0.0)
    run(voice, 0.0, 10)
    voice.stop()
    voice.start(100.0)
    assert voice.due(100.0) == [speech(20, first=10)]


def test_speech_while_nobody_listened_is_forgotten() -> None:
    voice = started()
    voice.push(speech(100))
    voice.stop()
    voice.start(5.0)
    assert voice.due(5.0) == [QUIET]
