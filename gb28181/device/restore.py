"""The start: the state of the run before, back in memory (contract: "Our own downtime").

States are restored, not guessed: a device that was online is online, gets one full heartbeat
deadline, and its open interval simply goes on. Flows over UDP are addresses and come back as they
were; a connection did not survive us, so the device is online without a flow until it speaks.
"""

from __future__ import annotations

import time
from collections import defaultdict

from gb28181.device import states
from gb28181.device.estate import Estate
from gb28181.device.model import Device
from gb28181.device.state import LIVE, DeviceState
from gb28181.store.records import IntervalRecord, RegistrationRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.flow import Flow

log = get_logger("store")


async def restore(estate: Estate) -> None:
    """Fill an empty estate from the store."""
    began = time.monotonic()
    store = estate.store
    records = await store.load_devices()
    registrations = {row.device_id: row for row in await store.load_registrations()}
    channels = await store.load_channels()
    open_intervals = await store.load_intervals_open()
    for record in records:
        registration = registrations.get(record.device_id)
        if registration is None:
            registration = RegistrationRecord(record.device_id, DeviceState.UNKNOWN.value)
        estate.new_device(record, registration)
    for channel_id in estate.book.restore(estate.devices, channels):
        log.event(ev.STORE_ROW_SKIPPED, table="channels", key=channel_id, reason="claimed twice")
    _states(estate, open_intervals)
    for device in estate:
        estate.show(device)
    estate.tree.put_channels(c for device in estate for c in device.channels.values())
    log.event(
        ev.STORE_RESTORED,
        devices=len(records),
        channels=len(estate.tree.channels_by_id),
        intervals=len(open_intervals),
        duration_ms=round((time.monotonic() - began) * 1000),
    )


def _states(estate: Estate, open_intervals: list[IntervalRecord]) -> None:
    by_device: dict[str, list[IntervalRecord]] = defaultdict(list)
    for interval in open_intervals:
        by_device[interval.device_id].append(interval)
    at = estate.clock.civil()
    for device in estate:
        _presence(estate, device)
        if device.registration.state == DeviceState.UNKNOWN.value:
            continue
        for interval in states.adopt(device, by_device.pop(device.device_id, []), at):
            estate.store.put_interval(interval)
    for orphans in by_device.values():
        for interval in orphans:
            interval.end = at
            estate.store.put_interval(interval)


def _presence(estate: Estate, device: Device) -> None:
    registration, clock = device.registration, estate.clock
    state = _state_of(registration)
    registration.state = state.value
    expires_at = 0.0
    if registration.expires_at is not None:
        expires_at = clock.moment_of(registration.expires_at)
    device.presence.restore(state, expires_at, clock.now())
    if state not in LIVE:
        return
    if registration.transport == "udp" and registration.remote_host:
        remote = (registration.remote_host, registration.remote_port)
        flow = Flow("udp", remote, (registration.local_host, registration.local_port))
        device.peer = device.flow = flow
        estate.locate(device, flow)
    estate.watch(device)


def _state_of(registration: RegistrationRecord) -> DeviceState:
    try:
        state = DeviceState(registration.state)
    except ValueError:
        return DeviceState.OFFLINE
    return DeviceState.OFFLINE if state is DeviceState.CHALLENGED else state
