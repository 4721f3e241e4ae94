"""Alarms as they come in: told apart, stored, told on, answered; and questions about them.

The way of one alarm: budget of its device, row, known or new, store (written behind), bus, rules,
receipt. Memory is bounded by the number of alarms remembered as known and by the store's own
limit; what goes over a device's budget is counted and not stored, never stored wrongly.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gb28181.alarms import kinds
from gb28181.alarms.making import make
from gb28181.alarms.receipts import Receipts
from gb28181.cluster.bus import Bus, Event
from gb28181.device.clock import Clock
from gb28181.device.limits import Budget
from gb28181.device.model import Device
from gb28181.device.outgoing import Outgoing
from gb28181.device.service import DeviceService
from gb28181.errors import NotFound
from gb28181.manscdp import Message
from gb28181.manscdp.commands.alarm import AlarmNotify
from gb28181.store.alarms import AlarmFilter
from gb28181.store.records import AlarmRecord
from gb28181.store.store import Store
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.endpoint import Endpoint

KNOWN = 20_000
"""Alarms remembered, to tell a repetition without asking the store."""
RATE = 50.0
BURST = 20_000.0
"""Alarms of one device that are stored: this many at once, then so many per second."""

log = get_logger("alarms")


@dataclass(slots=True)
class AlarmCounters:
    """Since the start."""

    received: int = 0
    stored: int = 0
    repeated: int = 0
    over_budget: int = 0
    flawed: int = 0


class AlarmService:
    """One per node; created before the SIP endpoint starts."""

    def __init__(
        self,
        devices: DeviceService,
        sip: Endpoint,
        store: Store,
        bus: Bus,
        clock: Clock | None = None,
    ) -> None:
        self._devices = devices
        self._store = store
        self._bus = bus
        self._clock = clock or Clock()
        self._rate = RateLimited(log, self._clock.now)
        options = devices.options
        outgoing = Outgoing(sip, options.server_id, options.domain)
        self.receipts = Receipts(sip, outgoing, self._rate)
        self._known: OrderedDict[str, AlarmRecord] = OrderedDict()
        self._budget = Budget(RATE, BURST)
        self.counters = AlarmCounters()
        self.on_alarm: list[Callable[[AlarmRecord], None]] = []
        """Hear every new alarm, once."""
        devices.on_message_other.append(self.on_message)

    # --- coming in --------------------------------------------------------------------------

    def on_message(self, device: Device, message: Message) -> None:
        """An alarm in a MESSAGE: it is owed a receipt."""
        if isinstance(message, AlarmNotify):
            self._take(device, message)
            self.receipts.add(device, message.sn, message.device_id or device.device_id)

    def on_notify(self, device: Device, message: Message) -> None:
        """An alarm in the NOTIFY of a subscription: the 200 was its receipt."""
        if isinstance(message, AlarmNotify):
            self._take(device, message)

    def _take(self, device: Device, message: AlarmNotify) -> None:
        self.counters.received += 1
        if not self._budget.allow(device.device_id, self._clock.now()):
            self.counters.over_budget += 1
            self._rate.event(
                ev.ALARM_DROPPED, device.device_id, device_id=device.device_id, reason="flood"
            )
            return
        if message.problems:
            self.counters.flawed += 1
            self._rate.event(
                ev.ALARM_FLAWED,
                device.device_id,
                device_id=device.device_id,
                reason="; ".join(message.problems)[:200],
            )
        channel_id = self._devices.channel_of(device, message.device_id)
        alarm = make(message, device.device_id, channel_id, self._clock.civil())
        known = self._known.get(alarm.alarm_id)
        if known is not None:
            self.counters.repeated += 1
            known.repeats += 1
            known.last_at = alarm.received_at
            self._store.put_alarm(known)
            return
        self._known[alarm.alarm_id] = alarm
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        self.counters.stored += 1
        self._store.put_alarm(alarm)
        self._tell(alarm)

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self._rate.drain()

    def _tell(self, alarm: AlarmRecord) -> None:
        self._rate.event(
            ev.ALARM_RAISED,
            alarm.device_id,
            device_id=alarm.device_id,
            alarm_id=alarm.alarm_id,
            channel_id=alarm.channel_id or None,
            priority=alarm.priority,
            method=alarm.method,
            alarm_type=alarm.type,
        )
        if self._bus.subscribers:
            self._bus.publish(Event("alarm.raised", as_dict(alarm)))
        for listener in self.on_alarm:
            listener(alarm)

    # --- questions --------------------------------------------------------------------------

    async def find(
        self, wanted: AlarmFilter, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[AlarmRecord], int]:
        """Alarms, newest first, and how many match."""
        return await self._store.alarms.find(wanted, limit=limit, offset=offset)

    async def get(self, alarm_id: str) -> AlarmRecord:
        """One alarm; raises NotFound."""
        found = await self._store.alarms.get(alarm_id)
        if found is None:
            raise NotFound("alarm", alarm_id)
        return found

    async def acknowledge(self, alarm_id: str, by: str, note: str = "") -> AlarmRecord:
        """Somebody has seen it; who comes second changes nothing but the note he adds."""
        alarm = await self.get(alarm_id)
        if alarm.acknowledged_at is None or (note and note != alarm.note):
            first = alarm.acknowledged_at is None
            at = self._clock.civil() if first else alarm.acknowledged_at
            who = by if first else alarm.acknowledged_by
            assert at is not None
            await self._store.alarms.acknowledge(alarm_id, at, who, note or alarm.note)
            alarm.acknowledged_at, alarm.acknowledged_by = at, who
            alarm.note = note or alarm.note
            self._bus.publish(Event("alarm.acknowledged", as_dict(alarm)))
        return alarm

    async def aclose(self) -> None:
        """Send no more receipts; the store writes what it was given."""
        self.receipts.stop()


def as_dict(alarm: AlarmRecord) -> dict[str, Any]:
    """An alarm for people and other software: numbers with their names, times with zone."""
    return {
        "alarm_id": alarm.alarm_id,
        "device_id": alarm.device_id,
        "channel_id": alarm.channel_id or None,
        "reported_id": alarm.reported_id,
        "priority": alarm.priority,
        "priority_name": _name(kinds.priority_name(alarm.priority)),
        "method": alarm.method,
        "method_name": _name(kinds.method_name(alarm.method)),
        "methods": [int(part) for part in alarm.methods.split("/") if part],
        "type": alarm.type,
        "type_name": _name(kinds.type_name(alarm.method, alarm.type)),
        "event_type": alarm.event_type,
        "event_name": _name(kinds.event_name(alarm.method, alarm.type, alarm.event_type)),
        "time": alarm.alarm_at.isoformat(),
        "time_source": alarm.time_source,
        "device_time": alarm.device_time,
        "received_at": alarm.received_at.isoformat(),
        "description": alarm.description,
        "longitude": alarm.longitude,
        "latitude": alarm.latitude,
        "sn": alarm.sn,
        "repeats": alarm.repeats,
        "last_at": alarm.last_at.isoformat(),
        "acknowledged": alarm.acknowledged_at is not None,
        "acknowledged_at": alarm.acknowledged_at and alarm.acknowledged_at.isoformat(),
        "acknowledged_by": alarm.acknowledged_by or None,
        "note": alarm.note,
    }


def _name(found: kinds.Name | None) -> dict[str, str] | None:
    return None if found is None else {"zh": found.zh, "en": found.en}
