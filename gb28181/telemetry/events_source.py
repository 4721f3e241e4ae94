"""Events of cameras without SIP; part of the catalogue `events.py`."""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

SOURCE_CREATED = LogEvent(
    "source.created", Level.INFO, ("channel_id", "url"), "An operator entered a camera without SIP."
)
SOURCE_REMOVED = LogEvent(
    "source.removed", Level.INFO, ("channel_id",), "An operator took such a camera away."
)
SOURCE_ONLINE = LogEvent(
    "source.online", Level.INFO, ("channel_id",), "A camera without SIP could be reached."
)
SOURCE_OFFLINE = LogEvent(
    "source.offline",
    Level.WARNING,
    ("channel_id", "reason"),
    "A camera without SIP could not be reached, or refused.",
)
