"""What a device reports when it is asked instead of subscribed to: its place, its alarms.

GB/T 28181-2022 A.2.4.6, A.2.4.10, A.2.5.6; the answer to a position is the notification itself.
"""

from __future__ import annotations

from gb28181.manscdp.commands.alarm import AlarmResponse
from gb28181.manscdp.commands.mobile_position import Fix, MobilePositionNotify
from gb28181.manscdp.times import format_time
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.route import ALTITUDE_M, place

HEIGHT_M = 3.0


def position(asked: Asked) -> Reply:
    return Reply([asked.written(place_of(asked, asked.message.sn))])


def alarm(asked: Asked) -> Reply:
    """The receipt of the question; alarms come by themselves."""
    return Reply([asked.written(AlarmResponse(asked.message.sn, asked.code))])


def place_of(asked: Asked, sn: str) -> MobilePositionNotify:
    """Where the asked channels are: a list in 2022, one place in the body before."""
    wall = asked.wall
    time = format_time(wall.replace(microsecond=0))
    fixes = []
    for channel in asked.spec.channels:
        if asked.code not in (asked.spec.device_id, channel.channel_id):
            continue
        at = place(channel, asked.moving, wall.timestamp())
        fixes.append(
            Fix(
                channel.channel_id,
                time,
                at.longitude,
                at.latitude,
                at.speed_kmh,
                at.direction,
                ALTITUDE_M,
                HEIGHT_M if asked.profile.of_2022 else None,
            )
        )
    flat = not asked.profile.of_2022
    return MobilePositionNotify(sn, asked.code, time, tuple(fixes), flat)
