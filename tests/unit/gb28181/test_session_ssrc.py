"""SSRC leases: the number rule of GB/T 28181 annex G, never twice, rested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.session.ssrc import SsrcExhausted, SsrcPool, format_ssrc

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex G")

SERVER = "64010000002000000001"


def test_digits_are_kind_domain_and_a_serial_from_one() -> None:
    pool = SsrcPool(SERVER)
    assert format_ssrc(pool.lease(0.0)) == "0100000001"
    assert format_ssrc(pool.lease(0.0)) == "0100000002"
    assert format_ssrc(pool.lease(0.0, historical=True)) == "1100000001"


def test_a_value_rests_before_it_is_leased_again() -> None:
    pool = SsrcPool(SERVER, serials=1, rest_s=30)
    value = pool.lease(0.0)
    pool.release(value, 10.0)
    with pytest.raises(SsrcExhausted):
        pool.lease(39.9)
    assert pool.lease(40.0) == value


def test_a_value_of_an_earlier_run_rests_and_foreign_ones_are_ignored() -> None:
    pool = SsrcPool(SERVER, serials=1, rest_s=30)
    pool.rest(100000001, 0.0)
    pool.rest(999999999, 0.0)
    assert pool.held == 1
    with pytest.raises(SsrcExhausted):
        pool.lease(1.0)
    assert pool.lease(30.0) == 100000001


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 40)), max_size=60))
def test_no_value_is_held_twice(script: list[tuple[bool, float]]) -> None:
    pool, now, held = SsrcPool(SERVER, serials=5, rest_s=30), 0.0, list[int]()
    released: dict[int, float] = {}
    for take, step in script:
        now += step
        if take:
            try:
                value = pool.lease(now)
            except SsrcExhausted:
                resting = sum(now < at + 30 for at in released.values())
                assert len(held) + resting == 5
                continue
            assert value not in held
            assert now >= released.pop(value, -30.0) + 30
            held.append(value)
        elif held:
            value = held.pop()
            pool.release(value, now)
            released[value] = now
