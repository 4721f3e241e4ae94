"""Datagrams that are no SIP, sent to the SIP port where a fault says so (GB/T 28181-2022 4.3.2)."""

from __future__ import annotations

import asyncio
from typing import Final

from gb28181.simulator.device import Device
from gb28181.simulator.faults import Fault

JUNK: Final = b"\x00\x01\x02\x03 no SIP \xff\xfe"


class Noise:
    """Of one fleet."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begin(self, device: Device) -> None:
        """From now on, while the device is online."""
        pause = device.faults.get(Fault.NON_SIP_TRAFFIC)
        if pause is None or device.spec.device_id in self._timers:
            return

        def make() -> None:
            flow = device.line.flow
            if flow is not None and device.is_online:
                device.line.endpoint.send_bytes(JUNK, flow)
            self._timers[device.spec.device_id] = self._loop.call_later(pause, make)

        self._timers[device.spec.device_id] = self._loop.call_later(0, make)

    def close(self) -> None:
        """Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
