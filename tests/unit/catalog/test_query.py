"""Searching channels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.derive import UNASSIGNED
from catalog.query import ChannelFilter
from catalog.tree import Tree
from tests.unit.catalog.samples import NVR, OTHER, channel


@pytest.fixture
def tree() -> Tree:
    tree = Tree("64")
    tree.put_device(NVR, online=True)
    tree.put_device(OTHER, online=False)
    tree.put_channels(
        [
            channel(1, "640104", name="Gate A"),
            channel(2, "640106", on=False),
            channel(3, "6402"),
            channel(4, "64030217", OTHER, name="gate b"),
            channel(5, "340202", OTHER),
            replace(channel(6), place=UNASSIGNED, reported_id="ipc-6"),
            channel(7, "640104", hidden=True),
        ]
    )
    return tree


def numbers(tree: Tree, **wanted: object) -> list[int]:
    page = tree.channels(ChannelFilter(**wanted), limit=1000)  # type: ignore[arg-type]
    assert page.total == len(page.items)
    return sorted(int(found.channel_id[-7:]) for found in page.items)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"city": "64"}, [1, 2, 3, 4]),
        ({"city": "6401"}, [1, 2]),
        ({"county": "640104"}, [1]),
        ({"county": "6401"}, [1, 2]),
        ({"city": "640302"}, [4]),
        ({"city": "64030217"}, [4]),
        ({"county": "64030218"}, []),
        ({"city": "640000"}, [1, 2, 3, 4]),
        ({"city": "640100"}, [1, 2]),
        ({"county": "64010400"}, [1]),
        ({"city": "6402"}, [3]),
        ({"county": "640202"}, []),
        ({"city": "6401", "county": "640106"}, [2]),
        ({"city": "6402", "county": "640106"}, []),
        ({"city": "34"}, [5]),
        ({"city": "3402"}, [5]),
        ({"city": "99"}, []),
        ({"city": "unassigned"}, [6]),
        ({"device_id": OTHER}, [4, 5]),
        ({"device_id": "unknown"}, []),
        ({"device_id": OTHER, "city": "6403"}, [4]),
        ({"online": True}, [1, 3, 6]),
        ({"online": False}, [2, 4, 5]),
        ({"online": True, "city": "6401"}, [1]),
        ({"q": "GATE"}, [1, 4]),
        ({"q": " 球机 "}, [2, 3, 5, 6]),
        ({"q": "IPC-6"}, [6]),
        ({"q": "0000004"}, [4]),
        ({"q": "gate", "online": False}, [4]),
    ],
)
def test_filters(tree: Tree, wanted: dict[str, object], found: list[int]) -> None:
    assert numbers(tree, **wanted) == found


@pytest.mark.parametrize("wanted", [ChannelFilter(), ChannelFilter(q="0")])
def test_pages_are_cut_from_one_order_and_the_total_ignores_them(
    tree: Tree, wanted: ChannelFilter
) -> None:
    whole = tree.channels(wanted)
    assert whole.items == sorted(whole.items, key=lambda found: found.channel_id)
    cut = [tree.channels(wanted, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [found for page in cut for found in page.items] == whole.items
    assert {page.total for page in cut} == {6}


def test_what_comes_goes_and_flips_is_seen_at_once(tree: Tree) -> None:
    assert numbers(tree, q="") == [1, 2, 3, 4, 5, 6]
    tree.remove_channel(channel(1).channel_id)
    tree.put_channel(channel(9, "640522"))
    tree.set_device_online(OTHER, True)
    assert numbers(tree) == [2, 3, 4, 5, 6, 9]
    assert numbers(tree, online=False) == [2]
