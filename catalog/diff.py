"""What changed between two sets of channels, as values that can be applied, stored and published.

`apply(old, diff(old, new)) == new` for all sets. A channel that changed in several ways yields
several changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, assert_never

from catalog.model import CatalogItem, Channel, Place


@dataclass(frozen=True, slots=True)
class Added:
    """A channel that was not there."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Removed:
    """A channel that is no longer there."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Updated:
    """Something else than status or place; `fields` names what, `channel` is the new one."""

    channel: Channel
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Another place in the tree, or the same place by another step."""

    channel_id: str
    before: Place
    after: Place


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The channel's own Status; the device's being online is another matter."""

    channel_id: str
    on: bool


Change = Added | Removed | Updated | Moved | StatusChanged

_ITEM_FIELDS: Final = tuple(f.name for f in fields(CatalogItem) if f.name != "status_on")
_CHANNEL_FIELDS: Final = ("reported_id", "device_id", "hidden")


def diff(old: Mapping[str, Channel], new: Mapping[str, Channel]) -> list[Change]:
    """Changes from `old` to `new` (both by channel_id): removals first, then by id."""
    changes: list[Change] = [Removed(old[gone]) for gone in sorted(old.keys() - new.keys())]
    for channel_id in sorted(new):
        before, after = old.get(channel_id), new[channel_id]
        if before is None:
            changes.append(Added(after))
        elif before != after:
            changes.extend(_between(before, after))
    return changes


def _between(before: Channel, after: Channel) -> Iterable[Change]:
    changed = [name for name in _CHANNEL_FIELDS if getattr(before, name) != getattr(after, name)]
    old, new = before.item, after.item
    if old is not new:
        changed += [name for name in _ITEM_FIELDS if getattr(old, name) != getattr(new, name)]
    if changed:
        yield Updated(after, tuple(changed))
    if before.place != after.place:
        yield Moved(after.channel_id, before.place, after.place)
    if old.status_on != new.status_on:
        yield StatusChanged(after.channel_id, new.status_on)


def apply(old: Mapping[str, Channel], changes: Iterable[Change]) -> dict[str, Channel]:
    """`old` with the changes made."""
    channels = dict(old)
    for change in changes:
        match change:
            case Added(channel) | Updated(channel):
                channels[channel.channel_id] = channel
            case Removed(channel):
                del channels[channel.channel_id]
            case Moved(channel_id, _, after):
                channels[channel_id] = replace(channels[channel_id], place=after)
            case StatusChanged(channel_id, on):
                was = channels[channel_id]
                channels[channel_id] = replace(was, item=replace(was.item, status_on=on))
            case _:
                assert_never(change)
    return channels
