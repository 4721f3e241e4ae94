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
MEDIA_RELAY_UP = LogEvent(
    "media.relay_up", Level.INFO, ("remote",), "A relay on another host takes streams."
)
MEDIA_RELAY_LOST = LogEvent(
    "media.relay_lost",
    Level.ERROR,
    ("remote", "reason"),
    "A relay cannot be reached any more; its streams are called again elsewhere.",
)
RELAY_LISTENING = LogEvent(
    "relay.listening", Level.INFO, ("local",), "This relay waits for its platform."
)
RELAY_SERVES = LogEvent("relay.serves", Level.INFO, ("remote",), "A platform has this relay.")
RELAY_LEFT = LogEvent("relay.left", Level.INFO, ("remote", "reason"), "The platform is gone.")
RELAY_REFUSED = LogEvent(
    "relay.refused",
    Level.WARNING,
    ("remote", "reason"),
    "Somebody called this relay who does not know the secret.",
)
