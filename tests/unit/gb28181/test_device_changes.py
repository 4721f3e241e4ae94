"""Catalog notifications applied to what is known of a device."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import CatalogItem, ItemInfo
from gb28181.device.changes import changed
from gb28181.manscdp import CatalogChange, ItemEvent

pytestmark = [
    pytest.mark.clause("GB/T 28181-2016", "annex P"),
    pytest.mark.clause("GB/T 28181-2022", "N.4.3.2"),
]

DEVICE = "64010600001180000001"
A, B = "64010600001320000001", "64010600001320000002"
KNOWN = {
    A: CatalogItem(
        A, name="甲", manufacturer="NxCam", longitude=106.2, info=ItemInfo(ptz_type=1, room_type=2)
    ),
    DEVICE: CatalogItem(DEVICE, name="录像机"),
}


def one(event: ItemEvent, item: CatalogItem, *, status: bool = False) -> CatalogChange:
    return CatalogChange(event, item, status)


@pytest.mark.parametrize(
    ("event", "on", "extra"),
    [
        (ItemEvent.OFF, False, ()),
        (ItemEvent.VLOST, False, (("Event", "VLOST"),)),
        (ItemEvent.DEFECT, False, (("Event", "DEFECT"),)),
    ],
)
def test_status_changes_and_nothing_else(
    event: ItemEvent, on: bool, extra: tuple[tuple[str, str], ...]
) -> None:
    updates, unknown = changed(KNOWN, [one(event, CatalogItem(A))], DEVICE)
    item = updates[A]
    assert item is not None
    assert (item.status_on, item.extra, item.name, unknown) == (on, extra, "甲", False)
    back, _ = changed({A: item}, [one(ItemEvent.ON, CatalogItem(A))], DEVICE)
    assert back[A] == KNOWN[A]


def test_on_for_one_that_is_on_changes_nothing() -> None:
    assert changed(KNOWN, [one(ItemEvent.ON, CatalogItem(A))], DEVICE) == ({}, False)


def test_update_keeps_what_it_does_not_name() -> None:
    new = CatalogItem(A, name=A, model="NX-2", info=ItemInfo(ptz_type=3), status_on=True)
    off = {A: KNOWN[A].__class__.from_dict({**KNOWN[A].to_dict(), "status_on": False})}
    item = changed(off, [one(ItemEvent.UPDATE, new)], DEVICE)[0][A]
    assert item is not None
    assert (item.name, item.manufacturer, item.model) == ("甲", "NxCam", "NX-2")
    assert (item.info.ptz_type, item.info.room_type) == (3, 2)
    assert item.status_on is False, "it did not say ON"
    item = changed(off, [one(ItemEvent.UPDATE, new, status=True)], DEVICE)[0][A]
    assert item is not None
    assert item.status_on is True


def test_unknown_items() -> None:
    for event in (ItemEvent.OFF, ItemEvent.VLOST, ItemEvent.DEFECT):
        assert changed(KNOWN, [one(event, CatalogItem(B))], DEVICE) == ({}, True)
    assert changed(KNOWN, [one(ItemEvent.ON, CatalogItem(B, name=B))], DEVICE) == (
        {B: CatalogItem(B, name=B)},
        True,
    )
    full = CatalogItem(B, name="乙")
    assert changed(KNOWN, [one(ItemEvent.ADD, full)], DEVICE) == ({B: full}, False)
    assert changed(KNOWN, [one(ItemEvent.UPDATE, full)], DEVICE) == ({B: full}, True)
    assert changed(KNOWN, [one(ItemEvent.DEL, CatalogItem(B))], DEVICE) == ({}, False)


def test_del_takes_what_it_names_and_never_the_device() -> None:
    assert changed(KNOWN, [one(ItemEvent.DEL, CatalogItem(A))], DEVICE) == ({A: None}, False)
    assert changed(KNOWN, [one(ItemEvent.DEL, CatalogItem(DEVICE))], DEVICE) == ({}, False)


def test_several_changes_of_one_item_in_their_order() -> None:
    updates, _ = changed(
        KNOWN,
        [
            one(ItemEvent.DEL, CatalogItem(A)),
            one(ItemEvent.ADD, CatalogItem(A, name="新")),
            one(ItemEvent.OFF, CatalogItem(A)),
        ],
        DEVICE,
    )
    item = updates[A]
    assert item is not None
    assert (item.name, item.status_on, item.manufacturer) == ("新", False, "")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(ItemEvent)), st.sampled_from([A, B, DEVICE, "x"])),
        max_size=20,
    )
)
def test_only_a_del_by_name_takes_anything_away(events: list[tuple[ItemEvent, str]]) -> None:
    changes = [one(event, CatalogItem(code, name=code)) for event, code in events]
    updates, _ = changed(KNOWN, changes, DEVICE)
    named = {code for event, code in events if event is ItemEvent.DEL} - {DEVICE}
    assert {code for code, item in updates.items() if item is None} <= named
