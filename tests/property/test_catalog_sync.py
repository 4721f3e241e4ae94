"""Syncs of any catalog cut into pages any way; diffs of any two states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.arrange import arrange
from catalog.derive import place
from catalog.diff import apply, diff
from catalog.identity import ChannelIdentities
from catalog.model import CatalogItem, Channel
from catalog.sync import (
    Abandon,
    Arrived,
    CatalogSync,
    Finished,
    Page,
    State,
    SyncResult,
    Tick,
    Unasked,
    merged,
)

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex M")

CODES = [f"640104000013200000{n:02d}" for n in range(12)]
codes = st.sampled_from(CODES)
catalogs = st.lists(codes, unique=True, max_size=12).map(
    lambda listed: [CatalogItem(code, name=f"n{code[-2:]}") for code in listed]
)


def cut(data: st.DataObject, items: list[CatalogItem], total: int) -> list[Page]:
    pages, rest = [], list(items)
    while rest:
        size = data.draw(st.integers(1, 4))
        pages.append(Page("1", total, tuple(rest[:size])))
        rest = rest[size:]
    return pages or [Page("1", total, ())]


def run(pages: list[Page], known: list[str]) -> SyncResult:
    """Feed the pages a second apart, then let time pass."""
    machine, now = CatalogSync("1", 0.0, known), 0.0
    for page in pages:
        now += 1.0
        for effect in machine.handle(page, now):
            if isinstance(effect, Finished):
                return effect.result
    assert machine.deadline is not None
    effects = machine.handle(Tick(), machine.deadline)
    assert isinstance(effects[-1], Finished)
    return effects[-1].result


@given(catalogs, st.lists(codes, unique=True), st.data())
def test_the_result_does_not_depend_on_order_or_doubled_pages(
    items: list[CatalogItem], known: list[str], data: st.DataObject
) -> None:
    pages = cut(data, items, len(items))
    expected = run(pages, known)
    assert expected.complete
    assert expected.items == tuple(sorted(items, key=lambda item: item.device_id))
    doubled = pages + data.draw(st.lists(st.sampled_from(pages), max_size=5))
    assert run(data.draw(st.permutations(doubled)), known) == expected


@given(catalogs.filter(bool), st.lists(codes, unique=True), st.data())
def test_with_a_page_lost_nothing_is_complete_and_nothing_known_disappears(
    items: list[CatalogItem], known: list[str], data: st.DataObject
) -> None:
    pages = cut(data, items, len(items))
    lost = data.draw(st.sampled_from(pages))
    left = data.draw(st.permutations([page for page in pages if page is not lost]))
    result = run(left, known)
    assert not result.complete
    before = {code: CatalogItem(code, name="before") for code in known}
    after = merged(before, result)
    assert set(after) == set(known) | {item.device_id for page in left for item in page.items}


@given(catalogs, st.integers(0, 15), st.data())
def test_with_any_sum_at_all_what_is_known_and_still_listed_never_disappears(
    items: list[CatalogItem], total: int, data: st.DataObject
) -> None:
    """Everything listed arrives; whatever SumNum says, no listed channel is missing afterwards."""
    known = {item.device_id: CatalogItem(item.device_id, name="before") for item in items}
    pages = [Page("1", data.draw(st.none() | st.just(total)), p.items) for p in cut(data, items, 0)]
    machine, now, after = CatalogSync("1", 0.0, known), 0.0, dict(known)
    for page in data.draw(st.permutations(pages)):
        now += 1.0
        for effect in machine.handle(page, now):
            match effect:
                case Arrived(arrived) | Unasked(arrived):
                    after.update((item.device_id, item) for item in arrived)
                case Finished(result):
                    after = merged(after, result)
    if machine.deadline is not None:
        for effect in machine.handle(Tick(), machine.deadline):
            assert isinstance(effect, Finished)
            after = merged(after, effect.result)
    assert after == {item.device_id: item for item in items}


inputs = st.one_of(
    st.builds(
        Page,
        st.sampled_from(["1", "2", ""]),
        st.none() | st.integers(0, 6),
        catalogs.map(tuple),
        st.integers(0, 2),
    ),
    st.just(Tick()),
    st.just(Abandon()),
)


@given(st.lists(st.tuples(inputs, st.floats(0, 20)), max_size=20))
def test_every_sync_ends_exactly_once_whatever_comes(
    given_inputs: list[tuple[Page | Tick | Abandon, float]],
) -> None:
    machine, now, ends = CatalogSync("1", 0.0), 0.0, 0
    for one, pause in given_inputs:
        now += pause
        ends += sum(isinstance(effect, Finished) for effect in machine.handle(one, now))
        assert (machine.deadline is None) == (machine.state is State.DONE) == (ends == 1)
    if machine.deadline is not None:
        assert machine.deadline <= 600.0
        ends += sum(isinstance(e, Finished) for e in machine.handle(Tick(), machine.deadline))
    assert ends == 1


civil = st.sampled_from(["640104", "6401", "340202", "", "CivilCode", "6405", "64"])
channels = st.builds(
    lambda code, device, name, where, on, hidden: Channel(
        code,
        code,
        device,
        CatalogItem(code, name, civil_code=where, status_on=on),
        place(where, "", (), "", "64"),
        hidden,
    ),
    codes,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["x", "y"]),
    civil,
    st.booleans(),
    st.booleans(),
)
states = st.lists(channels, max_size=8).map(lambda found: {c.channel_id: c for c in found})


@given(states, states)
def test_applying_a_diff_gives_the_new_state(
    old: dict[str, Channel], new: dict[str, Channel]
) -> None:
    assert apply(old, diff(old, new)) == new
    assert diff(new, new) == []


parents = st.sampled_from([*CODES, "", "ParentID", "64010000002000000001", "/", "9" * 20])
composite = st.lists(parents, max_size=3).map("/".join)
types = st.sampled_from(["131", "132", "118", "134", "200", "215", "216"])
listed_items = st.builds(
    lambda serial, kind, parent, where, group: CatalogItem(
        f"3402000000{kind}{serial:07d}", parent_id=parent, civil_code=where, business_group_id=group
    ),
    st.integers(0, 9),
    types,
    composite | st.builds("3402000000{}{:07d}".format, types, st.integers(0, 9)),
    civil,
    parents,
)


@given(st.lists(listed_items, max_size=15), st.data())
def test_every_camera_is_a_channel_with_a_place_at_home_whatever_its_parents(
    items: list[CatalogItem], data: st.DataObject
) -> None:
    """The device stands in 640302, so some city of the region is always known."""
    nvr = "64030200001180000007"
    arranged = arrange(nvr, items, region="64", complete=True)
    found = {one.item.device_id: one.place for one in arranged}
    cameras = {item.device_id for item in items if item.device_id[10:13] in ("131", "132")}
    assert cameras <= found.keys()
    assert all(where.city.startswith("64") and where.step for where in found.values())
    unique = {item.device_id: item for item in items}
    shuffled = data.draw(st.permutations(list(unique.values())))
    assert arrange(nvr, shuffled, region="64", complete=True) == arranged


reports = st.tuples(
    st.sampled_from(["a", "b", "64010400001180000001"]), codes | st.text(max_size=3)
)


@given(st.lists(reports, max_size=30), st.data())
def test_public_ids_are_unique_twenty_digits_and_stable(
    reported: list[tuple[str, str]], data: st.DataObject
) -> None:
    book = ChannelIdentities()
    given_ids = {one: book.assign(*one) for one in reported}
    assert len(set(given_ids.values())) == len(given_ids)
    assert all(len(c) == 20 and c.isascii() and c.isdigit() for c in given_ids.values())
    again = ChannelIdentities()
    again.restore(book.rows())
    for one in data.draw(st.permutations(list(given_ids))):
        assert again.assign(*one) == given_ids[one]
        assert again.owner(given_ids[one]) == one
