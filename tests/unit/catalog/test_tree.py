"""The tree: its shape, its counts, and what it says has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.derive import UNASSIGNED as NOWHERE
from catalog.errors import BadRegion
from catalog.model import CatalogItem, Channel, Place
from catalog.nodes import Kind, TreeNode
from catalog.tree import Tree
from tests.unit.catalog.samples import NVR, OTHER, PLATFORM, channel

CITIES = ["6401", "6402", "6403", "6404", "6405"]


def counts(tree: Tree, *ids: str) -> list[tuple[int, int]]:
    nodes = [tree.node(node_id) for node_id in ids]
    return [(node.total, node.online) for node in nodes if node is not None]


def ids(tree: Tree, parent: str | None = None) -> list[str]:
    children = tree.children(parent)
    assert children is not None
    return [node.id for node in children]


def test_an_empty_tree_has_all_cities_and_counties() -> None:
    tree = Tree("64")
    assert tree.node() == TreeNode("64", Kind.REGION, "宁夏回族自治区", 0, 0)
    assert ids(tree) == [*CITIES, "unassigned"]
    assert ids(tree, "6403") == ["640302", "640303", "640323", "640324", "640381"]
    assert ids(tree, "640302") == []
    assert tree.node("6405") == TreeNode("6405", Kind.CITY, "中卫市", 0, 0)
    assert tree.node("640522") == TreeNode("640522", Kind.COUNTY, "海原县", 0, 0)
    assert tree.node("unassigned") == TreeNode("unassigned", Kind.UNASSIGNED, "未分配", 0, 0)
    assert repr(tree) == "<Tree 64 0/0 of 0 devices>"


def test_a_channel_counts_all_the_way_up_and_online_with_its_device() -> None:
    tree = Tree("64")
    tree.put_device(NVR, "录像机")
    tree.put_channels([channel(1), channel(2, on=False)])
    assert counts(tree, "64", "6401", "640104", NVR) == [(2, 0)] * 4
    tree.set_device_online(NVR, True)
    assert counts(tree, "64", "6401", "640104", NVR) == [(2, 1)] * 4
    assert ids(tree, "640104") == [NVR]
    assert tree.children(NVR) == [
        TreeNode(channel(1).channel_id, Kind.CHANNEL, "球机1", 1, 1),
        TreeNode(channel(2).channel_id, Kind.CHANNEL, "球机2", 1, 0),
    ]
    assert tree.children(channel(1).channel_id) == []
    assert len(tree) == 2


def test_every_change_returns_the_nodes_that_changed_from_the_top() -> None:
    tree = Tree("64")
    changed = tree.put_device(NVR, "录像机", online=True)
    assert [node.id for node in changed] == ["64", "6401", "640104", NVR]
    changed = tree.put_channel(channel(1))
    assert [(node.id, node.total, node.online) for node in changed] == [
        ("64", 1, 1),
        ("6401", 1, 1),
        ("640104", 1, 1),
        (NVR, 1, 1),
    ]
    assert [node.online for node in tree.set_device_online(NVR, False)] == [0, 0, 0, 0]
    assert tree.set_device_online(NVR, False) == []
    assert tree.set_device_online("unknown", True) == []
    changed = tree.remove_channel(channel(1).channel_id)
    assert [(node.id, node.total) for node in changed] == [
        ("64", 0),
        ("6401", 0),
        ("640104", 0),
        (NVR, 0),
    ]
    assert tree.remove_channel("unknown") == []


def test_a_channel_that_moves_changes_both_branches() -> None:
    tree = Tree("64")
    tree.put_device(NVR, online=True)
    moving = channel(1)
    tree.put_channel(moving)
    there = replace(moving, place=channel(1, "640502").place)
    changed = {node.id: node.total for node in tree.put_channel(there)}
    assert changed == {"64": 1, "6401": 0, "6405": 1, "640104": 0, "640502": 1, NVR: 1}
    assert ids(tree, "640104") == []
    assert ids(tree, "640502") == [NVR]


def test_a_channel_may_change_its_device() -> None:
    tree = Tree("64")
    tree.put_device(NVR, online=True)
    tree.put_device(OTHER)
    tree.put_channel(channel(1))
    tree.put_channel(channel(1, device=OTHER))
    assert counts(tree, "640104", NVR, OTHER) == [(1, 0), (0, 0), (1, 0)]
    assert ids(tree, "640104") == [NVR, OTHER]
    assert ids(tree, "640302") == []


def test_a_channel_known_only_to_the_city_hangs_its_device_below_the_city() -> None:
    tree = Tree("64")
    tree.put_channel(channel(1, "6402"))
    assert ids(tree, "6402") == ["640202", "640205", "640221", NVR]
    assert counts(tree, "6402", "640202", NVR) == [(1, 0), (0, 0), (1, 0)]


def test_unassigned_channels_have_their_own_branch() -> None:
    tree = Tree("64")
    tree.put_channel(replace(channel(1), place=NOWHERE))
    assert ids(tree, "unassigned") == [NVR]
    assert counts(tree, "64", "unassigned") == [(1, 0), (1, 0)]


def test_foreign_places_are_there_while_they_hold_channels() -> None:
    tree = Tree("64")
    assert tree.node("3402") is None
    assert tree.children("340202") is None
    tree.put_channel(channel(1, "340202"))
    assert ids(tree) == [*CITIES, "3402", "unassigned"]
    assert ids(tree, "3402") == ["340202"]
    assert counts(tree, "64", "3402", "340202") == [(1, 0)] * 3
    tree.remove_channel(channel(1, "340202").channel_id)
    assert ids(tree) == [*CITIES, "unassigned"]
    assert tree.node("3402") is None


def test_a_place_of_another_table_is_shown_as_unknown_instead_of_lost() -> None:
    tree = Tree("64")
    tree.put_channel(replace(channel(1), place=Place("6401", "640199", "", "x")))
    assert "640199" in ids(tree, "6401")
    assert tree.node("640199") == TreeNode("640199", Kind.COUNTY, "未知区划 640199", 1, 0)


def test_a_device_without_channels_is_shown_at_its_own_place() -> None:
    tree = Tree("64")
    tree.put_device(NVR, "录像机")
    tree.put_device("34020000001180000001", "出厂")
    tree.put_device("odd", "", place=Place("6404", "640402", "", "x"))
    assert tree.children("640104") == [TreeNode(NVR, Kind.DEVICE, "录像机", 0, 0)]
    assert ids(tree, "unassigned") == ["34020000001180000001"]
    assert tree.children("640402") == [TreeNode("odd", Kind.DEVICE, "odd", 0, 0)]


def test_a_device_in_several_places_has_one_plain_node_and_named_others() -> None:
    tree = Tree("64")
    tree.put_device(PLATFORM, online=True)
    tree.put_channels(
        [channel(n, county, PLATFORM) for n, county in enumerate(["640302", "640104", "640104"])]
    )
    assert ids(tree, "640104") == [PLATFORM]
    assert ids(tree, "640302") == [f"640302/{PLATFORM}"]
    assert counts(tree, PLATFORM, f"640302/{PLATFORM}", f"640104/{PLATFORM}") == [
        (2, 2),
        (1, 1),
        (2, 2),
    ]
    assert ids(tree, f"640302/{PLATFORM}") == [channel(0, "640302").channel_id]
    assert tree.children(f"640502/{PLATFORM}") is None
    changed = tree.set_device_online(PLATFORM, False)
    assert {node.id: node.online for node in changed} == dict.fromkeys(
        ["64", "6401", "6403", "640104", "640302", PLATFORM, f"640302/{PLATFORM}"], 0
    )


def test_the_plain_node_is_in_the_devices_own_place_if_it_has_channels_there() -> None:
    tree = Tree("64")
    tree.put_device(OTHER)
    tree.put_channel(channel(1, "640104", OTHER))
    assert ids(tree, "640104") == [OTHER]
    tree.put_channel(channel(2, "640302", OTHER))
    assert (ids(tree, "640104"), ids(tree, "640302")) == ([f"640104/{OTHER}"], [OTHER])


def test_hidden_channels_are_known_but_neither_counted_nor_listed() -> None:
    tree = Tree("64")
    tree.put_device(NVR, online=True)
    shown = channel(1)
    tree.put_channel(shown)
    changed = tree.put_channel(replace(shown, hidden=True))
    assert [node.total for node in changed] == [0, 0, 0, 0]
    assert ids(tree, NVR) == []
    assert tree.channel(shown.channel_id) is not None
    assert tree.node(shown.channel_id) is None
    assert tree.children(shown.channel_id) is None
    tree.put_channel(shown)
    assert counts(tree, "64", NVR) == [(1, 1), (1, 1)]
    tree.put_channel(replace(shown, hidden=True))
    tree.remove_device(NVR)
    assert tree.channel(shown.channel_id) is None


def test_removing_a_device_takes_its_channels_and_leaves_the_others() -> None:
    tree = Tree("64")
    tree.put_device(NVR, online=True)
    tree.put_device(OTHER, online=True)
    tree.put_channels([channel(1), channel(2, "640502"), channel(3, device=OTHER)])
    tree.put_channel(channel(4, hidden=True))
    changed = {node.id: (node.total, node.online) for node in tree.remove_device(NVR)}
    assert changed == {
        "64": (1, 1),
        "6401": (1, 1),
        "6405": (0, 0),
        "640104": (1, 1),
        "640502": (0, 0),
    }
    assert set(tree.channels_by_id) == {channel(3).channel_id}
    assert tree.node(NVR) is None
    assert tree.remove_device(NVR) == []


def test_a_device_takes_over_name_state_and_place() -> None:
    tree = Tree("64")
    tree.put_device(NVR, "alt", online=True)
    tree.put_device(NVR, "neu", online=False, place=Place("6405", "", "", "x"))
    assert ids(tree, "640104") == []
    assert tree.children("6405")[-1] == TreeNode(NVR, Kind.DEVICE, "neu", 0, 0)  # type: ignore[index]
    tree.put_channel(channel(1))
    changed = tree.put_device(NVR, "neu", online=True)
    assert ("6401", 1, 1) in [(node.id, node.total, node.online) for node in changed]


def test_a_single_camera_whose_channel_has_its_own_id() -> None:
    code = "64010400001320000011"
    tree = Tree("64")
    tree.put_device(code, "枪机", online=True)
    tree.put_channel(Channel(code, code, code, CatalogItem(code, "枪机"), channel(1).place))
    assert tree.node(code) == TreeNode(code, Kind.DEVICE, "枪机", 1, 1)
    assert tree.children(code) == [TreeNode(code, Kind.CHANNEL, "枪机", 1, 1)]


def test_a_device_with_the_code_of_a_city_does_not_hide_the_city() -> None:
    tree = Tree("64")
    tree.put_device("6401", "falsch")
    found = tree.node("6401")
    assert found is not None
    assert found.kind is Kind.CITY


@pytest.mark.parametrize("region", ["", "6", "99", "640104", "6499", "xx"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(BadRegion):
        Tree(region)


def test_a_region_of_one_city_lists_that_city_and_strangers() -> None:
    tree = Tree("6401")
    assert ids(tree) == ["6401", "unassigned"]
    tree.put_channel(channel(1, "640302"))
    assert ids(tree) == ["6401", "6403", "unassigned"]


@pytest.mark.parametrize("node_id", ["", "x", "999999", "64/x", "/", "640104/", "64010"])
def test_unknown_nodes(node_id: str) -> None:
    assert Tree("64").node(node_id) is None
    assert Tree("64").children(node_id) is None
