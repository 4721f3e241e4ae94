"""The parts of the tree: what callers see (`TreeNode`), and the counted cells `tree.py` is made
of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

UNASSIGNED: Final = "unassigned"
UNASSIGNED_NAME: Final = "未分配"


class Kind(StrEnum):
    """What a node is."""

    REGION = "region"
    CITY = "city"
    COUNTY = "county"
    UNASSIGNED = "unassigned"
    DEVICE = "device"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node as it is now. For a channel, total is 1 and online 0 or 1."""

    id: str
    kind: Kind
    name: str
    total: int
    online: int


class Bucket:
    """The visible channels of one device in one place."""

    __slots__ = ("channels", "code", "on")

    def __init__(self, code: str) -> None:
        self.code = code
        self.channels: set[str] = set()
        self.on = 0
        """How many have Status ON; they are online when their device is."""


class PlaceCell:
    """A region, city, county or "unassigned": its totals, and the devices filed right here."""

    __slots__ = ("buckets", "online", "total")

    def __init__(self) -> None:
        self.total = 0
        self.online = 0
        self.buckets: dict[str, Bucket] = {}


class DeviceCell:
    """A device: never without a bucket, so that it is always somewhere in the tree."""

    __slots__ = ("buckets", "device_id", "hidden", "home", "name", "online")

    def __init__(self, device_id: str, name: str, online: bool, home: str) -> None:
        self.device_id = device_id
        self.name = name
        self.online = online
        self.home = home
        """Where it is shown while it has no channels."""
        self.buckets: dict[str, Bucket] = {}
        self.hidden: set[str] = set()

    def primary(self) -> str:
        """The place where the node carries the plain device id."""
        return self.home if self.home in self.buckets else min(self.buckets)

    def node_id(self, code: str) -> str:
        """The id of the device's node in a place."""
        return self.device_id if code == self.primary() else f"{code}/{self.device_id}"

    def node(self, bucket: Bucket) -> TreeNode:
        """The device's node in the place of a bucket."""
        return TreeNode(
            self.node_id(bucket.code),
            Kind.DEVICE,
            self.name or self.device_id,
            len(bucket.channels),
            bucket.on if self.online else 0,
        )
