"""Public channel ids: the device's own code when nobody else holds it, otherwise a free generated
one.

The book of who holds which id. It is restored from the store before the first device speaks, and
an entry stays until the operator deletes its device; so the owner of a code never depends on who
registers first after a restart. Entries survive a channel's disappearance: a camera that comes
back has its old address.

Generated: the ten leading digits and the type of the code are kept, network digit and serial are
searched, from network digit 9 (reserved in GB/T 28181-2022 E.1) downwards, so that real codes are
rarely in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from catalog.errors import CatalogError
from catalog.ids import is_gb_id

_SERIALS: Final = 1_000_000
_CAMERA: Final = "132"
_NO_PREFIX: Final = "0" * 10


class ChannelIdentities:
    """(device, reported code) <-> public id."""

    __slots__ = ("_by_device", "_next", "_owner", "_renamed")

    def __init__(self) -> None:
        self._by_device: dict[str, dict[str, str]] = {}
        self._owner: dict[str, str] = {}
        self._renamed: dict[str, str] = {}  # only ids that differ from the reported code
        self._next: dict[str, int] = {}

    def restore(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Take over stored (channel_id, device_id, reported_id); CatalogError when two claim one
        id.
        """
        for channel_id, device_id, reported_id in rows:
            holder = self.owner(channel_id)
            if holder not in (None, (device_id, reported_id)):
                raise CatalogError(f"channel id {channel_id} is stored twice")
            self._hold(channel_id, device_id, reported_id)

    def assign(self, device_id: str, reported_id: str) -> str:
        """The public id of a device's code; the same for ever once given."""
        held = self.lookup(device_id, reported_id)
        if held is not None:
            return held
        free = is_gb_id(reported_id) and reported_id not in self._owner
        channel_id = reported_id if free else self._generate(device_id, reported_id)
        self._hold(channel_id, device_id, reported_id)
        return channel_id

    def lookup(self, device_id: str, reported_id: str) -> str | None:
        """The public id already given, or None."""
        return self._by_device.get(device_id, {}).get(reported_id)

    def owner(self, channel_id: str) -> tuple[str, str] | None:
        """(device_id, reported_id) behind a public id, or None."""
        device_id = self._owner.get(channel_id)
        if device_id is None:
            return None
        return device_id, self._renamed.get(channel_id, channel_id)

    def release_device(self, device_id: str) -> list[str]:
        """Forget a device that was deleted; its ids become free and are returned."""
        freed = list(self._by_device.pop(device_id, {}).values())
        for channel_id in freed:
            del self._owner[channel_id]
            self._renamed.pop(channel_id, None)
        return freed

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Everything held, as `restore` takes it."""
        for device_id, codes in self._by_device.items():
            for reported_id, channel_id in codes.items():
                yield channel_id, device_id, reported_id

    def __len__(self) -> int:
        return len(self._owner)

    def _hold(self, channel_id: str, device_id: str, reported_id: str) -> None:
        self._by_device.setdefault(device_id, {})[reported_id] = channel_id
        self._owner[channel_id] = device_id
        if channel_id != reported_id:
            self._renamed[channel_id] = reported_id

    def _generate(self, device_id: str, reported_id: str) -> str:
        if is_gb_id(reported_id):
            prefix = reported_id[:13]
        elif is_gb_id(device_id):
            prefix = device_id[:10] + _CAMERA
        else:
            prefix = _NO_PREFIX + _CAMERA
        for number in range(self._next.get(prefix, 1), 10 * _SERIALS):
            network, serial = 9 - number // _SERIALS, number % _SERIALS
            channel_id = f"{prefix}{network}{serial:06d}"
            if channel_id not in self._owner:
                self._next[prefix] = number + 1
                return channel_id
        raise CatalogError(f"no free channel id below {prefix}")
