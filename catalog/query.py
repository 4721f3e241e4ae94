"""Searching channels in the tree: prefix of a division, device, state, free text; page by page.

Channels come in the order of their public ids. The order is kept between calls and rebuilt only
after channels came or went, so a page without filters costs no more than its length. *Not* a
store: nothing is searched but the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from catalog.model import Channel
from catalog.nodes import UNASSIGNED


@dataclass(frozen=True, slots=True)
class ChannelFilter:
    """What a channel must fulfil; empty or None asks for nothing."""

    city: str = ""
    """2, 4, 6 or 8 digits as a prefix of its place, or "unassigned"; pairs of 00 at the end say
    nothing, as in 640100 for the whole city."""
    county: str = ""
    """The same, for callers who think in counties; both must hold."""
    device_id: str = ""
    online: bool | None = None
    q: str = ""
    """Part of the name, the public id or the reported id, whatever the case."""


EVERYTHING: Final = ChannelFilter()


@dataclass(frozen=True, slots=True)
class ChannelPage:
    """One page and the number of all channels that fulfil the filter."""

    items: list[Channel]
    total: int


class Searchable(Protocol):
    """What the search needs of a tree."""

    version: int

    @property
    def channels_by_id(self) -> Mapping[str, Channel]: ...
    def channel_ids_of(self, device_id: str) -> list[str]: ...
    def channel_ids_below(self, prefix: str) -> list[str]: ...
    def online_device_ids(self) -> set[str]: ...


class ChannelQuery:
    """The search over one tree."""

    def __init__(self, tree: Searchable) -> None:
        self._tree = tree
        self._order: list[str] = []
        self._version = -1

    def page(self, wanted: ChannelFilter, limit: int = 50, offset: int = 0) -> ChannelPage:
        """The channels `offset` to `offset + limit` that fulfil the filter, and how many there
        are.
        """
        if wanted == EVERYTHING:
            order = self._ordered()
            channels = self._tree.channels_by_id
            return ChannelPage([channels[i] for i in order[offset : offset + limit]], len(order))
        found = self._matching(wanted)
        return ChannelPage(found[offset : offset + limit], len(found))

    def _ordered(self) -> list[str]:
        if self._version != self._tree.version:
            self._order = sorted(c for c, v in self._tree.channels_by_id.items() if not v.hidden)
            self._version = self._tree.version
        return self._order

    def _matching(self, wanted: ChannelFilter) -> list[Channel]:
        """Filter by filter, cheap ones first: over 100,000 channels this is the fast way round."""
        prefixes = [_significant(prefix) for prefix in (wanted.city, wanted.county) if prefix]
        channels = self._tree.channels_by_id
        found = [channels[channel_id] for channel_id in self._candidates(wanted, prefixes)]
        if wanted.device_id:
            found = [c for c in found if c.device_id == wanted.device_id]
        for prefix in prefixes:
            found = [c for c in found if _lies_in(c, prefix)]
        if wanted.online is not None:
            up, on = self._tree.online_device_ids(), wanted.online
            found = [c for c in found if (c.item.status_on and c.device_id in up) is on]
        text = wanted.q.strip().lower()
        return [c for c in found if _mentions(c, text)] if text else found

    def _candidates(self, wanted: ChannelFilter, prefixes: list[str]) -> Iterable[str]:
        """The smallest set at hand that holds all matches, in order."""
        if wanted.device_id:
            return sorted(self._tree.channel_ids_of(wanted.device_id))
        longest = max(prefixes, key=len, default="")
        if len(longest) > 2 and longest != UNASSIGNED:
            return sorted(self._tree.channel_ids_below(longest[:6]))
        return self._ordered()


def _significant(code: str) -> str:
    """A division's code without the pairs of 00 that only fill it up (GB/T 2260 writes 640100)."""
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return code


def _lies_in(channel: Channel, prefix: str) -> bool:
    code = channel.place.code
    return not code if prefix == UNASSIGNED else code.startswith(prefix)


def _mentions(channel: Channel, text: str) -> bool:
    return (
        text in channel.item.name.lower()
        or text in channel.channel_id
        or text in channel.reported_id.lower()
    )
