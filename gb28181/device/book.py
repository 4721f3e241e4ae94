"""From a device's catalog items to its channels: who is one, where, under which public id.

Pure: it holds the identities of all devices and rearranges one device at a time, because whether
an item is a channel depends on the whole set (`catalog.arrange`). What changed is returned as
changes to publish and rows to store; nothing is removed unless the caller's items lack it.

Stored are the items and the public ids. Places are derived anew at every start: a better rule, or
another region, takes effect without a migration, and the columns in the store are for reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.arrange import arrange
from catalog.diff import Change, diff
from catalog.identity import ChannelIdentities
from catalog.model import CatalogItem, Channel, Place
from gb28181.device.model import Device
from gb28181.store.records import ChannelRecord

OPERATOR = "operator"
"""Step of a place that an operator gave."""


@dataclass(frozen=True, slots=True)
class Rearranged:
    """What a new arrangement of one device's items means."""

    changes: list[Change]
    rows: list[ChannelRecord]
    """Rows that differ from what is stored."""
    shared: list[Channel]
    """New channels whose own code belongs to another device."""


class Book:
    """All channels of all devices."""

    def __init__(self, region: str, server_id: str) -> None:
        self._region = region
        self._server_id = server_id
        self.identities = ChannelIdentities()
        self.hidden: set[str] = set()
        """Public ids an operator hid."""

    def rearrange(
        self, device: Device, items: dict[str, CatalogItem], *, complete: bool
    ) -> Rearranged:
        """Take over `items` as the catalog of `device`."""
        before_items, before = device.items, device.channels
        after: dict[str, Channel] = {}
        shared: list[Channel] = []
        for found in arrange(
            device.device_id,
            items.values(),
            region=self._region,
            complete=complete,
            server_id=self._server_id,
            device_name=device.record.name,
        ):
            code = found.item.device_id
            new = self.identities.lookup(device.device_id, code) is None
            channel_id = self.identities.assign(device.device_id, code)
            is_hidden = channel_id in self.hidden
            place = told(found.place, device.policy.place)
            channel = Channel(channel_id, code, device.device_id, found.item, place, is_hidden)
            after[channel_id] = channel
            if new and channel_id != code:
                shared.append(channel)
        rows = self._rows(device.device_id, before_items, before, items, after)
        device.items, device.channels = items, after
        return Rearranged(diff(before, after), rows, shared)

    def _rows(
        self,
        device_id: str,
        before_items: Mapping[str, CatalogItem],
        before: Mapping[str, Channel],
        items: Mapping[str, CatalogItem],
        after: Mapping[str, Channel],
    ) -> list[ChannelRecord]:
        """What differs between two arrangements, and what is gone."""
        old = {channel.reported_id: channel for channel in before.values()}
        new = {channel.reported_id: channel for channel in after.values()}
        return [
            self._row(device_id, code, items.get(code), new.get(code))
            for code in {**before_items, **old, **items, **new}
            if _differ(before_items.get(code), items.get(code))
            or _differ(old.get(code), new.get(code))
        ]

    def _row(
        self, device_id: str, code: str, item: CatalogItem | None, channel: Channel | None
    ) -> ChannelRecord:
        """The row of an item; of one that is gone it only keeps the public id reserved. A channel
        without an item is the device itself: its row is present and holds no item."""
        row = ChannelRecord(device_id, code, self.identities.lookup(device_id, code))
        row.present = item is not None or channel is not None
        if item is not None:
            row.name, row.status_on, row.item = item.name, item.status_on, item.to_dict()
        if channel is not None:
            place = channel.place
            row.name = channel.item.name
            row.city, row.county, row.unit = place.city, place.county, place.unit
            row.place_step, row.hidden = str(place.step), channel.hidden
        return row

    def hide(self, device: Device, channel_id: str, value: bool) -> list[ChannelRecord]:
        """An operator hides a channel, or shows it again; the row to store."""
        if value:
            self.hidden.add(channel_id)
        else:
            self.hidden.discard(channel_id)
        complete = device.record.catalog_at is not None
        return self.rearrange(device, device.items, complete=complete).rows

    def forget(self, device_id: str) -> None:
        """The device was deleted: its ids are free."""
        self.hidden.difference_update(self.identities.release_device(device_id))

    def restore(self, devices: Mapping[str, Device], rows: Iterable[ChannelRecord]) -> list[str]:
        """Take over stored rows and arrange every device; returns ids that two rows claim (the
        one whose own code it is keeps it, the other row gets a new one)."""
        conflicts: list[str] = []
        items: dict[str, dict[str, CatalogItem]] = {}
        for row in sorted(rows, key=lambda r: (r.channel_id != r.reported_id, r.device_id)):
            if row.device_id not in devices:
                continue
            if row.channel_id is not None and self._claim(row, conflicts) and row.hidden:
                self.hidden.add(row.channel_id)
            if row.present and row.item:
                item = CatalogItem.from_dict({**row.item, "device_id": row.reported_id})
                items.setdefault(row.device_id, {})[row.reported_id] = item
        for device in devices.values():
            complete = device.record.catalog_at is not None
            known = items.get(device.device_id, {})
            if known or complete:
                self.rearrange(device, known, complete=complete)
        return conflicts

    def _claim(self, row: ChannelRecord, conflicts: list[str]) -> bool:
        assert row.channel_id is not None
        if self.identities.owner(row.channel_id) is not None:
            conflicts.append(row.channel_id)
            return False
        self.identities.restore([(row.channel_id, row.device_id, row.reported_id)])
        return True


def told(found: Place, code: str) -> Place:
    """The place an operator gave a device counts, unless the catalog is more exact about it."""
    if not code or (found.city == code[:4] and (found.county or len(code) == 4)):
        return found
    return Place(code[:4], code if len(code) == 6 else "", "", OPERATOR)


def _differ(before: object | None, after: object | None) -> bool:
    return before is not after and before != after
