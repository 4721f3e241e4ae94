"""Alarms and positions in the store, the same tests on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gb28181.store import Store
from gb28181.store.alarms import AlarmFilter
from gb28181.store.records import AlarmRecord, AlarmRuleRecord, PositionRecord
from tests.unit.gb28181.conftest import OPTIONS

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
CAMERA = "64010000001320000001"
OTHER = "64020000001320000001"


def alarm(number: int, **values: object) -> AlarmRecord:
    at = NOW + timedelta(minutes=number)
    record = AlarmRecord(f"a{number:03d}", CAMERA, CAMERA, at, at, at, channel_id=CAMERA)
    return replace(record, **values)


ALARMS = [
    alarm(0, priority=1, method=2, type=None, description="学校门口"),
    alarm(1, priority=4, method=5, type=2),
    alarm(2, priority=1, method=5, type=6, device_id=OTHER, channel_id=OTHER),
    alarm(3, priority=2, method=5, type=2, acknowledged_at=NOW, acknowledged_by="王"),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AlarmFilter(), [3, 2, 1, 0]),
        (AlarmFilter(device_id=OTHER), [2]),
        (AlarmFilter(channel_id=CAMERA), [3, 1, 0]),
        (AlarmFilter(priorities=(1,)), [2, 0]),
        (AlarmFilter(priorities=(1, 2), methods=(5,)), [3, 2]),
        (AlarmFilter(methods=(5,), types=(2,)), [3, 1]),
        (AlarmFilter(types=(99,)), []),
        (AlarmFilter(start=NOW + timedelta(minutes=1), end=NOW + timedelta(minutes=3)), [2, 1]),
        (AlarmFilter(acknowledged=True), [3]),
        (AlarmFilter(acknowledged=False), [2, 1, 0]),
    ],
)
async def test_alarms_are_found_newest_first(
    store: Store,
    wanted: AlarmFilter,
    found: list[int],
) -> None:
    for one in ALARMS:
        store.put_alarm(one)
    items, total = await store.alarms.find(wanted)
    assert items == [ALARMS[number] for number in found]
    assert total == len(found)
    second, total = await store.alarms.find(wanted, limit=1, offset=1)
    assert second == items[1:2]
    assert total == len(found)


async def test_an_alarm_is_one_row_and_what_was_said_about_it_stays(store: Store) -> None:
    first = alarm(1, description="移动侦测")
    store.put_alarm(first)
    await store.alarms.acknowledge(first.alarm_id, NOW, "王", "看过")
    seen = await store.alarms.get(first.alarm_id)
    assert seen is not None
    assert (seen.acknowledged_by, seen.note) == ("王", "看过")
    store.put_alarm(replace(seen, last_at=NOW + timedelta(hours=1), repeats=5))
    items, total = await store.alarms.find(AlarmFilter())
    assert total == 1
    assert (items[0].repeats, items[0].acknowledged_by) == (5, "王")
    assert await store.alarms.get("unknown") is None


async def test_rules_are_kept_with_their_secret(store: Store) -> None:
    rule = AlarmRuleRecord(
        "r1", "夜间", True, {"priorities": [1]}, [{"do": "webhook"}], "geheim", 30.0, NOW
    )
    await store.alarms.save_rule(rule)
    assert await store.alarms.rules() == [rule]
    await store.alarms.save_rule(replace(rule, enabled=False))
    assert [one.enabled for one in await store.alarms.rules()] == [False]
    await store.alarms.delete_rule("r1")
    assert await store.alarms.rules() == []


async def test_positions_of_an_item_and_of_a_device(store: Store) -> None:
    item = "64010000001320000009"
    points = [
        PositionRecord(
            CAMERA,
            item if number % 2 else CAMERA,
            NOW + timedelta(seconds=number),
            NOW,
            106.2 + number / 1000,
            38.5,
            speed=None if number % 2 else 3.25,
        )
        for number in range(6)
    ]
    for point in points:
        store.put_position(point)
    assert await store.tracks.find(CAMERA) == (points, 6)
    assert await store.tracks.find(CAMERA, item) == (points[1::2], 3)
    assert await store.tracks.find(CAMERA, limit=2, offset=3) == (points[3:5], 6)
    window = (NOW + timedelta(seconds=2), NOW + timedelta(seconds=4))
    assert await store.tracks.find(CAMERA, "", *window) == (points[2:4], 2)
    assert await store.tracks.find(OTHER) == ([], 0)


async def test_what_is_past_its_retention_goes(store: Store) -> None:
    store.put_alarm(alarm(0))
    store.put_position(PositionRecord(CAMERA, CAMERA, NOW, NOW, 106.2, 38.5))
    days = max(OPTIONS.alarm_retention_days, OPTIONS.position_retention_days)
    assert await store.alarms.purge(NOW + timedelta(days=1)) == 0
    assert (await store.alarms.find(AlarmFilter()))[1] == 1
    assert (await store.tracks.find(CAMERA))[1] == 1
    later = NOW + timedelta(days=days + 1)
    assert (await store.alarms.purge(later), await store.tracks.purge(later)) == (1, 1)
    assert (await store.alarms.find(AlarmFilter()))[1] == 0
    assert (await store.tracks.find(CAMERA))[1] == 0
