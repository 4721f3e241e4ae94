"""Asks devices which recordings they hold (RecordInfo), one day of Beijing at a time.

What was found lately is remembered for a while: a playback that follows the list needs it again to
know where the gaps are, and must not wait for a second answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gb28181.control.collect import Collected
from gb28181.errors import BadInput, DeviceRefused, DeviceTimeout, NotFound, PlatformError
from gb28181.manscdp import Message, RecordInfoQuery
from gb28181.manscdp.times import format_time
from gb28181.session.caller import Directory, Route

from .records import Recording, days, record_key, tidy

MOST_DAYS = 31
REMEMBERED_S = 60.0
MOST_REMEMBERED = 1_000
FIRST_S = 10.0
QUIET_S = 5.0
LONGEST_S = 60.0


class Control(Protocol):
    """What is needed of `control`."""

    async def query(
        self,
        device_id: str,
        message: Message,
        *,
        timeout: float,  # noqa: ASYNC109
        quiet: float,
        longest: float,
        key: Callable[[Any], Hashable] | None,
    ) -> Collected: ...


@dataclass(frozen=True, slots=True)
class Found:
    """The recordings of a channel in the asked time."""

    items: tuple[Recording, ...]
    complete: bool
    """Everything the device announced came."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float
    start: datetime
    end: datetime
    items: tuple[Recording, ...]


class Archive:
    """One per node."""

    def __init__(self, directory: Directory, control: Control) -> None:
        self._directory = directory
        self._control = control
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def records(self, channel_id: str, start: datetime, end: datetime) -> Found:
        """What the device holds; raises NotFound, LegFailed, DeviceRefused, DeviceTimeout."""
        route = self._directory.route(channel_id)
        if route is None:
            raise NotFound("channel", channel_id)
        if end <= start:
            raise BadInput("start must be before end")
        parts = list(days(start, end))
        if len(parts) > MOST_DAYS:
            raise BadInput(f"at most {MOST_DAYS} days at a time", days=len(parts))
        items: list[Recording] = []
        complete = True
        for number, (first, last) in enumerate(parts):
            try:
                found, whole = await self._day(route, first, last)
            except (DeviceRefused, DeviceTimeout):
                if not number:
                    raise
                complete = False  # the days before are worth telling
                break
            items += [item for item in found if item not in items[-len(found) - 8 :]]
            complete = complete and whole
        result = tuple(sorted(items, key=lambda item: (item.start, item.end)))
        if complete:
            self._remember(channel_id, start, end, result)
        return Found(result, complete)

    async def lately(
        self, channel_id: str, start: datetime, end: datetime, wait_s: float
    ) -> tuple[Recording, ...]:
        """What is known of this time, asked for within ``wait_s`` if need be; empty when not."""
        kept = self._remembered.get(channel_id)
        now = asyncio.get_running_loop().time()
        if kept is not None and kept.until > now and kept.start <= start and end <= kept.end:
            return tuple(r for r in kept.items if r.end > start and r.start < end)
        try:
            async with asyncio.timeout(wait_s):
                return (await self.records(channel_id, start, end)).items
        except (TimeoutError, PlatformError):
            # A device that does not tell in time can still play: it is asked for all of the time.
            self._remember(channel_id, start, end, ())
            return ()

    async def _day(
        self, route: Route, start: datetime, end: datetime
    ) -> tuple[list[Recording], bool]:
        message = RecordInfoQuery("", route.reported_id, format_time(start), format_time(end))
        found = await self._control.query(
            route.device_id,
            message,
            timeout=FIRST_S,
            quiet=QUIET_S,
            longest=LONGEST_S,
            key=record_key,
        )
        return tidy(found.items, start, end), found.complete

    def _remember(
        self, channel_id: str, start: datetime, end: datetime, items: tuple[Recording, ...]
    ) -> None:
        now = asyncio.get_running_loop().time()
        self._remembered[channel_id] = _Remembered(now + REMEMBERED_S, start, end, items)
        self._remembered.move_to_end(channel_id)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
