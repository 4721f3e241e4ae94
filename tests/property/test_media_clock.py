"""Whatever times come in, decoding times rise and stay close to what really passed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.receive.clock import Clock, signed_step

times = st.none() | st.integers(0, 2**33 - 1)
steps = st.lists(
    st.tuples(
        st.integers(0, 1),
        times,
        times,
        st.none() | st.integers(0, 2**32 - 1),
        st.integers(0, 500),
        st.booleans(),
    ),
    max_size=80,
)


@given(steps)
def test_times_rise_whatever_comes(
    units: list[tuple[int, int | None, int | None, int | None, int, bool]],
) -> None:
    clock = Clock()
    last = [-1, -1]
    now = 0.0
    for track, pts, dts, rtp, gap_ms, restart in units:
        now += gap_ms / 1000
        if restart:
            clock.restart()
        out_pts, out_dts = clock.stamp(track, pts, dts, rtp, now)
        assert out_dts > last[track]
        assert out_dts <= out_pts <= out_dts + 4 * 90_000
        last[track] = out_dts


@given(st.integers(0, 2**33 - 1), st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_steady_sender_is_followed_exactly(pes: int, rtp: int, fps: int) -> None:
    clock = Clock()
    step = 90_000 // fps
    for index in range(50):
        now = index * step / 90_000
        moved = index * step
        got = clock.stamp(0, (pes + moved) % 2**33, None, (rtp + moved) % 2**32, now)
        assert got == (moved, moved)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**33 - 1), max_size=30))
def test_wild_pes_times_are_replaced_by_the_rtp_clock(rtp: int, wild: list[int]) -> None:
    clock = Clock()
    clock.stamp(0, 1000, 1000, rtp, 0.0)
    for index, pes in enumerate(wild, 1):
        pts, dts = clock.stamp(0, pes, pes, (rtp + index * 3600) % 2**32, index * 0.04)
        # A wild time may be believed when it moves on by less than two seconds.
        assert index * 3600 - 45_000 <= dts <= index * (2 * 90_000) + 45_000
        assert pts == dts


@given(st.integers(0, 2**33 - 1), st.integers(-(2**31), 2**31))
def test_signed_step_undoes_wrapping(base: int, step: int) -> None:
    assert signed_step((base + step) % 2**33, base, 33) == step
