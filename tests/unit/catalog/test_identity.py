"""Public ids: whose code it is, and that it stays so."""

from __future__ import annotations

import itertools

import pytest

from catalog.errors import CatalogError
from catalog.identity import ChannelIdentities

CODE = "64010400001320000001"
NVRS = [f"6401040000118000000{n}" for n in range(4)]


def test_the_first_holder_keeps_its_own_code_and_the_next_gets_a_free_one() -> None:
    book = ChannelIdentities()
    assert book.assign(NVRS[0], CODE) == CODE
    second = book.assign(NVRS[1], CODE)
    assert second == "64010400001329000001"
    assert (book.owner(CODE), book.owner(second)) == ((NVRS[0], CODE), (NVRS[1], CODE))
    assert book.assign(NVRS[1], CODE) == second
    assert len(book) == 2


def test_after_a_restart_nothing_depends_on_who_comes_first() -> None:
    before = ChannelIdentities()
    given = {nvr: before.assign(nvr, CODE) for nvr in NVRS}
    for order in itertools.permutations(NVRS):
        after = ChannelIdentities()
        after.restore(before.rows())
        assert {nvr: after.assign(nvr, CODE) for nvr in order} == given


def test_a_generated_code_steps_aside_for_those_that_exist() -> None:
    book = ChannelIdentities()
    taken = "64010400001329000001"
    assert book.assign(NVRS[0], taken) == taken
    book.assign(NVRS[0], CODE)
    assert book.assign(NVRS[1], CODE) == "64010400001329000002"
    assert book.assign(NVRS[2], taken) == "64010400001329000003"


@pytest.mark.parametrize("reported", ["640104000013200001", "camera-1", "6401", ""])
def test_a_code_that_is_no_id_gets_one_below_its_device(reported: str) -> None:
    book = ChannelIdentities()
    assert book.assign(NVRS[0], reported) == "64010400001329000001"
    assert book.assign("odd", reported) == "00000000001329000001"
    assert book.owner("64010400001329000001") == (NVRS[0], reported)


def test_a_deleted_device_frees_its_ids_and_nobody_elses() -> None:
    book = ChannelIdentities()
    book.assign(NVRS[0], CODE)
    second = book.assign(NVRS[1], CODE)
    assert book.release_device(NVRS[0]) == [CODE]
    assert book.release_device(NVRS[0]) == []
    assert book.owner(CODE) is None
    assert book.lookup(NVRS[1], CODE) == second, "an id once given stays"
    assert book.assign(NVRS[2], CODE) == CODE


def test_rows_that_contradict_each_other_are_refused() -> None:
    book = ChannelIdentities()
    book.restore([(CODE, NVRS[0], CODE), (CODE, NVRS[0], CODE)])
    with pytest.raises(CatalogError, match="twice"):
        book.restore([(CODE, NVRS[1], CODE)])


def test_when_all_serials_are_taken_it_says_so() -> None:
    book = ChannelIdentities()
    book._next[CODE[:13]] = 10_000_000
    book.assign(NVRS[0], CODE)
    with pytest.raises(CatalogError, match="no free"):
        book.assign(NVRS[1], CODE)


def test_the_network_digit_goes_down_when_its_serials_are_used_up() -> None:
    book = ChannelIdentities()
    book._next[CODE[:13]] = 1_000_000
    book.assign(NVRS[0], CODE)
    assert book.assign(NVRS[1], CODE) == "64010400001328000000"
