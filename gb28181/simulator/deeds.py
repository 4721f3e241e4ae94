"""Performs what a question makes a device do besides answering: restart, upgrade, pictures.

GB/T 28181-2022 9.3 (TeleBoot), 9.13, 9.14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, assert_never

from gb28181.simulator import http, machine, snapshots
from gb28181.simulator.answers.asked import (
    Boot,
    Deed,
    KeyFrame,
    Listen,
    Register,
    Retime,
    TakePictures,
    Upgrade,
)
from gb28181.simulator.clip import MAIN
from gb28181.simulator.desk import CallDesk
from gb28181.simulator.device import Device
from gb28181.simulator.faults import Fault
from gb28181.simulator.speaker import Speakers
from gb28181.simulator.subscriptions import Subscriptions

RESULT_S = 1.0
"""Between the registration after an upgrade and its result."""

MOST_AT_ONCE = 1000
"""Uploads and upgrades under way in one fleet."""


class Deeds:
    """Of one fleet."""

    def __init__(self, desk: CallDesk, subscriptions: Subscriptions, boot_s: float) -> None:
        self._desk = desk
        self._subscriptions = subscriptions
        self.speakers = Speakers()
        self._boot_s = boot_s
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: dict[str, tuple[Upgrade, bool]] = {}
        """Device -> what it tells when it is back."""

    async def aclose(self) -> None:
        """Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.speakers.aclose()

    def do(self, device: Device, deed: Deed) -> None:
        match deed:
            case KeyFrame(code):
                for call in self._desk.of_channels([code]):
                    call.key_frame()
            case Boot():
                self._boot(device)
            case Listen(target, source_id):
                self.speakers.listen(device, target, source_id)
            case Register():
                device.feed(machine.Again())
            case Retime(interval_s):
                device.retime(interval_s)
            case Upgrade():
                self._begin(self._upgrade(device, deed))
            case TakePictures(code, config):
                clip = self._desk.studio.clip(MAIN)
                banner = self._desk.banner(code, MAIN)
                frame = self._desk.frame
                self._begin(snapshots.bring(device, code, config, clip, banner, frame))
            case _:
                assert_never(deed)

    def back(self, device: Device) -> None:
        """A device came online; one that was upgraded tells how it went."""
        result = self._results.pop(device.spec.device_id, None)
        if result is not None and Fault.NO_UPGRADE_RESULT not in device.faults:
            upgrade, good = result
            sn, session_id = device.next_sn(), upgrade.session_id
            body = device.writer.upgraded(sn, session_id, upgrade.firmware, good)
            self._loop.call_later(RESULT_S, device.send, body)

    def _boot(self, device: Device) -> None:
        """Away without a word: no BYE, no unregistration, no end of subscriptions."""
        codes = [one.channel_id for one in device.spec.channels]
        for call in self._desk.of_channels(codes):
            call.vanish()
        self.speakers.forget(device)
        self._subscriptions.forget(device)
        device.feed(machine.Boot(self._boot_s))

    async def _upgrade(self, device: Device, deed: Upgrade) -> None:
        try:
            good = await http.fetch(deed.url) > 0
        except http.HttpFailed:
            good = False
        self._results[device.spec.device_id] = (deed, good)
        self._boot(device)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MOST_AT_ONCE:
            work.close()  # a busy camera forgets
            return
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
