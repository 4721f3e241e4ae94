"""Which devices a simulation holds: ids, names, places and channels, the same for the same seed.

A device is a camera (type 132 with one channel of type 131) or a recorder (type 118 with several).
Devices go round the cities, and within a city round its counties, so that a few are enough to have
some everywhere. The serials of the ids count devices and channels through the whole simulation:
no two share one, which the block code of the pictures needs (`banner.py`).

GB/T 28181-2022 annex E (ids), A.2.1.9 (catalog items).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice

from gb28181.simulator.places import SPOTS, VIEWS, County, counties_of

SERIALS = 1_000_000
CAMERA, RECORDER, CHANNEL = "132", "118", "131"


@dataclass(frozen=True, slots=True)
class PlanOptions:
    devices: int = 20
    recorders: float = 0.2
    """Share of devices that are recorders."""
    channels: int = 4
    """Channels of a recorder."""
    cities: tuple[str, ...] = ()
    """Four-digit codes; none means all."""
    first: int = 1
    """Serial of the first device and channel, so that two simulations can share a platform."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    channel_id: str
    name: str
    longitude: float
    latitude: float
    ptz_type: int
    """1 dome, 3 fixed."""


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    device_id: str
    name: str
    address: str
    civil_code: str
    channels: tuple[ChannelSpec, ...]

    @property
    def is_recorder(self) -> bool:
        return self.device_id[10:13] == RECORDER


def make_plan(options: PlanOptions) -> list[DeviceSpec]:
    """All devices; ValueError when they do not fit into six digits of serial."""
    if options.devices < 0 or options.channels < 1 or options.first < 1:
        raise ValueError("devices, channels and first serial must be positive")
    if not 0 <= options.recorders <= 1:
        raise ValueError("the share of recorders lies between 0 and 1")
    dice = random.Random(options.seed)
    serials = count(options.first)
    devices: list[DeviceSpec] = []
    cities = len({county.city_code for county in counties_of(options.cities)})
    for number, county in enumerate(islice(_round(options.cities), options.devices)):
        recorder = _is_recorder(number, cities, options.recorders)
        device_id = _id(county, RECORDER if recorder else CAMERA, options.first + number)
        channels = options.channels if recorder else 1
        devices.append(_device(device_id, county, channels, serials, dice))
    if next(serials) > SERIALS or options.first + options.devices > SERIALS:
        raise ValueError(f"more than {SERIALS - 1} devices or channels")
    return devices


def _round(cities: tuple[str, ...]) -> Iterator[County]:
    """City after city, each time the next of its counties."""
    by_city: dict[str, list[County]] = {}
    for county in counties_of(cities):
        by_city.setdefault(county.city_code, []).append(county)
    rounds = [cycle(counties) for counties in by_city.values()]
    for turn in cycle(rounds):
        yield next(turn)


def _is_recorder(number: int, cities: int, share: float) -> bool:
    """Of each 1/share devices one, and in each round through the cities another city's."""
    turn, city = divmod(number, cities)
    place = turn * cities + (city + turn) % cities
    return int((place + 1) * share) > int(place * share)


def _device(
    device_id: str, county: County, channels: int, serials: Iterator[int], dice: random.Random
) -> DeviceSpec:
    recorder = device_id[10:13] == RECORDER
    place = f"{dice.choice(county.roads)}{dice.choice(SPOTS)}"
    return DeviceSpec(
        device_id=device_id,
        name=f"{county.name}{place}{'录像机' if recorder else '摄像机'}",
        address=f"{county.city}{county.name}{place}",
        civil_code=county.code,
        channels=tuple(
            _channel(next(serials), county, place, index if recorder else None, dice)
            for index in range(channels)
        ),
    )


def _channel(
    serial: int, county: County, place: str, index: int | None, dice: random.Random
) -> ChannelSpec:
    ptz_type = dice.choice((1, 3))
    shape = "球机" if ptz_type == 1 else "枪机"
    view = "" if index is None else VIEWS[index % len(VIEWS)]
    turn = "" if index is None or index < len(VIEWS) else str(index // len(VIEWS) + 1)
    return ChannelSpec(
        channel_id=_id(county, CHANNEL, serial),
        name=f"{county.name}{place}{view}{turn}{shape}",
        longitude=round(county.longitude + dice.uniform(-0.03, 0.03), 6),
        latitude=round(county.latitude + dice.uniform(-0.03, 0.03), 6),
        ptz_type=ptz_type,
    )


def _id(county: County, kind: str, serial: int) -> str:
    return f"{county.code}0000{kind}0{serial:06d}"
