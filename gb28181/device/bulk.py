"""Devices in bulk: a table entered in one transaction, and all devices as a table.

The order is that nothing can be half applied: judge everything, write everything in one
transaction, and only then change what is in memory. A crash in between leaves the whole table on
disk, and the next start reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gb28181.device.estate import Estate
from gb28181.device.importing import Entry, Known, Plan, plan
from gb28181.device.model import Device
from gb28181.device.sheet import read
from gb28181.device.state import DeviceState
from gb28181.errors import Busy
from gb28181.store.records import DeviceRecord, RegistrationRecord

SLICE: Final = 200
"""Devices between two turns of the loop."""
HEADER: Final = (
    *("id", "name", "city", "transport", "has_password", "online", "state", "manufacturer"),
    *("model", "firmware", "remote", "channels", "gb_version", "registered_at", "approved"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a table did, or would do."""

    rows: int
    columns: list[str]
    ignored: list[str]
    plan: Plan
    applied: bool


class Bulk:
    """One per node."""

    def __init__(self, estate: Estate, apply: Callable[[Device], None]) -> None:
        self._estate = estate
        self._apply = apply
        self._busy = False

    async def enter(self, data: bytes, *, dry_run: bool) -> Report:
        """Judge a table and, unless it is a dry run or has a problem, enter it.

        Raises BadSheet for a file that is no table, Busy while another one is being entered, and
        StoreUnavailable when nothing could be written (then nothing has changed).
        """
        if self._busy:
            raise Busy("import_busy", "another table is being entered")
        self._busy = True
        try:
            sheet = await asyncio.to_thread(read, data)
            options = self._estate.options
            known = {d.device_id: d.record for d in self._estate}
            look: Callable[[str], Known | None] = known.get
            found = await asyncio.to_thread(plan, sheet, options.region, options.server_id, look)
            applied = not dry_run and not found.problems
            if applied:
                await self._enter(found)
            return Report(len(sheet.lines), sheet.columns, sheet.ignored, found, applied)
        finally:
            self._busy = False

    async def _enter(self, found: Plan) -> None:
        entries = (*found.created, *found.updated)
        records = [self._record(entry) for entry in entries]
        await self._estate.store.save_devices(records)
        for number, (entry, record) in enumerate(zip(entries, records, strict=True), 1):
            self._show(entry, record)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _record(self, entry: Entry) -> DeviceRecord:
        device = self._estate.devices.get(entry.device_id)
        if device is None:
            record = DeviceRecord(
                entry.device_id, origin="operator", created_at=self._estate.clock.civil()
            )
        else:
            record = replace(device.record)
        _fill(record, entry)
        return record

    def _show(self, entry: Entry, record: DeviceRecord) -> None:
        """Into memory. The device may have come, or have told its name, while we were writing."""
        estate = self._estate
        device = estate.devices.get(entry.device_id)
        if device is None:
            registration = RegistrationRecord(entry.device_id, DeviceState.UNKNOWN.value)
            device = estate.new_device(record, registration)
            estate.show(device)
            estate.news.device("device.added", device)
            return
        _fill(device.record, entry)
        estate.save(device)
        self._apply(device)
        estate.show(device)
        estate.news.device("device.updated", device)

    async def rows(self) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
        """All devices without their secrets, in the order of their ids, in portions."""
        order = sorted(self._estate.devices)
        for start in range(0, len(order), SLICE):
            part = (self._estate.devices.get(name) for name in order[start : start + SLICE])
            yield [_row(device) for device in part if device is not None]
            await asyncio.sleep(0)


def _fill(record: DeviceRecord, entry: Entry) -> None:
    record.approved = True
    if entry.name is not None:
        record.name, record.name_fixed = entry.name, True
    if entry.password is not None:
        record.password = entry.password
    more = {"place": entry.place, "transport": entry.transport}
    record.policy = {**record.policy, **{k: v for k, v in more.items() if v is not None}}


def _row(device: Device) -> tuple[Any, ...]:
    record, registration = device.record, device.registration
    registered = registration.registered_at
    return (
        record.device_id,
        record.name,
        str(record.policy.get("place", "")),
        str(record.policy.get("transport", "")),
        "yes" if record.password is not None else "no",
        "yes" if device.online else "no",
        device.state.value,
        record.manufacturer,
        record.model,
        record.firmware,
        registration.remote_host,
        sum(1 for channel in device.channels.values() if not channel.hidden),
        registration.gb_version,
        "" if registered is None else registered.isoformat(timespec="seconds"),
        "yes" if record.approved else "no",
    )
