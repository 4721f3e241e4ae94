"""From a notification to a row: which alarm it is, when it was, what of it can be used. Pure.

An alarm's id is made of what it says: device, source, time, priority, methods, type, event and
description. So the repetition of one whose receipt was lost, or the same alarm in the MESSAGE and
in the NOTIFY form, is the same row, also after a restart. Without a time of its own an alarm is
only the same when its SN is, within the minute.

A device's clock is believed unless it is more than an hour ahead of ours.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from gb28181.manscdp.commands.alarm import AlarmNotify
from gb28181.manscdp.times import parse_time
from gb28181.store.records import AlarmRecord

AHEAD = timedelta(hours=1)
_ID_CHARACTERS = 24


def make(
    message: AlarmNotify, device_id: str, channel_id: str, received_at: datetime
) -> AlarmRecord:
    """The row of a notification."""
    moment = parse_time(message.time)
    believed = moment is not None and moment <= received_at + AHEAD
    at = moment if moment is not None and believed else received_at
    reported_id = message.device_id or device_id
    methods = "/".join(map(str, message.methods))
    identity = (
        device_id,
        reported_id,
        message.time if moment is not None else f"{message.sn}@{received_at:%Y%m%d%H%M}",
        message.priority,
        methods,
        message.type,
        message.event_type,
        message.description,
    )
    digest = hashlib.sha256(repr(identity).encode("utf-8", "replace")).hexdigest()
    return AlarmRecord(
        alarm_id=digest[:_ID_CHARACTERS],
        device_id=device_id,
        reported_id=reported_id,
        alarm_at=at,
        received_at=received_at,
        last_at=received_at,
        channel_id=channel_id,
        priority=message.priority,
        method=message.method,
        methods=methods,
        type=message.type,
        event_type=message.event_type,
        device_time=message.time,
        time_source="device" if believed else "platform",
        description=message.description,
        longitude=message.longitude,
        latitude=message.latitude,
        sn=message.sn,
    )
