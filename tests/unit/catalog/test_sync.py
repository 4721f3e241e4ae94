"""One catalog query, page by page, on a clock that is only a number."""

from __future__ import annotations

import pytest

from catalog.model import CatalogItem
from catalog.sync import (
    Abandon,
    Arrived,
    CatalogSync,
    Finished,
    Outcome,
    Page,
    State,
    SyncOptions,
    SyncResult,
    Tick,
    Unasked,
    merged,
)

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex M")

A, B, C, D, E = (CatalogItem(f"6401040000132000000{n}", name=str(n)) for n in range(5))


def page(total: int | None, *items: CatalogItem, sn: str = "7", unusable: int = 0) -> Page:
    return Page(sn, total, items, unusable)


def sync(*known: CatalogItem) -> CatalogSync:
    return CatalogSync("7", 100.0, [item.device_id for item in known])


def finish(machine: CatalogSync) -> SyncResult:
    """Let the deadline pass."""
    assert machine.deadline is not None
    assert machine.handle(Tick(), machine.deadline - 0.001) == []
    effects = machine.handle(Tick(), machine.deadline)
    assert len(effects) == 1
    assert isinstance(effects[0], Finished)
    assert machine.state is State.DONE
    assert repr(machine.deadline) == "None"
    return effects[0].result


def test_pages_arrive_one_by_one_and_the_sum_ends_it() -> None:
    machine = sync()
    assert (machine.state, machine.deadline) == (State.ASKED, 130.0)
    assert machine.handle(page(3, A), 101.0) == [Arrived((A,))]
    assert (machine.state, machine.deadline) == (State.COLLECTING, 106.0)
    assert repr(machine) == "<CatalogSync 7 collecting 1/3>"
    assert machine.handle(page(3, C, B), 102.0) == [
        Arrived((C, B)),
        Finished(SyncResult(3, 3, True, (A, B, C), Outcome.COMPLETE)),
    ]
    assert machine.deadline is None
    assert machine.handle(Tick(), 999.0) == []


def test_an_empty_catalog_is_complete_at_once() -> None:
    result = SyncResult(0, 0, True, (), Outcome.COMPLETE)
    assert sync().handle(page(0), 101.0) == [Finished(result)]


def test_no_answer() -> None:
    assert finish(sync()) == SyncResult(None, 0, False, (), Outcome.NO_ANSWER)


def test_a_doubled_page_counts_once_and_says_nothing_new() -> None:
    machine = sync()
    machine.handle(page(3, A, B), 101.0)
    assert machine.handle(page(3, A, B), 102.0) == []
    assert machine.received == 2
    assert machine.deadline == 107.0


def test_a_lost_page_ends_incomplete_with_what_came() -> None:
    machine = sync()
    machine.handle(page(3, A), 101.0)
    machine.handle(page(3, C), 104.0)
    assert machine.deadline == 109.0
    assert finish(machine) == SyncResult(3, 2, False, (A, C), Outcome.PAGES_MISSING)


def test_a_sum_that_is_too_large_ends_incomplete() -> None:
    machine = sync()
    machine.handle(page(9, A, B), 101.0)
    assert finish(machine).outcome is Outcome.PAGES_MISSING


def test_more_than_the_sum_is_not_complete() -> None:
    machine = sync()
    machine.handle(page(2, A, B, C), 101.0)
    assert finish(machine) == SyncResult(2, 3, False, (A, B, C), Outcome.SUM_TOO_SMALL)


def test_without_a_sum_nothing_is_complete() -> None:
    machine = sync()
    machine.handle(page(None, A), 101.0)
    assert finish(machine) == SyncResult(None, 1, False, (A,), Outcome.SUM_UNKNOWN)


def test_a_sum_of_the_page_only_does_not_wipe_what_is_known() -> None:
    """SumNum 1 in each of three pages: before the others are called gone, it waits."""
    machine = sync(A, B, C)
    assert machine.handle(page(1, A), 101.0) == [Arrived((A,))]
    assert (machine.state, machine.deadline) == (State.SETTLING, 106.0)
    machine.handle(page(1, B), 102.0)
    machine.handle(page(1, C), 103.0)
    assert finish(machine).outcome is Outcome.SUM_TOO_SMALL


def test_a_removal_is_believed_after_one_quiet_time() -> None:
    machine = sync(A, B, C)
    machine.handle(page(2, A, B), 101.0)
    assert finish(machine) == SyncResult(2, 2, True, (A, B), Outcome.COMPLETE)


def test_an_emptied_catalog_is_believed_after_one_quiet_time() -> None:
    machine = sync(A)
    assert machine.handle(page(0), 101.0) == []
    assert finish(machine).complete


def test_a_sum_that_changes_midway_counts_with_its_largest_value() -> None:
    machine = sync()
    machine.handle(page(2, A), 101.0)
    machine.handle(page(4, B), 102.0)
    machine.handle(page(2, C), 103.0)
    assert machine.state is State.COLLECTING
    effects = machine.handle(page(2, D), 104.0)
    assert effects[-1] == Finished(SyncResult(4, 4, True, (A, B, C, D), Outcome.COMPLETE))


def test_an_id_twice_within_a_page_is_two_entries_even_when_the_page_is_doubled() -> None:
    machine = sync()
    twin = CatalogItem(A.device_id, name="twin")
    machine.handle(page(4, A, twin, B), 101.0)
    machine.handle(page(4, A, twin, B), 102.0)
    machine.handle(page(4, twin), 102.0)
    assert machine.received == 3
    effects = machine.handle(page(4, C), 103.0)
    assert effects[-1] == Finished(SyncResult(4, 4, True, (twin, B, C), Outcome.COMPLETE))


def test_entries_without_usable_id_count_once_per_page() -> None:
    machine = sync()
    for at in (101.0, 102.0):
        machine.handle(page(4, A, unusable=2), at)
    assert machine.received == 3
    effects = machine.handle(page(4, B), 103.0)
    assert isinstance(effects[-1], Finished)
    assert effects[-1].result.complete


def test_a_changed_item_is_told_again_and_the_last_word_counts() -> None:
    machine = sync()
    machine.handle(page(2, A), 101.0)
    off = CatalogItem(A.device_id, name="0", status_on=False)
    assert machine.handle(page(2, off), 102.0) == [Arrived((off,))]
    effects = machine.handle(page(2, B), 103.0)
    assert isinstance(effects[-1], Finished)
    assert effects[-1].result.items == (off, B)


def test_another_sn_only_updates() -> None:
    machine = sync()
    assert machine.handle(page(1, A, sn="8"), 101.0) == [Unasked((A,))]
    assert machine.handle(page(0, sn="8"), 101.0) == []
    assert (machine.state, machine.received, machine.deadline) == (State.ASKED, 0, 130.0)


def test_pages_after_the_end_only_update() -> None:
    machine = sync()
    machine.handle(page(1, A), 101.0)
    assert machine.handle(page(1, B), 102.0) == [Unasked((B,))]
    assert machine.state is State.DONE


def test_abandoned() -> None:
    machine = sync()
    machine.handle(page(3, A), 101.0)
    result = SyncResult(3, 1, False, (A,), Outcome.ABANDONED)
    assert machine.handle(Abandon(), 102.0) == [Finished(result)]
    assert machine.handle(Abandon(), 103.0) == []


def test_pages_that_drip_in_for_ever_come_to_an_end() -> None:
    machine = CatalogSync("7", 0.0, (), SyncOptions(total_s=12.0))
    for at in (4.0, 8.0, 11.0):
        machine.handle(page(9, A), at)
    assert machine.deadline == 12.0
    assert finish(machine).outcome is Outcome.TOO_LONG


def test_too_many_entries_end_it() -> None:
    machine = CatalogSync("7", 0.0, (), SyncOptions(most_items=3))
    assert len(machine.handle(page(9, A, B, C), 1.0)) == 1
    effects = machine.handle(page(9, D), 2.0)
    assert effects[-1] == Finished(SyncResult(9, 4, False, (A, B, C, D), Outcome.TOO_MANY))


@pytest.mark.parametrize("complete", [True, False])
def test_only_a_complete_result_takes_away(complete: bool) -> None:
    known = {item.device_id: item for item in (A, B)}
    newer = CatalogItem(B.device_id, name="new")
    outcome = Outcome.COMPLETE if complete else Outcome.PAGES_MISSING
    after = merged(known, SyncResult(2, 2, complete, (newer, C), outcome))
    expected = {newer.device_id: newer, C.device_id: C}
    assert after == (expected if complete else {A.device_id: A, **expected})
