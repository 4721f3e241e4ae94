"""The live tree: region, cities, counties, devices, channels, with totals kept as things change.

Theory. Channels lie in buckets, one per (place, device), because a lower platform holds channels
of many counties. A bucket knows how many of its channels have Status ON, so a device that goes on
or off line costs one step per bucket, not per channel. Totals of a place are moved by differences
and never counted anew. Invariants, held by property tests: every total equals a recount; every
visible channel is reached from the root exactly once.

Node ids: the division's code, "unassigned", the device's id, the channel's id. A device in
several places has its plain id in one of them (its own place if it has channels there, else the
lowest code) and `place/device` in the others; `children` and `node` take both forms. A device
without channels is shown at its own place.

All cities and counties of the region exist from the start; those of other regions while they hold
something. *Not* here: where a channel belongs (`derive.py`), who owns an id (`identity.py`),
searching (`query.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from catalog.derive import place as derive_place
from catalog.divisions import Divisions
from catalog.errors import BadRegion
from catalog.ids import is_digits
from catalog.model import Channel, Place
from catalog.nodes import (
    UNASSIGNED,
    UNASSIGNED_NAME,
    Bucket,
    DeviceCell,
    Kind,
    PlaceCell,
    TreeNode,
)
from catalog.query import EVERYTHING, ChannelFilter, ChannelPage, ChannelQuery

_Touched: TypeAlias = set[tuple[str, str]]
"""(place code, device id) pairs whose nodes changed."""


class Tree:
    """Region -> city -> county -> device -> channel, with counts."""

    def __init__(self, region: str, divisions: Divisions | None = None) -> None:
        """`region` is a province (2 digits) or one city of it (4 digits); else BadRegion."""
        self._divisions = divisions if divisions is not None else Divisions.load()
        if len(region) not in (2, 4) or not self._divisions.exists(region):
            raise BadRegion(region)
        self.region = region
        self.root = region[:2]
        self.version = 0
        """Rises whenever a visible channel appears or disappears."""
        self._query = ChannelQuery(self)
        self._channels: dict[str, Channel] = {}
        self._devices: dict[str, DeviceCell] = {}
        self._places: dict[str, PlaceCell] = {}
        self._cities = [
            city for city in self._divisions.children(self.root) if city.startswith(region)
        ] or [region]

    # Changing it. Every call returns the nodes whose name or counts may have changed, from the top.

    def put_device(
        self, device_id: str, name: str = "", online: bool = False, place: Place | None = None
    ) -> list[TreeNode]:
        """Add a device, or take over its name, state and own place (None: from its id)."""
        home = self._home(device_id, place)
        device = self._devices.get(device_id)
        if device is None:
            device = self._devices[device_id] = DeviceCell(device_id, name, online, home)
        touched = self._around(device)
        device.name = name
        device.home = home
        self._switch(device, online)
        self._seat(device)
        return self._nodes(touched | self._around(device))

    def set_device_online(self, device_id: str, online: bool) -> list[TreeNode]:
        """A device comes or goes. An unknown device, or the state it has, changes nothing."""
        device = self._devices.get(device_id)
        if device is None or device.online == online:
            return []
        self._switch(device, online)
        return self._nodes(self._around(device))

    def remove_device(self, device_id: str) -> list[TreeNode]:
        """Take a device and all its channels away."""
        device = self._devices.get(device_id)
        if device is None:
            return []
        touched = self._around(device)
        for channel_id in [c for b in device.buckets.values() for c in b.channels]:
            self._drop(channel_id, touched)
        for channel_id in device.hidden:
            del self._channels[channel_id]
        for code in device.buckets:
            del self._places[code].buckets[device_id]
        del self._devices[device_id]
        return self._nodes(touched)

    def put_channel(self, channel: Channel) -> list[TreeNode]:
        """Add a channel, or replace the one with its id."""
        return self.put_channels((channel,))

    def put_channels(self, channels: Iterable[Channel]) -> list[TreeNode]:
        """The same for many. A channel of an unknown device brings it along, offline, unnamed."""
        touched: _Touched = set()
        primaries: dict[str, str] = {}
        for channel in channels:
            before = self._channels.get(channel.channel_id)
            if before is not None:
                primaries.setdefault(before.device_id, self._devices[before.device_id].primary())
                self._drop(channel.channel_id, touched)
            if channel.device_id not in self._devices:
                self.put_device(channel.device_id)
                primaries[channel.device_id] = ""  # all of its nodes are new
            device = self._devices[channel.device_id]
            primaries.setdefault(channel.device_id, device.primary())
            self._add(device, channel, touched)
        return self._nodes(touched | self._seat_all(primaries))

    def remove_channel(self, channel_id: str) -> list[TreeNode]:
        """Take a channel away; nothing changes for an unknown one."""
        return self.remove_channels((channel_id,))

    def remove_channels(self, channel_ids: Iterable[str]) -> list[TreeNode]:
        """The same for many."""
        touched: _Touched = set()
        primaries: dict[str, str] = {}
        for channel_id in channel_ids:
            channel = self._channels.get(channel_id)
            if channel is not None:
                primaries.setdefault(channel.device_id, self._devices[channel.device_id].primary())
                self._drop(channel_id, touched)
        return self._nodes(touched | self._seat_all(primaries))

    # Looking at it

    def node(self, node_id: str | None = None) -> TreeNode | None:
        """The node of an id (the root for None), or None. A device goes before a channel of its
        id.
        """
        code = node_id if node_id is not None else self.root
        if self._is_shown(code):
            return self._place_node(code)
        found = self._find_bucket(code)
        if found is not None:
            return found[0].node(found[1])
        channel = self._channels.get(code)
        return None if channel is None or channel.hidden else self._channel_node(channel)

    def children(self, node_id: str | None = None) -> list[TreeNode] | None:
        """What lies right below a node, divisions before devices; None for an unknown node."""
        code = node_id if node_id is not None else self.root
        if code == self.root:
            return [self._place_node(below) for below in self._below_root()]
        if self._is_shown(code):
            counties = [self._place_node(county) for county in self._counties(code)]
            return counties + self._devices_at(code)
        found = self._find_bucket(code)
        if found is not None:
            return [self._channel_node(self._channels[c]) for c in sorted(found[1].channels)]
        channel = self._channels.get(code)
        return None if channel is None or channel.hidden else []

    def channels(
        self, wanted: ChannelFilter = EVERYTHING, limit: int = 50, offset: int = 0
    ) -> ChannelPage:
        """The visible channels that fulfil a filter, in the order of their ids, page by page."""
        return self._query.page(wanted, limit, offset)

    def channel(self, channel_id: str) -> Channel | None:
        """The channel of a public id, hidden ones too."""
        return self._channels.get(channel_id)

    def is_online(self, channel_id: str) -> bool:
        """Its device is online and its own Status is not OFF."""
        channel = self._channels.get(channel_id)
        return channel is not None and self.shows_online(channel)

    def shows_online(self, channel: Channel) -> bool:
        """`is_online` for a channel of this tree."""
        return channel.item.status_on and self._devices[channel.device_id].online

    @property
    def channels_by_id(self) -> Mapping[str, Channel]:
        """All channels, hidden ones too; to be read only."""
        return self._channels

    def online_device_ids(self) -> set[str]:
        """The devices that are online."""
        return {device.device_id for device in self._devices.values() if device.online}

    def channel_ids_of(self, device_id: str) -> list[str]:
        """The visible channels of a device."""
        device = self._devices.get(device_id)
        return [] if device is None else [c for b in device.buckets.values() for c in b.channels]

    def channel_ids_below(self, prefix: str) -> list[str]:
        """The visible channels filed at places whose code begins with up to six digits."""
        cells = [cell for code, cell in self._places.items() if code.startswith(prefix)]
        return [c for cell in cells for b in cell.buckets.values() for c in b.channels]

    def __len__(self) -> int:
        return self._cell(self.root).total

    def __repr__(self) -> str:
        cell = self._cell(self.root)
        return f"<Tree {self.root} {cell.online}/{cell.total} of {len(self._devices)} devices>"

    # Inside

    def _home(self, device_id: str, place: Place | None) -> str:
        if place is None:
            place = derive_place("", device_id, (), device_id, self.region, self._divisions)
        return _code_of(place) if place.city.startswith(self.region[:4]) else UNASSIGNED

    def _add(self, device: DeviceCell, channel: Channel, touched: _Touched) -> None:
        self._channels[channel.channel_id] = channel
        if channel.hidden:
            device.hidden.add(channel.channel_id)
            return
        code = _code_of(channel.place)
        bucket = self._bucket(device, code)
        bucket.channels.add(channel.channel_id)
        on = 1 if channel.item.status_on else 0
        bucket.on += on
        self._count(code, 1, on if device.online else 0)
        self.version += 1
        touched.add((code, device.device_id))

    def _drop(self, channel_id: str, touched: _Touched) -> None:
        channel = self._channels.pop(channel_id)
        device = self._devices[channel.device_id]
        if channel.hidden:
            device.hidden.discard(channel_id)
            return
        code = _code_of(channel.place)
        bucket = device.buckets[code]
        bucket.channels.remove(channel_id)
        on = 1 if channel.item.status_on else 0
        bucket.on -= on
        self._count(code, -1, -on if device.online else 0)
        self.version += 1
        touched.add((code, device.device_id))

    def _switch(self, device: DeviceCell, online: bool) -> None:
        if device.online != online:
            device.online = online
            for bucket in device.buckets.values():
                self._count(bucket.code, 0, bucket.on if online else -bucket.on)

    def _seat_all(self, primaries: dict[str, str]) -> _Touched:
        """`_seat` for devices with their former primary place: its change renames all their
        nodes.
        """
        touched: _Touched = set()
        for device_id, before in primaries.items():
            device = self._devices[device_id]
            touched |= self._seat(device)
            if device.primary() != before:
                touched |= self._around(device)
        return touched

    def _seat(self, device: DeviceCell) -> _Touched:
        """Empty buckets go, but one stays at home when there is no other; what that changed."""
        filled = any(bucket.channels for bucket in device.buckets.values())
        touched: _Touched = set()
        for code in [c for c, b in device.buckets.items() if not b.channels]:
            if filled or code != device.home:
                del device.buckets[code], self._places[code].buckets[device.device_id]
                touched.add((code, device.device_id))
        if not device.buckets:
            self._bucket(device, device.home)
            touched.add((device.home, device.device_id))
        return touched

    def _bucket(self, device: DeviceCell, code: str) -> Bucket:
        bucket = device.buckets.get(code)
        if bucket is None:
            bucket = device.buckets[code] = Bucket(code)
            self._cell(code).buckets[device.device_id] = bucket
        return bucket

    def _cell(self, code: str) -> PlaceCell:
        cell = self._places.get(code)
        if cell is None:
            cell = self._places[code] = PlaceCell()
        return cell

    def _count(self, code: str, total: int, online: int) -> None:
        for above in self._chain(code):
            cell = self._cell(above)
            cell.total += total
            cell.online += online

    def _chain(self, code: str) -> tuple[str, ...]:
        """A place and all places above it, up to the root."""
        if len(code) == 6:
            return code, code[:4], self.root
        return code, self.root

    def _around(self, device: DeviceCell) -> _Touched:
        return {(code, device.device_id) for code in device.buckets}

    def _nodes(self, touched: _Touched) -> list[TreeNode]:
        codes = {above for code, _ in touched for above in self._chain(code)}
        shown = sorted(code for code in codes if self._is_shown(code))
        nodes = [self._place_node(code) for code in sorted(shown, key=_rank)]
        for code, device_id in sorted(touched):
            device = self._devices.get(device_id)
            if device is not None and code in device.buckets:
                nodes.append(device.node(device.buckets[code]))
        return nodes

    def _place_node(self, code: str) -> TreeNode:
        cell = self._places.get(code) or PlaceCell()
        name = UNASSIGNED_NAME if code == UNASSIGNED else self._divisions.name(code)
        return TreeNode(code, self._kind(code), name or f"未知区划 {code}", cell.total, cell.online)

    def _kind(self, code: str) -> Kind:
        if code == UNASSIGNED:
            return Kind.UNASSIGNED
        if code == self.root:
            return Kind.REGION
        return Kind.CITY if len(code) == 4 else Kind.COUNTY

    def _channel_node(self, channel: Channel) -> TreeNode:
        online = 1 if self.shows_online(channel) else 0
        name = channel.item.name or channel.reported_id
        return TreeNode(channel.channel_id, Kind.CHANNEL, name, 1, online)

    def _below_root(self) -> list[str]:
        filled = {c[:4] for c, cell in self._places.items() if cell.buckets and c != UNASSIGNED}
        return [*self._cities, *sorted(filled.difference(self._cities)), UNASSIGNED]

    def _counties(self, city: str) -> list[str]:
        """Counties below a city: all of the table at home, elsewhere those that hold something."""
        if len(city) != 4:
            return []
        filled = {c for c, cell in self._places.items() if cell.buckets and c.startswith(city)}
        filled.discard(city)
        known = self._divisions.children(city) if city in self._cities else []
        return sorted(filled.union(known))

    def _devices_at(self, code: str) -> list[TreeNode]:
        buckets = self._cell(code).buckets if code in self._places else {}
        return [self._devices[d].node(buckets[d]) for d in sorted(buckets)]

    def _is_shown(self, code: str) -> bool:
        """True for a place of the tree; those abroad are there while they hold something."""
        if code in (self.root, UNASSIGNED):
            return True
        if len(code) not in (4, 6) or not is_digits(code):
            return False
        if code[:4] in self._cities and self._divisions.exists(code):
            return True
        return any(place.startswith(code) and cell.buckets for place, cell in self._places.items())

    def _find_bucket(self, node_id: str) -> tuple[DeviceCell, Bucket] | None:
        """The device and bucket behind `device` or `place/device`."""
        code, slash, device_id = node_id.partition("/")
        device = self._devices.get(device_id if slash else node_id)
        if device is None:
            return None
        bucket = device.buckets.get(code if slash else device.primary())
        return None if bucket is None else (device, bucket)


def _code_of(place: Place) -> str:
    return place.county or place.city or UNASSIGNED


def _rank(code: str) -> tuple[int, str]:
    """Region first, then cities, counties and "unassigned"."""
    return len(code), code
