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
    "source.online",
    Level.INFO,
    ("channel_id", "remote"),
    "A camera without SIP could be reached, or began to publish.",
)
SOURCE_OFFLINE = LogEvent(
    "source.offline",
    Level.WARNING,
    ("channel_id", "reason"),
    "A camera without SIP could not be reached, refused, or stopped publishing.",
)
SOURCE_KEY_CHANGED = LogEvent(
    "source.key_changed",
    Level.INFO,
    ("channel_id",),
    "A camera that publishes has another key; the one before opens nothing any more.",
)
SOURCE_LISTENING = LogEvent(
    "source.listening",
    Level.INFO,
    ("protocol", "local"),
    "A port for cameras that publish is open.",
)
SOURCE_UNAVAILABLE = LogEvent(
    "source.unavailable",
    Level.WARNING,
    ("protocol", "local", "reason"),
    "A port for cameras that publish cannot be had; everything else goes on without it.",
)
SOURCE_REFUSED = LogEvent(
    "source.refused",
    Level.WARNING,
    ("protocol", "remote", "reason"),
    "Somebody wanted to publish and may not: a wrong key, or one that is in use.",
)
SOURCE_CUT = LogEvent(
    "source.cut",
    Level.WARNING,
    ("protocol", "remote", "reason"),
    "The connection of somebody who publishes broke a limit or the protocol and was closed.",
)
