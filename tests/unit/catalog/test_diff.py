"""Changes between two sets of channels."""

from __future__ import annotations

from dataclasses import replace

from catalog.diff import Added, Moved, Removed, StatusChanged, Updated, apply, diff
from catalog.model import Channel
from tests.unit.catalog.samples import OTHER, channel

ONE, TWO = channel(1), channel(2)


def by_id(*channels: Channel) -> dict[str, Channel]:
    return {found.channel_id: found for found in channels}


def test_nothing_changed() -> None:
    assert diff(by_id(ONE, TWO), by_id(ONE, replace(TWO, item=replace(TWO.item)))) == []


def test_added_and_removed() -> None:
    assert diff(by_id(ONE), by_id(TWO)) == [Removed(ONE), Added(TWO)]


def test_a_status_is_told_apart_from_everything_else() -> None:
    off = replace(ONE, item=replace(ONE.item, status_on=False))
    assert diff(by_id(ONE), by_id(off)) == [StatusChanged(ONE.channel_id, False)]
    assert diff(by_id(off), by_id(ONE)) == [StatusChanged(ONE.channel_id, True)]


def test_a_move_names_both_places() -> None:
    there = replace(ONE, place=TWO.place if TWO.place != ONE.place else channel(1, "640502").place)
    assert diff(by_id(ONE), by_id(there)) == [Moved(ONE.channel_id, ONE.place, there.place)]


def test_an_update_names_its_fields() -> None:
    new = replace(ONE, device_id=OTHER, hidden=True, item=replace(ONE.item, name="neu", port=1))
    assert diff(by_id(ONE), by_id(new)) == [Updated(new, ("device_id", "hidden", "name", "port"))]


def test_one_channel_can_change_in_all_ways_at_once() -> None:
    new = channel(1, "640502", on=False, name="neu")
    new = replace(new, channel_id=ONE.channel_id, reported_id=ONE.reported_id)
    new = replace(new, item=replace(new.item, device_id=ONE.item.device_id))
    changes = diff(by_id(ONE), by_id(new))
    assert [type(change) for change in changes] == [Updated, Moved, StatusChanged]
    assert apply(by_id(ONE, TWO), changes) == by_id(new, TWO)
