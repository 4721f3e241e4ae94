"""What operators ask for: subscribe now and wait for the answer, or end it for good."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from gb28181.device.model import Device
from gb28181.errors import DeviceTimeout, Leg, LegFailed, NotFound
from gb28181.subscribe.entry import Entry
from gb28181.subscribe.kinds import Kind
from gb28181.subscribe.service import Subscriber
from sip.subscription import Restart, State, Stop

FIRST_ANSWER_S = 35.0
"""How long a caller waits for the device's answer; longer than a SIP transaction takes."""
LAST_ANSWER_S = 5.0
"""And for the answer to the end of a subscription."""
_AT_REST = frozenset({State.IDLE, State.REFUSED, State.CLOSED, State.WAITING})


class Wishes:
    """One per node."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def subscribe(self, device_id: str, kind: Kind, settings: dict[str, Any]) -> Entry:
        """Subscribe and wait for the device's answer; kept when it agrees. Raises NotFound,
        LegFailed(device_offline), DeviceRefused, DeviceTimeout."""
        device = self._subscriber.find(device_id)
        if device.flow is None or not device.online:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {device_id} is offline")
        entry = self._subscriber.enter(device_id, kind)
        before = (entry.record.wanted, entry.record.settings)
        entry.record.wanted, entry.record.settings = True, dict(settings)
        try:
            async with asyncio.timeout(FIRST_ANSWER_S):
                await self._begin(entry)
        except TimeoutError as error:
            self._take_back(entry, before, device)
            raise DeviceTimeout(f"device {device_id} did not answer the subscription") from error
        except BaseException:
            self._take_back(entry, before, device)
            raise
        self._subscriber.save(entry)
        return entry

    async def _begin(self, entry: Entry) -> None:
        """Another wish is another subscription: what there is ends first."""
        if entry.machine.state not in _AT_REST:
            ended = self._answer(entry)
            self._subscriber.feed(entry, Stop())
            await ended
        self._subscriber.renew(entry)
        entry.variant = 0
        begun = self._answer(entry)
        self._subscriber.feed(entry, Restart())
        await begun
        if not entry.machine.in_force:
            raise DeviceTimeout(f"the subscription at device {entry.device_id} ended at once")

    def _answer(self, entry: Entry) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry.waiting.append(answer)
        return answer

    def _take_back(
        self, entry: Entry, before: tuple[bool | None, dict[str, Any]], device: Device
    ) -> None:
        entry.record.wanted, entry.record.settings = before
        wanted = self._subscriber.wanted(device, entry.kind)
        if not wanted and entry.machine.state is not State.CLOSED:
            self._subscriber.feed(entry, Stop())
        self._subscriber.save(entry)

    async def unsubscribe(self, device_id: str, kind: Kind) -> None:
        """End a subscription, also one the settings want, and remember that. Raises NotFound."""
        device = self._subscriber.find(device_id)
        entry = self._subscriber.entry(device_id, kind)
        if entry is None or not self._subscriber.wanted(device, kind):
            raise NotFound("subscription", kind.value)
        entry.record.wanted, entry.record.settings = False, {}
        self._subscriber.end(entry, device)
        self._subscriber.save(entry)
        if entry.machine.state is State.CLOSING or entry.machine.state is State.PENDING:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_ANSWER_S):
                    await self._answer(entry)
