"""Output times: unwrap, repair, restart, B-frames."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.receive.clock import Clock, signed_step

FRAME = 3600
VIDEO, AUDIO = 0, 1


def feed(
    clock: Clock,
    pes: list[int | None],
    rtp: list[int | None] | None = None,
    *,
    track: int = VIDEO,
    start: float = 0.0,
    frame_s: float = 0.04,
) -> list[int]:
    """dts of units that carry these PES times (as PTS) and RTP times."""
    out: list[int] = []
    for index, value in enumerate(pes):
        stamp = rtp[index] if rtp else None
        out.append(clock.stamp(track, value, None, stamp, start + index * frame_s)[1])
    return out


def test_signed_step_takes_the_short_way() -> None:
    assert signed_step(5, (1 << 33) - 5, 33) == 10
    assert signed_step((1 << 32) - 5, 5, 32) == -10


@pytest.mark.parametrize("base", [0, 123_456_789, (1 << 33) - 2 * FRAME])
def test_pes_times_start_at_zero_and_unwrap(base: int) -> None:
    times = [(base + n * FRAME) % (1 << 33) for n in range(6)]
    assert feed(Clock(), [*times]) == [n * FRAME for n in range(6)]


def test_rtp_alone_unwraps() -> None:
    rtp: list[int | None] = [((1 << 32) - FRAME + n * FRAME) % (1 << 32) for n in range(4)]
    assert feed(Clock(), [None] * 4, rtp) == [0, FRAME, 2 * FRAME, 3 * FRAME]


def test_pes_jump_is_bridged_with_the_rtp_step() -> None:
    pes: list[int | None] = [0, 3600, 7200, 900_000_000, 900_003_600, 50, 3650]
    rtp: list[int | None] = [n * 3601 for n in range(7)]
    out = feed(Clock(), pes, rtp)
    assert out == [0, 3600, 7200, 10801, 14401, 18002, 21602]


def test_frozen_pes_follows_rtp() -> None:
    out = feed(Clock(), [77] * 5, [n * FRAME for n in range(5)])
    assert out == [n * FRAME for n in range(5)]


def test_frozen_rtp_without_pes_follows_arrival() -> None:
    out = feed(Clock(), [None] * 100, [4711] * 100, frame_s=0.05)
    assert out[-1] == pytest.approx(99 * 4500, abs=10)
    assert all(b > a for a, b in pairwise(out))


def test_bunched_arrival_does_not_drift() -> None:
    clock = Clock()
    out: list[int] = []
    for second in range(10):
        for _ in range(25):
            out.append(clock.stamp(VIDEO, None, None, None, float(second))[1])
    assert all(b > a for a, b in pairwise(out))
    assert abs(out[-1] - 9 * 90_000) < 90_000


def test_counting_in_milliseconds_is_not_believed() -> None:
    out = feed(Clock(), [n * 40 for n in range(5)], [n * FRAME for n in range(5)])
    assert out == [n * FRAME for n in range(5)]


def test_long_gap_that_really_happened_is_kept() -> None:
    clock = Clock()
    clock.stamp(VIDEO, 0, None, 0, 0.0)
    assert clock.stamp(VIDEO, 60 * 90_000, None, 60 * 90_000, 60.3)[1] == 60 * 90_000


def test_sound_and_picture_share_the_offset() -> None:
    clock = Clock()
    assert clock.stamp(VIDEO, 1_000_000, None, None, 0.0) == (0, 0)
    assert clock.stamp(AUDIO, 1_001_800, None, None, 0.03) == (1800, 1800)


def test_sound_with_its_own_time_base_starts_at_the_picture() -> None:
    clock = Clock()
    feed(clock, [1_000_000 + n * FRAME for n in range(25)])
    first = clock.stamp(AUDIO, 5, None, None, 1.0)[1]
    assert first == pytest.approx(90_000, abs=FRAME)


def test_both_tracks_jump_and_stay_together() -> None:
    clock = Clock()
    for n in range(10):
        clock.stamp(VIDEO, 1_000_000 + n * FRAME, None, None, n * 0.04)
        clock.stamp(AUDIO, 1_000_000 + n * FRAME, None, None, n * 0.04)
    video = clock.stamp(VIDEO, 40_000, None, None, 0.4)[1]
    audio = clock.stamp(AUDIO, 40_000, None, None, 0.43)[1]
    assert video == audio == 10 * FRAME


def test_restart_continues_behind_everything() -> None:
    clock = Clock()
    feed(clock, [900_000 + n * FRAME for n in range(10)])
    clock.restart()
    after = feed(clock, [5 + n * FRAME for n in range(3)], start=2.36)
    assert after[0] == pytest.approx(9 * FRAME + 2 * 90_000, abs=5)
    assert after[1] - after[0] == FRAME
    clock.restart()
    # At the same moment: still later than before.
    assert clock.stamp(AUDIO, 1, None, None, 2.44)[1] > after[2]


def test_dts_and_pts_of_the_sender_are_kept() -> None:
    clock = Clock()
    got = [
        clock.stamp(VIDEO, 7200, 0, None, 0.0),
        clock.stamp(VIDEO, 18000, 3600, None, 0.04),
        clock.stamp(VIDEO, 10800, 7200, None, 0.08),
    ]
    assert got == [(7200, 0), (18000, 3600), (10800, 7200)]


def test_b_frames_without_dts() -> None:
    clock = Clock()
    shown = [0]
    for group in range(1, 12):
        shown += [group * 3, group * 3 - 2, group * 3 - 1]
    got = [
        clock.stamp(VIDEO, 500_000 + n * FRAME, None, None, i * 0.04) for i, n in enumerate(shown)
    ]
    dts = [d for _, d in got]
    assert all(b > a for a, b in pairwise(dts))
    assert all(p >= d for p, d in got)
    settled = got[12:]
    assert [p for p, _ in settled] == [n * FRAME for n in shown[12:]]
    assert {b - a for a, b in pairwise([d for _, d in settled])} == {FRAME}
