"""Positions as they come in: checked, stored as tracks, told on; and questions about them.

Both forms (the list of 2022, the flat one of 2016) and both ways (MESSAGE, NOTIFY) end here. A
position without a fix (0, 0) is none. Where the device's time is missing or impossible the time of
arrival counts. The coordinates stay as reported; `system` says which they are, by the device's
setting.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gb28181.cluster.bus import Bus, Event
from gb28181.device.clock import Clock
from gb28181.device.limits import Budget
from gb28181.device.model import Device
from gb28181.device.service import DeviceService
from gb28181.errors import NotFound
from gb28181.manscdp import Message
from gb28181.manscdp.commands.mobile_position import Fix, MobilePositionNotify
from gb28181.manscdp.times import parse_time
from gb28181.positions.gcj02 import to_wgs84
from gb28181.store.records import PositionRecord
from gb28181.store.store import Store
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited

AHEAD = timedelta(hours=1)
RATE = 20.0
BURST = 5_000.0
"""Positions of one device that are stored: this many at once, then so many per second."""
LATEST = 100_000

log = get_logger("positions")


@dataclass(slots=True)
class PositionCounters:
    """Since the start."""

    received: int = 0
    stored: int = 0
    no_fix: int = 0
    over_budget: int = 0
    flawed: int = 0


class PositionService:
    """One per node; created before the SIP endpoint starts."""

    def __init__(
        self, devices: DeviceService, store: Store, bus: Bus, clock: Clock | None = None
    ) -> None:
        self._devices = devices
        self._store = store
        self._bus = bus
        self._clock = clock or Clock()
        self._rate = RateLimited(log, self._clock.now)
        self._budget = Budget(RATE, BURST)
        self._latest: OrderedDict[tuple[str, str], PositionRecord] = OrderedDict()
        self.counters = PositionCounters()
        devices.on_message_other.append(self.on_message)

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self._rate.drain()

    # --- coming in --------------------------------------------------------------------------

    def on_message(self, device: Device, message: Message) -> None:
        """A MESSAGE or the content of a NOTIFY."""
        if isinstance(message, MobilePositionNotify):
            if message.problems:
                self.counters.flawed += 1
                self._flawed(device, "; ".join(message.problems)[:200])
            for fix in message.fixes:
                self._take(device, fix)

    def _take(self, device: Device, fix: Fix) -> None:
        self.counters.received += 1
        if fix.longitude == 0.0 and fix.latitude == 0.0:
            self.counters.no_fix += 1
            return
        if not self._budget.allow(device.device_id, self._clock.now()):
            self.counters.over_budget += 1
            self._flawed(device, "more positions than its share")
            return
        now = self._clock.civil()
        record = PositionRecord(
            device_id=device.device_id,
            reported_id=fix.device_id or device.device_id,
            at=_time_of(fix, now),
            received_at=now,
            longitude=fix.longitude,
            latitude=fix.latitude,
            speed=fix.speed,
            direction=fix.direction,
            altitude=fix.altitude,
            height=fix.height,
            system=device.policy.coordinates,
        )
        self._store.put_position(record)
        self.counters.stored += 1
        key = (record.device_id, record.reported_id)
        before = self._latest.get(key)
        if before is not None and before.at > record.at:
            return  # a late one belongs to the track, and is not where it is now
        self._latest[key] = record
        self._latest.move_to_end(key)
        if len(self._latest) > LATEST:
            self._latest.popitem(last=False)
        if self._bus.subscribers:
            self._bus.publish(Event("position.changed", self.as_dict(record)))

    def _flawed(self, device: Device, reason: str) -> None:
        self._rate.event(
            ev.POSITION_FLAWED, device.device_id, device_id=device.device_id, reason=reason
        )

    # --- questions --------------------------------------------------------------------------

    async def of_channel(
        self,
        channel_id: str,
        start: datetime | None,
        end: datetime | None,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[PositionRecord], int]:
        """The track of a channel, oldest first, and how long it is; raises NotFound."""
        route = self._devices.route(channel_id)
        if route is None:
            raise NotFound("channel", channel_id)
        return await self._store.tracks.find(
            route.device_id, route.reported_id, start, end, limit=limit, offset=offset
        )

    async def of_device(
        self,
        device_id: str,
        start: datetime | None,
        end: datetime | None,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[PositionRecord], int]:
        """Everything a device reported, oldest first; raises NotFound."""
        if self._devices.device(device_id) is None:
            raise NotFound("device", device_id)
        return await self._store.tracks.find(device_id, "", start, end, limit=limit, offset=offset)

    def as_dict(self, record: PositionRecord) -> dict[str, Any]:
        """A position for people and other software."""
        device = self._devices.device(record.device_id)
        channel_id = "" if device is None else self._devices.channel_of(device, record.reported_id)
        longitude, latitude = record.longitude, record.latitude
        if record.system == "gcj02":
            longitude, latitude = to_wgs84(longitude, latitude)
        return {
            "device_id": record.device_id,
            "channel_id": channel_id or None,
            "reported_id": record.reported_id,
            "time": record.at.isoformat(),
            "received_at": record.received_at.isoformat(),
            "longitude": record.longitude,
            "latitude": record.latitude,
            "system": record.system,
            "wgs84": {"longitude": round(longitude, 7), "latitude": round(latitude, 7)},
            "speed": record.speed,
            "direction": record.direction,
            "altitude": record.altitude,
            "height": record.height,
        }


def _time_of(fix: Fix, now: datetime) -> datetime:
    moment = parse_time(fix.time)
    return now if moment is None or moment > now + AHEAD else moment
