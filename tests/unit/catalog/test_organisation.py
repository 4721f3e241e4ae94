"""Business groups and virtual organisations, well formed and not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import CatalogItem, Channel, Place
from catalog.organisation import ROOT, Organisation

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex J")

NVR = "64010000001180000001"
GROUP = "64010000002150000001"
EAST, WEST, GATE = (f"6401000000216000000{n}" for n in (1, 2, 3))
CAM1, CAM2, CAM3 = (f"6401000000132000000{n}" for n in (1, 2, 3))
NOWHERE = Place("", "", "", "unassigned")


def item(code: str, parent: str = "", group: str = "", name: str = "") -> CatalogItem:
    return CatalogItem(code, name=name or code, parent_id=parent, business_group_id=group)


def built(*items: CatalogItem, hidden: str = "") -> Organisation:
    channels = [
        Channel(i.device_id, i.device_id, NVR, i, NOWHERE, i.device_id == hidden)
        for i in items
        if i.device_id[10:13] == "132"
    ]
    return Organisation({i.device_id: i for i in items}, channels)


def shape(found: Organisation, parent: str = ROOT) -> dict[str, object]:
    """The whole hierarchy as nested dictionaries; channels are leaves."""
    units = {u.code: shape(found, u.code) for u in found.units(parent, lambda _: True)}
    return {**units, **{c.channel_id: "channel" for c in found.channels(parent)}}


def test_groups_organisations_and_channels() -> None:
    found = built(
        item(GROUP, NVR),
        item(EAST, GROUP, GROUP),
        item(GATE, EAST, GROUP),
        item(WEST, group=GROUP),
        item(CAM1, GATE, GROUP),
        item(CAM2, f"{NVR}/{WEST}", GROUP),
        item(CAM3, NVR, GROUP),
    )
    assert shape(found) == {
        GROUP: {EAST: {GATE: {CAM1: "channel"}}, WEST: {CAM2: "channel"}, CAM3: "channel"}
    }
    (group,) = found.units(ROOT, lambda channel: channel.channel_id == CAM1)
    assert (group.kind, group.total, group.online) == ("group", 3, 1)


def test_a_channel_of_several_parents_is_in_each_and_counted_once() -> None:
    found = built(item(GROUP), item(EAST, GROUP), item(WEST, GROUP), item(CAM1, f"{EAST}/{WEST}"))
    assert shape(found) == {GROUP: {EAST: {CAM1: "channel"}, WEST: {CAM1: "channel"}}}
    assert found.unit(GROUP, lambda _: True).total == 1


def test_a_device_between_channel_and_organisation_is_climbed_over() -> None:
    found = built(item(EAST), item(NVR, EAST), item(CAM1, NVR))
    assert shape(found) == {EAST: {CAM1: "channel"}}


def test_circles_and_unknown_parents_become_roots() -> None:
    found = built(
        item(EAST, WEST), item(WEST, EAST), item(GATE, "64010000002160000099"), item(CAM1, EAST),
        item(CAM2, CAM3), item(CAM3, CAM2),
    )  # fmt: skip
    shown = shape(found)
    assert len(shown) == 4
    assert {GATE, CAM2, CAM3} < set(shown)
    assert str(shown).count(CAM1) == 1


def test_hidden_channels_and_names() -> None:
    found = built(item(EAST, name="东门"), item(CAM1, EAST), item(CAM2, EAST), hidden=CAM2)
    (east,) = found.units(ROOT, lambda _: False)
    assert (east.name, east.kind, east.total, east.online) == ("东门", "organisation", 1, 0)
    assert EAST in found
    assert CAM1 not in found


CODES = st.sampled_from([GROUP, EAST, WEST, GATE, NVR, CAM1, CAM2, CAM3, "", "x"])


@given(st.dictionaries(CODES.filter(bool), st.tuples(CODES, CODES, CODES), min_size=1))
def test_whatever_parents_say_everything_is_reached_and_nothing_goes_round(
    parents: dict[str, tuple[str, str, str]],
) -> None:
    found = built(*(item(c, f"{a}/{b}" if b else a, g) for c, (a, b, g) in parents.items()))
    text = str(shape(found))  # ends, so there is no circle
    for code in parents:
        if code[10:13] in ("132", "215", "216"):
            assert code in text
