"""Device clocks: how far off they are, measured from what devices send (GB/T 28181-2022 9.10).

A `Date` in a request and the DeviceTime of DeviceStatus say what the device thinks the time is.
Times of alarms and positions say when something happened: a late report looks like a slow clock, so
they count only while nothing better is known, and never for more than ten minutes behind.

An error that people should know of is noted on the device like other habits (`config_warnings`),
since recordings are found by the device's time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from gb28181.device import warnings
from gb28181.device.estate import Estate
from gb28181.device.facts import ClockReading
from gb28181.device.model import Device
from gb28181.manscdp import Message
from gb28181.manscdp.times import parse_time
from sip.message import Request

NOTED_S: Final = 5.0
"""An error from which on it is noted."""
STEP_S: Final = 2.0
"""A smaller change is not stored."""
STORED_EVERY: Final = timedelta(hours=6)
STRONG_FOR: Final = timedelta(days=1)
"""How long a weak source does not replace a strong one."""
LATE_S: Final = 600.0
STRONG: Final = ("date", "device_status")
_FIELDS: Final = {
    "DeviceStatusResponse": ("device_time", "device_status"),
    "AlarmNotify": ("time", "alarm"),
    "MobilePositionNotify": ("time", "position"),
}
"""Class of a message, its field with the time, and the name of the source."""


class Clocks:
    """One per node."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def on_request(self, device: Device, request: Request) -> None:
        """A request that a device signed with its time, if it did."""
        text = request.headers.get("Date")
        if text is not None:
            self._observe(device, date_of(text), "date")

    def on_message(self, device: Device, message: Message) -> None:
        """A message with a time in it, if it is one."""
        found = _FIELDS.get(type(message).__name__)
        if found is not None:
            self._observe(device, parse_time(getattr(message, found[0], "")), found[1])

    def _observe(self, device: Device, claimed: datetime | None, source: str) -> None:
        if claimed is None:
            return
        now = self._estate.clock.civil()
        reading = ClockReading(round((claimed - now).total_seconds(), 1), source, now)
        before = device.facts.clock
        if not _counts(reading, before):
            return
        device.facts.clock = reading
        if (
            before is None
            or abs(before.error_s - reading.error_s) >= STEP_S
            or now - _stored_at(device, now) >= STORED_EVERY
        ):
            self._store(device, reading)

    def _store(self, device: Device, reading: ClockReading) -> None:
        record = device.record
        record.observed = {**record.observed, "clock": reading.to_json()}
        notes = []
        if abs(reading.error_s) >= NOTED_S:
            way = "ahead" if reading.error_s > 0 else "behind"
            notes = [f"clock: {abs(reading.error_s):.0f} s {way} ({reading.source})"]
        record.config_warnings = warnings.merged(record.config_warnings, notes, ("clock",))
        self._estate.save(device)


def _counts(reading: ClockReading, before: ClockReading | None) -> bool:
    """Whether a new reading is believed more than the one known."""
    if reading.source in STRONG:
        return True
    if reading.error_s < -LATE_S:
        return False
    strong = before is not None and before.source in STRONG
    return not (strong and before is not None and reading.at - before.at < STRONG_FOR)


def _stored_at(device: Device, now: datetime) -> datetime:
    stored = device.record.observed.get("clock")
    reading = ClockReading.from_json(stored) if isinstance(stored, dict) else None
    return now - STORED_EVERY if reading is None else reading.at


def date_of(text: str) -> datetime | None:
    """A Date header: as GB/T 28181 writes it, or as RFC 1123 does."""
    found = parse_time(text)
    if found is not None:
        return found
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return moment if moment.tzinfo is not None else None
