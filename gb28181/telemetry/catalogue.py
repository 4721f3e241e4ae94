"""Looks up what `events.py` and its sisters hold: all events, and those of one section."""

from __future__ import annotations

from gb28181.telemetry import (
    events,
    events_outgoing,
    events_push,
    events_recording,
    events_source,
    events_talk,
    events_viewer,
    events_worker,
)
from gb28181.telemetry.events import LogEvent

MODULES = (
    events,
    events_outgoing,
    events_push,
    events_viewer,
    events_talk,
    events_worker,
    events_recording,
    events_source,
)


def all_events() -> dict[str, LogEvent]:
    """Constant name to event, in the order of the files."""
    return {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, LogEvent)
    }


def by_section() -> dict[str, list[LogEvent]]:
    """Events grouped by the part of the name before the dot."""
    grouped: dict[str, list[LogEvent]] = {}
    for event in all_events().values():
        grouped.setdefault(event.name.partition(".")[0], []).append(event)
    return grouped
