"""Events of streams that are brought to other servers; part of the catalogue `events.py`.

The target is named without its secrets.
"""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

PUSH_CREATED = LogEvent(
    "push.created",
    Level.INFO,
    ("push_id", "channel_id", "target"),
    "An operator wants a stream brought to another server.",
)
PUSH_REMOVED = LogEvent(
    "push.removed", Level.INFO, ("push_id", "channel_id", "target"), "An operator took it away."
)
PUSH_STARTED = LogEvent(
    "push.started",
    Level.INFO,
    ("push_id", "channel_id", "target", "remote"),
    "The other server takes the stream.",
)
PUSH_WAITING = LogEvent(
    "push.waiting",
    Level.WARNING,
    ("push_id", "channel_id", "target", "waits_for", "reason"),
    "It does not, or the stream cannot be had; tried again with growing pauses, and told again when"
    " the reason is another.",
)
