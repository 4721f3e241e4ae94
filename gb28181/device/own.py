"""Channels that belong to no device: cameras without SIP, entered by an operator.

Each stands in the tree as a device of one channel under the same code, which is taken from the
reserved network digit 9 (GB/T 28181-2022 annex E.1) and held among the codes of all channels, so
that no device that registers later can claim it.
"""

from __future__ import annotations

from collections.abc import Iterable

from catalog.errors import CatalogError
from catalog.model import CatalogItem, Channel, Place
from catalog.nodes import TreeNode
from gb28181.device.estate import Estate
from gb28181.device.model import Route
from media.pulling import PublishSpec, Spec

CAMERA = "132"
SERIALS = 1_000_000
STEP = "operator"
"""Step of a place that an operator gave."""


class OwnChannels:
    """All of them, in the tree of the estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._specs: dict[str, Spec] = {}
        self._online: set[str] = set()

    def new_code(self, place: str) -> str:
        """A free 20-digit code below a place of 4, 6 or 8 digits."""
        held = self._estate.book.identities
        for serial in range(1, SERIALS):
            code = f"{place:0<8}00{CAMERA}9{serial:06d}"
            if held.owner(code) is None and code not in self._estate.devices:
                return code
        raise CatalogError(f"no free channel id below {place}")

    def put(self, code: str, name: str, place: str, spec: Spec, *, online: bool) -> None:
        """Show one, or what changed of it."""
        if self._estate.book.identities.owner(code) is None:
            self._estate.book.identities.restore([(code, code, code)])
        self._specs[code] = spec
        self._note(code, online)
        where = Place(
            place[:4], place[:6] if len(place) > 4 else "", place if len(place) > 6 else "", STEP
        )
        item = CatalogItem(device_id=code, name=name, civil_code=place)
        tree = self._estate.tree
        nodes = tree.put_device(code, name, online, where)
        self._tell([*nodes, *tree.put_channel(Channel(code, code, code, item, where))])

    def set_online(self, code: str, online: bool) -> None:
        """It could be reached, or could not."""
        self._note(code, online)
        self._tell(self._estate.tree.set_device_online(code, online))

    def remove(self, code: str) -> None:
        """It is no more; its code is free."""
        self._specs.pop(code, None)
        self._note(code, False)
        self._estate.book.forget(code)
        self._tell(self._estate.tree.remove_device(code))

    def route(self, channel_id: str) -> Route | None:
        """How one is reached. One that is fetched may always be tried, because nothing else says
        that it is there; one that publishes is there while it does."""
        spec = self._specs.get(channel_id)
        if spec is None:
            return None
        brought = isinstance(spec, PublishSpec)
        channel = self._estate.tree.channel(channel_id)
        return Route(
            channel_id,
            channel_id,
            channel_id,
            online=not brought or channel_id in self._online,
            flow=None,
            transport="rtmp" if brought else "rtsp",
            gb_version="",
            policy=self._estate.options.policy,
            place=channel.place.code if channel is not None else "",
            source=spec,
        )

    def _note(self, code: str, online: bool) -> None:
        (self._online.add if online else self._online.discard)(code)

    def _tell(self, nodes: Iterable[TreeNode]) -> None:
        self._estate.news.tree(list(nodes))
