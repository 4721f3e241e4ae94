"""The organisation view of the whole platform: devices that report organisations, and what is in
them. Ids: `organisation` for the root, the device's id, `device/code` for groups and organisations
(codes are unique only within their device), the channel's public id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from catalog.model import Channel
from catalog.organisation import ROOT, Organisation, Unit, is_unit
from gb28181.device.estate import Estate
from gb28181.device.model import Device

TOP: Final = "organisation"
TOP_NAME: Final = "业务分组"


@dataclass(frozen=True, slots=True)
class OrgNode:
    """A node, shaped like those of the region tree."""

    id: str
    kind: str
    """`root`, `device`, `group` (type 215), `organisation` (216) or `channel`."""
    name: str
    total: int
    online: int


class Organising:
    """Answers for one node of the view at a time; keeps nothing."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def branch(self, parent: str | None) -> tuple[OrgNode, list[OrgNode]] | None:
        """A node and what lies right below it; None for an unknown one."""
        if parent is None or parent == TOP:
            return self._top()
        device_id, _, code = parent.partition("/")
        device = self._estate.devices.get(device_id)
        if device is None or not device.record.approved or not _organised(device):
            return None
        found = Organisation(device.items, device.channels.values())
        if code not in found:
            return None
        here = (
            self._device(device) if code == ROOT else _unit(device_id, found.unit(code, self._on))
        )
        units = [_unit(device_id, unit) for unit in found.units(code, self._on)]
        return here, [*units, *(self._channel(channel) for channel in found.channels(code))]

    def _top(self) -> tuple[OrgNode, list[OrgNode]]:
        devices = [
            self._device(device)
            for device in self._estate
            if device.record.approved and _organised(device)
        ]
        devices.sort(key=lambda node: (node.name, node.id))
        total, online = sum(d.total for d in devices), sum(d.online for d in devices)
        return OrgNode(TOP, "root", TOP_NAME, total, online), devices

    def _device(self, device: Device) -> OrgNode:
        shown = [channel for channel in device.channels.values() if not channel.hidden]
        alive = sum(map(self._on, shown))
        return OrgNode(device.device_id, "device", device.name, len(shown), alive)

    def _channel(self, channel: Channel) -> OrgNode:
        name = channel.item.name or channel.reported_id
        return OrgNode(channel.channel_id, "channel", name, 1, int(self._on(channel)))

    def _on(self, channel: Channel) -> bool:
        return self._estate.tree.shows_online(channel)


def _organised(device: Device) -> bool:
    return any(map(is_unit, device.items))


def _unit(device_id: str, unit: Unit) -> OrgNode:
    return OrgNode(f"{device_id}/{unit.code}", unit.kind, unit.name, unit.total, unit.online)
