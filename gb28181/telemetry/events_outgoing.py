"""Events of what goes out to others than viewers; part of the catalogue `events.py`."""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

SNAPSHOT_PROCESS_LOST = LogEvent(
    "snapshot.process_lost",
    Level.WARNING,
    ("reason",),
    "The process that decodes pictures died over one or was killed; the next one starts it anew.",
)
FORWARD_STARTED = LogEvent(
    "forward.started",
    Level.INFO,
    ("stream_id", "forward_id", "remote"),
    "A stream is sent on to an address.",
)
FORWARD_ENDED = LogEvent(
    "forward.ended",
    Level.INFO,
    ("stream_id", "forward_id", "reason"),
    "A stream is not sent on any more, without anybody having asked for its end.",
)
TRANSCODE_STARTED = LogEvent(
    "transcode.started",
    Level.INFO,
    ("stream_id",),
    "H.264 is made of a stream of H.265, for a browser that cannot decode it.",
)
TRANSCODE_ENDED = LogEvent(
    "transcode.ended",
    Level.INFO,
    ("stream_id", "reason"),
    "It is not made any more.",
)
