"""Log events about what the platform records itself.

Part of the catalogue (`events.py` says what that is and how an event is added).
"""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

RECORDING_STARTED = LogEvent(
    "recording.started",
    Level.INFO,
    ("channel_id", "path", "reason"),
    "A channel is being recorded; `reason` says who wants it.",
)
RECORDING_STOPPED = LogEvent(
    "recording.stopped", Level.INFO, ("channel_id",), "A channel is wanted by nobody any more."
)
RECORDING_SEGMENT_WRITTEN = LogEvent(
    "recording.segment_written",
    Level.DEBUG,
    ("channel_id", "path", "seconds", "size", "reason"),
    "A file is whole.",
)
RECORDING_GAP = LogEvent(
    "recording.gap",
    Level.WARNING,
    ("channel_id", "reason", "seconds"),
    "Recording is wanted and there is nothing to record; told when it begins, and with `seconds`"
    " when it is over.",
)
RECORDING_PAUSED = LogEvent(
    "recording.paused",
    Level.ERROR,
    ("reason", "free", "size"),
    "Nothing is recorded any more: the disk, or the share of it that recordings may have, is full.",
)
RECORDING_RESUMED = LogEvent(
    "recording.resumed", Level.INFO, ("free", "size"), "There is room again."
)
RECORDING_REMOVED = LogEvent(
    "recording.removed",
    Level.INFO,
    ("size", "reason"),
    "Old files were removed: `age`, `quota` or `disk`.",
)
RECORDING_REPAIRED = LogEvent(
    "recording.repaired",
    Level.INFO,
    ("channel_id", "path", "seconds", "size"),
    "A file that was not closed was closed with what is whole of it.",
)
RECORDING_FILE_MISSING = LogEvent(
    "recording.file_missing",
    Level.WARNING,
    ("path",),
    "Files of the index are gone; `path` is one of them. They are shown as `lost`.",
)
RECORDING_FILE_UNKNOWN = LogEvent(
    "recording.file_unknown",
    Level.WARNING,
    ("path",),
    "Files in the folder of recordings are not in the index; `path` is one of them. They are left"
    " where they are.",
)
RECORDING_UNREADABLE = LogEvent(
    "recording.unreadable",
    Level.WARNING,
    ("channel_id", "stream_id", "path", "reason"),
    "A file of a recording that is shown cannot be read, or not to its end; it goes on with the"
    " next. Told once for each file and stream.",
)
RECORDING_FAILED = LogEvent(
    "recording.failed",
    Level.ERROR,
    ("channel_id", "reason"),
    "Writing a recording, or its index, failed.",
)
RECORDING_EXPORTED = LogEvent(
    "recording.exported",
    Level.INFO,
    ("export_id", "channel_id", "state", "size", "reason"),
    "An export is done, or failed.",
)
RECORDING_MOVED = LogEvent(
    "recording.moved",
    Level.DEBUG,
    ("channel_id", "path", "size"),
    "A file was brought to the store, checked there, and freed here.",
)
RECORDING_STORE_AWAY = LogEvent(
    "recording.store_away",
    Level.ERROR,
    ("reason",),
    "The store of recordings does not answer, refuses us, or is full (`quota`). Files stay on the"
    " local disk and are brought later; told once a minute while it lasts.",
)
RECORDING_STORE_BACK = LogEvent(
    "recording.store_back", Level.INFO, (), "The store takes recordings again."
)
