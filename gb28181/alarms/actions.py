"""What rules can make a camera do: go to a preset, take a picture, record for a while, be reset.

All of it goes through the control service, as if an operator had asked. `channel_id` names another
camera than the one that raised the alarm. A recording is one in the device; an alarm while it runs
makes it longer. It is ended when the platform stops, so that no card fills for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from gb28181.alarms.linkage import Action, ActionFailed, Linkage
from gb28181.control.service import ControlService
from gb28181.control.target import Caller
from gb28181.errors import DeviceTimeout, PlatformError
from gb28181.manscdp.actions import AlarmReset, RecordCmd
from gb28181.manscdp.ptz import Preset, PresetDo
from gb28181.store.records import AlarmRecord, AlarmRuleRecord

RANK = -1
"""Below every person: a rule takes no camera out of somebody's hands."""
MOST_SECONDS = 3600
MOST_RECORDINGS = 1_000
LAST_WORD_S = 2.0


class ControlActions:
    """One per node."""

    def __init__(self, linkage: Linkage, control: ControlService) -> None:
        self._control = control
        self._until: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        linkage.offer("preset", Action(self._preset, _check_preset))
        linkage.offer("snapshot", Action(self._snapshot, _check_channel))
        linkage.offer("record", Action(self._record, _check_record))
        linkage.offer("reset", Action(self._reset, _check_channel))

    async def _preset(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        who = Caller(f"rule {rule.name or rule.rule_id}", RANK)
        instruction = Preset(PresetDo.CALL, int(action["preset"]))
        await self._control.ptz.command(_channel(alarm, action), instruction, who)

    async def _snapshot(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        await self._control.snapshots.take(_channel(alarm, action))

    async def _reset(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        method = str(alarm.method) if alarm.method is not None else ""
        kind = str(alarm.type) if alarm.type is not None else ""
        channel_id = str(action.get("channel_id") or alarm.channel_id)
        target = (
            self._control.channel(channel_id)
            if channel_id
            else self._control.device(alarm.device_id)
        )
        await self._control.commands.do(target, AlarmReset(method, kind))

    # --- recording ----------------------------------------------------------------------------

    async def _record(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        channel_id = _channel(alarm, action)
        loop = asyncio.get_running_loop()
        until = loop.time() + float(action["seconds"])
        if channel_id in self._tasks:
            self._until[channel_id] = max(until, self._until[channel_id])
            return
        if len(self._tasks) >= MOST_RECORDINGS:
            raise ActionFailed("too many recordings run")
        try:
            await self._switch(channel_id, on=True)
        except DeviceTimeout:
            self._stop_at(channel_id, until)  # it may have begun all the same
            raise
        self._stop_at(channel_id, until)

    def _stop_at(self, channel_id: str, until: float) -> None:
        self._until[channel_id] = max(until, self._until.get(channel_id, until))
        if channel_id in self._tasks:
            return
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._stop_later(channel_id), name=f"recording {channel_id}")
        self._tasks[channel_id] = task
        task.add_done_callback(lambda _: self._over(channel_id))

    def _over(self, channel_id: str) -> None:
        del self._tasks[channel_id], self._until[channel_id]

    async def _stop_later(self, channel_id: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            left = self._until[channel_id] - loop.time()
            while left > 0:
                await asyncio.sleep(left)
                left = self._until[channel_id] - loop.time()
        finally:
            with contextlib.suppress(PlatformError, asyncio.TimeoutError):
                async with asyncio.timeout(LAST_WORD_S):
                    await self._switch(channel_id, on=False)

    async def _switch(self, channel_id: str, *, on: bool) -> None:
        await self._control.commands.do(self._control.channel(channel_id), RecordCmd(on))

    async def aclose(self) -> None:
        """End the recordings that run."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _channel(alarm: AlarmRecord, action: Mapping[str, Any]) -> str:
    channel_id = str(action.get("channel_id") or alarm.channel_id)
    if not channel_id:
        raise ActionFailed("the alarm names no channel, and neither does the rule")
    return channel_id


def _check_channel(action: Mapping[str, Any]) -> None:
    channel_id = action.get("channel_id")
    if channel_id is not None and not isinstance(channel_id, str):
        raise ValueError("channel_id must be a text")


def _check_preset(action: Mapping[str, Any]) -> None:
    _check_channel(action)
    _check_number(action, "preset", 255)


def _check_record(action: Mapping[str, Any]) -> None:
    _check_channel(action)
    _check_number(action, "seconds", MOST_SECONDS)


def _check_number(action: Mapping[str, Any], name: str, most: int) -> None:
    value = action.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}")
