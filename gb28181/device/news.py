"""What the bus hears of devices, channels and the tree.

`tree.changed` is coalesced: counts of a city change with every device of a storm, and a subscriber
needs only the last ones. The first change goes out at once, further ones are collected for a tenth
of a second; so a status flip is seen well within 100 ms and a storm costs ten events a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import assert_never

from catalog.diff import Added, Change, Moved, Removed, StatusChanged, Updated
from catalog.model import Channel
from catalog.nodes import TreeNode
from gb28181.cluster.bus import Bus, Event
from gb28181.device.model import Device


class News:
    """Publishes; `stop` cancels the collecting timer."""

    def __init__(self, bus: Bus, now: Callable[[], float], tree_interval_s: float) -> None:
        self._bus = bus
        self._now = now
        self._interval = tree_interval_s
        self._nodes: dict[str, TreeNode] = {}
        self._sent_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Send what was collected and end the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def device(self, kind: str, device: Device, **more: object) -> None:
        """`device.online`, `device.offline`, `device.updated` and others."""
        if self._bus.subscribers:
            data: dict[str, object] = {
                "device_id": device.device_id,
                "name": device.name,
                "state": device.state.value,
                "online": device.online,
            }
            self._bus.publish(Event(kind, {**data, **more}))

    def removed(self, device_id: str) -> None:
        self._bus.publish(Event("device.removed", {"device_id": device_id}))

    def channels(self, device: Device, changes: Iterable[Change]) -> None:
        """One event per changed channel."""
        if not self._bus.subscribers:
            return
        sent: set[str] = set()
        for change in changes:
            match change:
                case Added(channel):
                    self._channel("channel.added", device, channel)
                case Updated(channel):
                    self._once("channel.updated", device, channel.channel_id, sent)
                case Moved(channel_id):
                    self._once("channel.updated", device, channel_id, sent)
                case Removed(channel):
                    gone = {"channel_id": channel.channel_id, "device_id": channel.device_id}
                    self._bus.publish(Event("channel.removed", gone))
                case StatusChanged(channel_id, on):
                    self._bus.publish(Event("channel.status", _status(device, channel_id, on)))
                case _:
                    assert_never(change)

    def _once(self, kind: str, device: Device, channel_id: str, sent: set[str]) -> None:
        """A channel that changed in two ways is told of once."""
        if channel_id not in sent:
            sent.add(channel_id)
            self._channel(kind, device, device.channels[channel_id])

    def _channel(self, kind: str, device: Device, channel: Channel) -> None:
        data = {
            "channel_id": channel.channel_id,
            "device_id": channel.device_id,
            "name": channel.item.name,
            "city": channel.place.city,
            "county": channel.place.county,
            "online": channel.item.status_on and device.online,
        }
        self._bus.publish(Event(kind, data))

    def tree(self, nodes: Iterable[TreeNode]) -> None:
        """Nodes with new counts or names."""
        if not self._bus.subscribers:
            self._nodes.clear()
            return
        self._nodes.update((node.id, node) for node in nodes)
        if self._timer is not None or not self._nodes:
            return
        wait = self._sent_at + self._interval - self._now()
        if wait <= 0:
            self._flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._sent_at = self._now()
        nodes, self._nodes = self._nodes, {}
        if nodes:
            data = {"nodes": [asdict(node) for node in nodes.values()]}
            self._bus.publish(Event("tree.changed", data))


def _status(device: Device, channel_id: str, on: bool) -> dict[str, object]:
    return {
        "channel_id": channel_id,
        "device_id": device.device_id,
        "online": on and device.online,
    }
