"""What happens in a fleet by itself: alarms, channels that go off and come back, vehicles.

How often is told in the options; which device it is comes from a seeded source. Tests and programs
that hold a fleet can make the same things happen at one device.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from gb28181.manscdp.blocks import AlarmReport, BlockType
from gb28181.simulator.bodies import Alarm
from gb28181.simulator.device import Device
from gb28181.simulator.faults import Fault, dice_of
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.subscriptions import Subscriptions

MINUTE_S: Final = 60.0
DEVICE_METHOD: Final = 2
VIDEO_METHOD: Final = 5
MOTION: Final = 2

# Priority, method, type, text.
_KINDS: Final = (
    (4, VIDEO_METHOD, MOTION, "移动侦测"),
    (3, VIDEO_METHOD, 6, "区域入侵"),
    (2, DEVICE_METHOD, 2, "设备防拆"),
    (1, DEVICE_METHOD, 1, "视频丢失"),
    (3, 6, 1, "存储设备磁盘故障"),
)


class Happenings:
    """The clock of one fleet."""

    def __init__(
        self,
        options: FleetOptions,
        subscriptions: Subscriptions,
        devices: Callable[[], Iterable[Device]],
    ) -> None:
        self._options = options
        self._subscriptions = subscriptions
        self._devices = devices
        self._dice = dice_of(options.seed, "happenings")
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def start(self) -> None:
        told = self._options.happenings
        self._repeat("alarm", told.alarms, self._some_alarm)
        self._repeat("change", told.changes, self._some_change)

    def close(self) -> None:
        """Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def is_moving(self, device: Device) -> bool:
        share = self._options.happenings.moving
        if share <= 0:
            return False
        dice = dice_of(self._options.seed, "moving", device.spec.device_id)
        return dice.random() < share

    # --- at one device ------------------------------------------------------------------------

    def alarm(self, device: Device, alarm: Alarm) -> bool:
        """Raise it; False when the device keeps it to itself (A.2.5.3, note: after one of method 2
        it is silent until the reset)."""
        memory = device.memory
        if alarm.method == DEVICE_METHOD:
            if memory.silent and Fault.ALARM_NOT_SILENT not in device.faults:
                return False
            memory.silent = True
        report = memory.block(alarm.code, BlockType.ALARM_REPORT)
        motion = alarm.method == VIDEO_METHOD and alarm.type == MOTION
        if motion and isinstance(report, AlarmReport) and report.motion_detection == 0:
            return False
        if not self._subscriptions.alarm(device, alarm):
            device.send(device.writer.alarm(device.next_sn(), alarm, device.wall))
        return True

    def change(self, device: Device, code: str) -> None:
        """A channel goes off, or comes back."""
        off = device.memory.off_channels
        if code in off:
            off.discard(code)
        else:
            off.add(code)
        self._subscriptions.changed(device, code, "OFF" if code in off else "ON")

    # --- by the clock -------------------------------------------------------------------------

    def _repeat(self, name: str, per_minute: float, then: Callable[[], None]) -> None:
        if per_minute > 0:
            pause = self._dice.expovariate(per_minute / MINUTE_S)

            def ring() -> None:
                then()
                self._repeat(name, per_minute, then)

            self._timers[name] = self._loop.call_later(pause, ring)

    def _some(self) -> tuple[Device, str] | None:
        online = [one for one in self._devices() if one.is_online and one.spec.channels]
        if not online:
            return None
        device = self._dice.choice(online)
        return device, self._dice.choice(device.spec.channels).channel_id

    def _some_alarm(self) -> None:
        found = self._some()
        if found is not None:
            priority, method, kind, text = self._dice.choice(_KINDS)
            self.alarm(found[0], Alarm(found[1], priority, method, kind, None, text))

    def _some_change(self) -> None:
        found = self._some()
        if found is not None:
            self.change(*found)
