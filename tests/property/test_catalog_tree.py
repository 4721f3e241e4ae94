"""The tree under any sequence of changes: counts equal a recount, every visible channel is
reached once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catalog.derive import place
from catalog.model import CatalogItem, Channel, Place
from catalog.nodes import Kind, TreeNode
from catalog.query import ChannelFilter
from catalog.tree import Tree

DEVICES = [
    *("64010400001180000001", "64030200001180000001", "64000000002000000001"),
    *("34020000001180000001", "odd-device", "64010400001320000001"),
]
CIVIL = [
    *(
        "640104",
        "640106",
        "6401",
        "64010417",
        "640502",
        "6405",
        "64",
        "",
        "CivilCode",
        "3402000000",
    ),
    *("340202", "3402", "9999", "429004", "x" * 30),
]
devices = st.sampled_from(DEVICES)
codes = st.sampled_from([f"6401040000132000000{n}" for n in range(1, 8)])
civil_codes = st.sampled_from(CIVIL)


def below(tree: Tree) -> Counter[str]:
    """How often each channel is reached by walking from the root."""
    found: Counter[str] = Counter()
    waiting = list(tree.children() or ())
    while waiting:
        node = waiting.pop()
        if node.kind is Kind.CHANNEL:
            found[node.id] += 1
        else:
            waiting.extend(tree.children(node.id) or ())
    return found


def places(tree: Tree) -> dict[str, TreeNode]:
    """Every node but the channels."""
    found: dict[str, TreeNode] = {}
    root = tree.node()
    assert root is not None
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.kind is not Kind.CHANNEL:
            assert node.id not in found, "two nodes of one id"
            found[node.id] = node
            waiting.extend(tree.children(node.id) or ())
    return found


class TreeMachine(RuleBasedStateMachine):
    """Runs the tree beside two dictionaries."""

    @initialize(region=st.sampled_from(["64", "6401"]))
    def start(self, region: str) -> None:
        self.tree = Tree(region)
        self.online: dict[str, bool] = {}
        self.channels: dict[str, Channel] = {}
        self.before = places(self.tree)
        self.told: dict[str, TreeNode] = {}

    def _changed(self, nodes: list[TreeNode]) -> None:
        self.told = {node.id: node for node in nodes}
        assert len(self.told) == len(nodes)

    @rule(device=devices, online=st.booleans(), civil=civil_codes)
    def put_device(self, device: str, online: bool, civil: str) -> None:
        where = place(civil, device, (), device, self.tree.region) if civil else None
        self._changed(self.tree.put_device(device, device, online, where))
        self.online[device] = online

    @rule(device=devices, online=st.booleans())
    def flip_device(self, device: str, online: bool) -> None:
        self._changed(self.tree.set_device_online(device, online))
        if device in self.online:
            self.online[device] = online

    @rule(device=devices)
    def remove_device(self, device: str) -> None:
        self._changed(self.tree.remove_device(device))
        self.online.pop(device, None)
        self.channels = {k: c for k, c in self.channels.items() if c.device_id != device}

    @rule(
        page=st.lists(
            st.tuples(codes, devices, civil_codes, st.booleans(), st.booleans()), max_size=6
        )
    )
    def put_channels(self, page: list[tuple[str, str, str, bool, bool]]) -> None:
        channels = []
        for code, device, civil, on, hidden in page:
            item = CatalogItem(code, code, civil_code=civil, status_on=on)
            where: Place = place(civil, "", (), device, self.tree.region)
            channels.append(Channel(code, code, device, item, where, hidden))
            self.online.setdefault(device, False)
            self.channels[code] = channels[-1]
        self._changed(self.tree.put_channels(channels))

    @rule(code=codes)
    def flip_status(self, code: str) -> None:
        channel = self.channels.get(code)
        if channel is not None:
            item = replace(channel.item, status_on=not channel.item.status_on)
            self.channels[code] = replace(channel, item=item)
            self._changed(self.tree.put_channel(self.channels[code]))

    @rule(gone=st.lists(codes, max_size=4))
    def remove_channels(self, gone: list[str]) -> None:
        self._changed(self.tree.remove_channels(gone))
        for code in gone:
            self.channels.pop(code, None)

    def _shows(self, channel: Channel) -> bool:
        return channel.item.status_on and self.online[channel.device_id]

    @invariant()
    def every_visible_channel_is_reached_exactly_once(self) -> None:
        visible = [code for code, channel in self.channels.items() if not channel.hidden]
        assert below(self.tree) == Counter(visible)

    @invariant()
    def every_count_equals_a_recount(self) -> None:
        totals: Counter[str] = Counter()
        online: Counter[str] = Counter()
        for channel in self.channels.values():
            if not channel.hidden:
                leaf = channel.place.county or channel.place.city or "unassigned"
                for node_id in {self.tree.root, leaf, leaf if leaf == "unassigned" else leaf[:4]}:
                    totals[node_id] += 1
                    online[node_id] += self._shows(channel)
        for node_id, node in places(self.tree).items():
            if node.kind is not Kind.DEVICE:
                assert (node.total, node.online) == (totals[node_id], online[node_id]), node_id

    @invariant()
    def every_count_is_the_sum_of_what_lies_below(self) -> None:
        for node_id, node in places(self.tree).items():
            children = self.tree.children(node_id) or []
            assert node.total == sum(child.total for child in children), node_id
            assert node.online == sum(child.online for child in children), node_id

    @invariant()
    def every_device_is_somewhere(self) -> None:
        shown = {node.partition("/")[2] or node for node in places(self.tree)}
        assert set(self.online) <= shown

    @invariant()
    def every_node_that_changed_was_told_as_it_is_now(self) -> None:
        now = places(self.tree)
        for node_id, node in now.items():
            if self.before.get(node_id) != node:
                assert self.told.get(node_id) == node
        assert all(now.get(node_id) == node for node_id, node in self.told.items())
        self.before, self.told = now, {}

    @invariant()
    def the_search_finds_the_same(self) -> None:
        visible = {k: c for k, c in self.channels.items() if not c.hidden}
        page = self.tree.channels(ChannelFilter(), limit=1000)
        assert [found.channel_id for found in page.items] == sorted(visible)
        page = self.tree.channels(ChannelFilter(online=True), limit=1000)
        assert {found.channel_id for found in page.items} == {
            code for code, channel in visible.items() if self._shows(channel)
        }
        assert len(self.tree) == len(visible)


TestTree = TreeMachine.TestCase
TestTree.settings = settings(stateful_step_count=25, deadline=None)
