"""Log events about speech to devices: talks, their targets, their microphones.

Part of the catalogue (`events.py` says what that is and how an event is added).
"""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

TALK_STARTED = LogEvent(
    "talk.started",
    Level.INFO,
    ("talk_id", "mode", "source", "targets", "user"),
    "Somebody wants to speak to devices.",
)
TALK_TARGET_RUNNING = LogEvent(
    "talk.target_running",
    Level.INFO,
    (
        "talk_id",
        "target_id",
        "device_id",
        "session_id",
        "call_id",
        "transport",
        "remote",
        "duration_ms",
    ),
    "A device hears: its call stands and sound is sent to it.",
)
TALK_TARGET_FAILED = LogEvent(
    "talk.target_failed",
    Level.WARNING,
    (
        "talk_id",
        "target_id",
        "device_id",
        "session_id",
        "call_id",
        "reason",
        "detail",
        "status",
    ),
    "A device does not hear (any more), told at once; `reason` says why.",
)
TALK_TARGET_ENDED = LogEvent(
    "talk.target_ended",
    Level.INFO,
    ("talk_id", "target_id", "device_id", "session_id", "call_id", "reason", "duration_ms"),
    "The call that carried speech to a device is over.",
)
TALK_ENDED = LogEvent(
    "talk.ended",
    Level.INFO,
    ("talk_id", "reason", "duration_ms"),
    "A talk is over, and all its targets with it.",
)
TALK_INVITE_REFUSED = LogEvent(
    "talk.invite_refused",
    Level.WARNING,
    ("device_id", "remote", "call_id", "status", "reason"),
    "An INVITE came that no broadcast of ours asked for.",
)
TALK_MICROPHONE_OPENED = LogEvent(
    "talk.microphone_opened", Level.INFO, ("talk_id", "rate"), "Somebody speaks in a talk."
)
TALK_MICROPHONE_CLOSED = LogEvent(
    "talk.microphone_closed", Level.INFO, ("talk_id", "seconds"), "Nobody speaks any more."
)
