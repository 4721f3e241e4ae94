"""The part of the catalogue about media processes; see `events.py`."""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

MEDIA_WORKER_STARTED = LogEvent(
    "media.worker_started", Level.INFO, ("pid",), "A media process is up and takes streams."
)
MEDIA_WORKER_LOST = LogEvent(
    "media.worker_lost",
    Level.ERROR,
    ("pid", "reason"),
    "A media process died; its streams are called again, and another one starts.",
)
MEDIA_NODE_DRAINED = LogEvent(
    "media.node_drained",
    Level.INFO,
    ("moved", "left"),
    "A media node gets nothing new; so many of its streams are called again elsewhere.",
)
MEDIA_NODE_UNDRAINED = LogEvent(
    "media.node_undrained", Level.INFO, (), "A media node is in service again."
)
