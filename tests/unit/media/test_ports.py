"""The port pool: leases, rest, ports the system refuses."""

from __future__ import annotations

import pytest

from media.errors import PortsExhausted
from media.ports import PortPool


def test_even_ports_come_first() -> None:
    pool = PortPool(30000, 30003)
    assert [pool.lease(0) for _ in range(4)] == [30000, 30002, 30001, 30003]
    assert pool.leased == {30000, 30001, 30002, 30003}


def test_exhausted_names_leases_and_rests() -> None:
    pool = PortPool(30000, 30001)
    first = pool.lease(0)
    pool.lease(0)
    pool.release(first, 0)
    with pytest.raises(PortsExhausted, match="1 leased, 1 resting"):
        pool.lease(29.9)
    assert pool.lease(30) == first


def test_least_recently_used_comes_first() -> None:
    pool = PortPool(30000, 30005)
    port = pool.lease(0)
    pool.release(port, 0)
    assert [pool.lease(100) for _ in range(3)] == [30002, 30004, 30000]


def test_a_refused_port_is_passed_over_and_tried_again_later() -> None:
    pool = PortPool(30000, 30002)
    pool.refuse(pool.lease(0), 0)
    assert pool.refused == 1
    assert [pool.lease(1), pool.lease(1)] == [30002, 30001]
    assert pool.free_count(59.9) == 0
    assert pool.lease(60) == 30000


def test_release_of_what_is_not_leased_is_an_error() -> None:
    pool = PortPool(30000, 30001)
    with pytest.raises(KeyError):
        pool.release(30000, 0)
    port = pool.lease(0)
    pool.release(port, 0)
    with pytest.raises(KeyError):
        pool.release(port, 0)


@pytest.mark.parametrize(("first", "last"), [(0, 10), (10, 9), (65530, 65536), (-1, 5)])
def test_impossible_ranges(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="no port range"):
        PortPool(first, last)


def test_repr_shows_state() -> None:
    pool = PortPool(30000, 30003)
    pool.release(pool.lease(0), 0)
    pool.lease(0)
    assert repr(pool) == "<PortPool 30000-30003 free=2 leased=1 resting=1>"
