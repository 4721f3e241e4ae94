"""Where a simulated vehicle is: round and round a loop about its place, as a function of time.

GB/T 28181-2022 A.2.1.14: speed in km/h, direction clockwise from north, WGS-84.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from gb28181.simulator.plan import ChannelSpec

RADIUS_M: Final = 500.0
SPEED_KMH: Final = 36.0
ALTITUDE_M: Final = 1110.0
_METRES_PER_DEGREE: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class Place:
    longitude: float
    latitude: float
    speed_kmh: float
    direction: float


def place(channel: ChannelSpec, moving: bool, wall: float) -> Place:
    """At a UNIX time; what does not move stands where its channel does, looking north."""
    if not moving:
        return Place(channel.longitude, channel.latitude, 0.0, 0.0)
    start = int(channel.channel_id[-6:]) if channel.channel_id[-6:].isdecimal() else 0
    angle = (wall * SPEED_KMH / 3.6 / RADIUS_M + start) % math.tau
    north, east = RADIUS_M * math.cos(angle), RADIUS_M * math.sin(angle)
    latitude = channel.latitude + north / _METRES_PER_DEGREE
    shrink = math.cos(math.radians(channel.latitude))
    longitude = channel.longitude + east / (_METRES_PER_DEGREE * shrink)
    # The loop is driven clockwise: at its northmost point the way leads east.
    direction = (math.degrees(angle) + 90.0) % 360.0
    return Place(round(longitude, 6), round(latitude, 6), SPEED_KMH, round(direction, 1) % 360.0)
