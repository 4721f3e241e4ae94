"""Searching channels in the tree: prefix of a division, device, state, free text; page by page.

Channels come in the order of their public ids. The order is kept between calls and rebuilt only
after channels came or went, so a page without filters costs no more than its length. *Not* a
store: nothing is searched but the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from catalog.model import Channel
from catalog.nodes import UNASSIGNED


@dataclass(frozen=True, slots=True)
class ChannelFilter:
    """What a channel must fulfil; empty or None asks for nothing."""

    city: str = ""
    """2, 4, 6 or 8 digits as a prefix of its place, or "unassigned"."""
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
    def shows_online(self, channel: Channel) -> bool: ...


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
            ids = order[offset : offset + limit]
            return ChannelPage([self._channel(i) for i in ids], len(order))
        found = list(self._matching(wanted))
        return ChannelPage(list(islice(found, offset, offset + limit)), len(found))

    def _ordered(self) -> list[str]:
        if self._version != self._tree.version:
            self._order = sorted(c for c, v in self._tree.channels_by_id.items() if not v.hidden)
            self._version = self._tree.version
        return self._order

    def _channel(self, channel_id: str) -> Channel:
        return self._tree.channels_by_id[channel_id]

    def _matching(self, wanted: ChannelFilter) -> Iterator[Channel]:
        prefixes = [prefix for prefix in (wanted.city, wanted.county) if prefix]
        text = wanted.q.strip().lower()
        for channel_id in self._candidates(wanted, prefixes):
            channel = self._channel(channel_id)
            if (
                (not wanted.device_id or channel.device_id == wanted.device_id)
                and all(_lies_in(channel, prefix) for prefix in prefixes)
                and (wanted.online is None or self._tree.shows_online(channel) == wanted.online)
                and (not text or _mentions(channel, text))
            ):
                yield channel

    def _candidates(self, wanted: ChannelFilter, prefixes: list[str]) -> Iterable[str]:
        """The smallest set at hand that holds all matches, in order."""
        if wanted.device_id:
            return sorted(self._tree.channel_ids_of(wanted.device_id))
        longest = max(prefixes, key=len, default="")
        if len(longest) > 2 and longest != UNASSIGNED:
            return sorted(self._tree.channel_ids_below(longest[:6]))
        return self._ordered()


def _lies_in(channel: Channel, prefix: str) -> bool:
    code = channel.place.code
    return not code if prefix == UNASSIGNED else code.startswith(prefix)


def _mentions(channel: Channel, text: str) -> bool:
    return (
        text in channel.item.name.lower()
        or text in channel.channel_id
        or text in channel.reported_id.lower()
    )
