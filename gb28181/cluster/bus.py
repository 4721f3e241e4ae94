"""The event bus of one node: every change, once, to everyone who asked, nobody waited for.

A publisher never blocks and never fails. Each subscription holds a bounded queue; one that is
not read fast enough loses the *oldest* events and is told how many with an ``events.lost`` event,
so that it can read the state anew instead of believing a history with a hole in it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

QUEUE_EVENTS = 10_000
"""Events a subscription may be behind before the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``type`` is ``noun.past``, e.g. ``device.online``; ``data`` is JSON-ready."""

    type: str
    data: dict[str, Any]
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


class Subscription:
    """One reader's bounded view of the bus; iterate it, and close it when done."""

    def __init__(self, bus: Bus, limit: int) -> None:
        self._bus = bus
        self._queue: deque[Event] = deque()
        self._limit = limit
        self._lost = 0
        self._wake = asyncio.Event()
        self._closed = False

    def _put(self, event: Event) -> None:
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self._lost += 1
        self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        """End the subscription; a waiting reader stops iterating. Idempotent."""
        self._closed = True
        self._bus._drop(self)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while True:
            if self._lost:
                lost, self._lost = self._lost, 0
                return Event("events.lost", {"count": lost})
            if self._queue:
                return self._queue.popleft()
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()


class Bus:
    """Fan-out of events inside one process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open; publishers skip costly events when it is 0."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Hand ``event`` to every open subscription, at once and without waiting."""
        for subscription in self._subscriptions:
            subscription._put(event)

    def subscribe(self, limit: int = QUEUE_EVENTS) -> Subscription:
        """Open a subscription that sees every event published from now on."""
        subscription = Subscription(self, limit)
        self._subscriptions.add(subscription)
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    async def aclose(self) -> None:
        """End all subscriptions."""
        for subscription in list(self._subscriptions):
            subscription.close()
