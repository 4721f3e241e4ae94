"""State as intervals with a cause: each change closes the open interval and begins the next.

Pure bookkeeping on records; the caller stores what is returned. Starts of one device never repeat,
because (device, start) is the key of an interval.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gb28181.device.model import Device
from gb28181.device.state import Cause, DeviceState
from gb28181.store.records import IntervalRecord


def begin(
    device: Device, state: DeviceState, cause: Cause | str, at: datetime
) -> list[IntervalRecord]:
    """The intervals to store for a change at `at`."""
    changed: list[IntervalRecord] = []
    before = device.interval
    if before is not None:
        at = max(at, before.start + timedelta(microseconds=1))
        before.end = at
        changed.append(before)
    device.interval = IntervalRecord(device.device_id, state.value, str(cause), at)
    changed.append(device.interval)
    return changed


def adopt(device: Device, stored: list[IntervalRecord], at: datetime) -> list[IntervalRecord]:
    """Take over the open intervals a run before left; what has to be stored to set them right.

    Normally there is one, and it fits. After a kill between two batches there may be two, or one
    of another state than the registration: the newest counts, the rest is closed.
    """
    changed: list[IntervalRecord] = []
    newest = max(stored, key=lambda interval: interval.start, default=None)
    for interval in stored:
        if interval is not newest:
            assert newest is not None
            interval.end = newest.start
            changed.append(interval)
    device.interval = newest
    state = device.registration.state
    if state and (newest is None or newest.state != state):
        changed += begin(device, DeviceState(state), device.registration.cause, at)
    return changed
