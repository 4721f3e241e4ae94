"""Thins floods of warnings: at most one line per second for each (event, source), with a count.

The first of a flood is written at once; the following ones are counted and the next line that is
written, by `event` or by `drain`, says how many it stands for. Memory is bounded: when too many
sources are watched, the one longest silent is written out and forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gb28181.telemetry.events import LogEvent


class EventLog(Protocol):
    """What is needed of `logs.Log`."""

    def event(self, event: LogEvent, **fields: object) -> None: ...


@dataclass(slots=True)
class _Flood:
    event: LogEvent
    written_at: float
    held: int = 0
    fields: Mapping[str, object] = field(default_factory=dict)


class RateLimited:
    """A log for events the outside can cause as often as it likes."""

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], float],
        *,
        interval: float = 1.0,
        max_sources: int = 4096,
    ) -> None:
        self._log = log
        self._clock = clock
        self._interval = interval
        self._max_sources = max_sources
        self._floods: OrderedDict[tuple[str, str], _Flood] = OrderedDict()

    def event(self, event: LogEvent, source: str, **fields: object) -> None:
        """Writes the event, or counts it when its source was heard within the interval."""
        now = self._clock()
        key = (event.name, source)
        flood = self._floods.get(key)
        if flood is None:
            self._floods[key] = _Flood(event, now)
            self._log.event(event, **fields)
            self._forget_oldest()
            return
        self._floods.move_to_end(key)
        flood.held += 1
        flood.fields = fields
        if now - flood.written_at >= self._interval:
            self._write(flood, now)

    def drain(self) -> None:
        """Writes what was held back longer than the interval; call it about once a second."""
        now = self._clock()
        for key, flood in list(self._floods.items()):
            if now - flood.written_at < self._interval:
                continue
            if flood.held:
                self._write(flood, now)
            else:
                del self._floods[key]

    def _write(self, flood: _Flood, now: float) -> None:
        count = flood.held if flood.held > 1 else None
        self._log.event(flood.event, **{**flood.fields, "count": count})
        flood.written_at, flood.held = now, 0

    def _forget_oldest(self) -> None:
        while len(self._floods) > self._max_sources:
            _, flood = self._floods.popitem(last=False)
            if flood.held:
                self._write(flood, flood.written_at)
