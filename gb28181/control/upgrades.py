"""Firmware upgrades: asked for now, told about after the restart. GB/T 28181-2022 9.13.

The command is answered at once with a Response; the device then fetches the firmware, restarts,
registers and tells the result under the same SessionID, minutes later. The row is kept, so that the
platform may restart meanwhile as well.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from typing import Any

from gb28181.cluster.bus import Bus, Event
from gb28181.control.commands import Commands
from gb28181.control.target import Target
from gb28181.device.clock import Clock
from gb28181.device.model import Device
from gb28181.errors import NotFound, PlatformError
from gb28181.manscdp.actions import DeviceUpgrade
from gb28181.manscdp.commands.device_status import Result
from gb28181.manscdp.commands.upgrade_result import DeviceUpgradeResult, UpgradeFailure
from gb28181.store.control import ControlBook, UpgradeRecord
from gb28181.store.errors import StoreError
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

SENT, DONE, FAILED = "sent", "done", "failed"
MOST_FIRMWARE = 128

log = get_logger("control")


class Upgrades:
    """One per node."""

    def __init__(
        self, commands: Commands, book: ControlBook, bus: Bus, clock: Clock | None = None
    ) -> None:
        self._commands = commands
        self._book = book
        self._bus = bus
        self._clock = clock or Clock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(
        self, target: Target, firmware: str, file_url: str, manufacturer: str, *, force: bool
    ) -> UpgradeRecord:
        """Tell the device; raises what `Commands.do` raises."""
        target.require_2022("DeviceUpgrade", force=force)
        session_id = secrets.token_hex(16)
        action = DeviceUpgrade(firmware, file_url, manufacturer, session_id)
        record = UpgradeRecord(
            session_id, target.device_id, firmware, file_url, SENT, "", "", self._clock.civil()
        )
        await self._book.add_upgrade(record)
        try:
            await self._commands.do(target, action, force=True)
        except PlatformError as error:
            await self._end(record, FAILED, error.code)
            raise
        return record

    def on_result(self, device: Device, message: DeviceUpgradeResult) -> None:
        """DeviceUpgradeResult of a device."""
        task = asyncio.get_running_loop().create_task(self._result(device.device_id, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _result(self, device_id: str, message: DeviceUpgradeResult) -> None:
        try:
            record = await self._book.upgrade(message.session_id)
            known = record is not None and record.device_id == device_id
            log.event(
                ev.DEVICE_UPGRADE_ENDED,
                device_id=device_id,
                session_id=message.session_id[:64],
                result=None if message.result is None else message.result.value,
                reason=None if message.failure is None else message.failure.name.lower(),
                known=known,
            )
            if record is not None and known:
                record.running_firmware = message.firmware[:MOST_FIRMWARE]
                state = DONE if message.result is Result.OK else FAILED
                failure = message.failure or UpgradeFailure.OTHER
                await self._end(record, state, "" if state == DONE else failure.name.lower())
        except StoreError as error:
            log.event(ev.APP_FAILED, component="control.upgrades", reason=str(error))

    async def _end(self, record: UpgradeRecord, state: str, failure: str) -> None:
        record.state, record.failure, record.ended_at = state, failure, self._clock.civil()
        await self._book.end_upgrade(record)
        told: dict[str, Any] = asdict(record)
        told["started_at"] = record.started_at.isoformat()
        told["ended_at"] = record.ended_at.isoformat()
        self._bus.publish(Event("device.upgrade", told))

    async def of_device(
        self, device_id: str, limit: int, offset: int
    ) -> tuple[list[UpgradeRecord], int]:
        """Upgrades of a device, newest first."""
        return await self._book.upgrades(device_id, limit=limit, offset=offset)

    async def find(self, device_id: str, session_id: str) -> UpgradeRecord:
        record = await self._book.upgrade(session_id)
        if record is None or record.device_id != device_id:
            raise NotFound("upgrade", session_id)
        return record

    async def aclose(self) -> None:
        """Results that are being written."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
