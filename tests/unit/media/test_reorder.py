"""Sequence order, gaps, late and duplicate packets, restarts."""

from __future__ import annotations

import pytest

from media.rtp.reorder import FAR_RUN, NEAR_RUN, Mark, Reorder

G = Mark.GAP
R = Mark.RESTART


def run(order: Reorder[int], *sequences: int, now: float = 0.0) -> list[int | Mark]:
    out: list[int | Mark] = []
    for sequence in sequences:
        out += order.push(sequence & 0xFFFF, sequence, now)
    return out


def test_in_order_and_wrap() -> None:
    assert run(Reorder(), 65534, 65535, 65536, 65537) == [65534, 65535, 65536, 65537]


@pytest.mark.parametrize("base", [0, 1000, 65530])
def test_swapped_packets_come_out_in_order(base: int) -> None:
    order: Reorder[int] = Reorder()
    got = run(order, *(base + step for step in (0, 2, 1, 5, 4, 3, 6)))
    assert got == [base + step for step in range(7)]
    assert (order.lost, order.late, order.duplicates, order.pending) == (0, 0, 0, 0)


def test_gap_is_given_up_when_the_window_is_full() -> None:
    order: Reorder[int] = Reorder(window=4)
    assert run(order, 0, 2, 3, 4) == [0]
    assert run(order, 5) == [G, 2, 3, 4, 5]
    assert order.lost == 1
    assert run(order, 1) == []
    assert (order.late, order.duplicates) == (1, 0)
    assert run(order, 1, 3) == []
    assert (order.late, order.duplicates) == (1, 2)


def test_gap_is_given_up_after_the_wait() -> None:
    order: Reorder[int] = Reorder(max_wait=0.1)
    assert run(order, 0, now=1.0) == [0]
    assert run(order, 2, now=1.0) == []
    assert order.expire(1.09) == []
    assert order.expire(1.1) == [G, 2]
    assert run(order, 3, now=1.2) == [3]


def test_second_gap_waits_its_own_time() -> None:
    order: Reorder[int] = Reorder(max_wait=0.1)
    run(order, 0, 2, now=0.0)
    run(order, 4, now=0.05)
    assert order.expire(0.1) == [G, 2]
    assert order.expire(0.15) == []
    assert order.expire(0.2) == [G, 4]
    assert order.lost == 2


def test_duplicate_of_a_waiting_packet() -> None:
    order: Reorder[int] = Reorder()
    assert run(order, 0, 2, 2, 1) == [0, 1, 2]
    assert order.duplicates == 1


def test_jump_inside_reach_is_a_loss() -> None:
    order: Reorder[int] = Reorder()
    assert run(order, 0, 300, 301) == [0, G, 300, 301]
    assert order.lost == 299


def test_far_jump_is_a_restart_after_a_run() -> None:
    order: Reorder[int] = Reorder()
    run(order, 100)
    assert run(order, *range(30000, 30000 + FAR_RUN)) == [R, 30000, 30001]
    assert run(order, 30002) == [30002]
    assert (order.lost, order.restarts) == (0, 1)


def test_one_wild_packet_changes_nothing() -> None:
    order: Reorder[int] = Reorder()
    assert run(order, 100, 40000, 101, 40001, 102) == [100, 101, 102]


def test_restart_close_behind_needs_a_long_run() -> None:
    order: Reorder[int] = Reorder()
    run(order, 150)
    fresh = list(range(10, 10 + NEAR_RUN))
    assert run(order, *fresh[:-1]) == []
    assert run(order, fresh[-1]) == [R, *fresh]


def test_without_window_every_gap_is_final() -> None:
    order: Reorder[int] = Reorder(window=0)
    assert run(order, 0, 1, 3, 4) == [0, 1, G, 3, 4]
    assert (order.lost, order.pending) == (1, 0)


def test_drain_gives_everything_and_begins_anew() -> None:
    order: Reorder[int] = Reorder()
    run(order, 0, 2, 4)
    assert order.drain() == [G, 2, G, 4]
    assert run(order, 9) == [9]
