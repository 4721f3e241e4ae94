"""The devices of a simulation: ids, places, how many where."""

from __future__ import annotations

from collections import Counter

import pytest

from catalog.divisions import Divisions
from gb28181.simulator.places import COUNTIES
from gb28181.simulator.plan import DeviceSpec, PlanOptions, make_plan

CITIES = ("6401", "6402", "6403", "6404", "6405")


def channels(devices: list[DeviceSpec]) -> list[str]:
    return [channel.channel_id for device in devices for channel in device.channels]


def test_twenty_devices_stand_in_all_five_cities_and_each_but_one_has_a_recorder() -> None:
    devices = make_plan(PlanOptions())
    where = Counter(device.device_id[:4] for device in devices)
    assert where == dict.fromkeys(CITIES, 4)
    recorders = [device for device in devices if device.is_recorder]
    assert len({device.device_id[:4] for device in recorders}) == len(recorders) == 4
    assert {len(device.channels) for device in recorders} == {4}


def test_ids_have_twenty_digits_with_a_real_county_and_the_right_kind() -> None:
    divisions = Divisions.load()
    for device in make_plan(PlanOptions(devices=60)):
        assert len(device.device_id) == 20
        assert device.device_id.isdecimal()
        assert divisions.exists(device.device_id[:6])
        assert device.device_id[10:13] in ("132", "118")
        for channel in device.channels:
            assert channel.channel_id[:10] == device.device_id[:10]
            assert channel.channel_id[10:13] == "131"


def test_every_county_carries_the_name_the_division_table_gives_it() -> None:
    divisions = Divisions.load()
    wrong = [c for c in COUNTIES if divisions.name(c.code) != c.name]
    wrong += [c for c in COUNTIES if divisions.name(c.city_code) != c.city]
    assert not wrong
    listed = {code for city in CITIES for code in divisions.children(city)}
    assert {county.code for county in COUNTIES} == listed


def test_no_two_channels_share_a_serial() -> None:
    serials = [int(one[-6:]) for one in channels(make_plan(PlanOptions(devices=3000)))]
    assert len(set(serials)) == len(serials) == 600 * 4 + 2400


def test_the_same_seed_gives_the_same_plan_and_another_one_other_places() -> None:
    one = make_plan(PlanOptions(seed=3))
    assert one == make_plan(PlanOptions(seed=3))
    other = make_plan(PlanOptions(seed=4))
    assert [d.device_id for d in one] == [d.device_id for d in other]
    assert [d.name for d in one] != [d.name for d in other]


def test_a_second_simulation_starts_behind_the_first() -> None:
    first, second = make_plan(PlanOptions(50)), make_plan(PlanOptions(50, first=1001))
    assert not {d.device_id for d in first} & {d.device_id for d in second}
    assert not set(channels(first)) & set(channels(second))


def test_only_the_wanted_cities() -> None:
    devices = make_plan(PlanOptions(12, cities=("6403", "6405")))
    assert {d.civil_code[:4] for d in devices} == {"6403", "6405"}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_share_of_recorders_is_kept(share: float) -> None:
    devices = make_plan(PlanOptions(1000, recorders=share))
    assert sum(d.is_recorder for d in devices) == pytest.approx(1000 * share, abs=2)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (PlanOptions(cities=("6499",)), "6499"),
        (PlanOptions(recorders=1.5), "share"),
        (PlanOptions(channels=0), "positive"),
        (PlanOptions(devices=10, first=999_995), "999999"),
    ],
)
def test_what_cannot_be_planned_is_said(options: PlanOptions, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make_plan(options)
