"""Events of players that do not come over HTTP; part of the catalogue `events.py`."""

from __future__ import annotations

from gb28181.telemetry.events import Level, LogEvent

VIEWER_LISTENING = LogEvent(
    "viewer.listening", Level.INFO, ("protocol", "local"), "A port for players is open."
)
VIEWER_UNAVAILABLE = LogEvent(
    "viewer.unavailable",
    Level.WARNING,
    ("protocol", "local", "reason"),
    "A port for players cannot be had; everything else goes on without it.",
)
VIEWER_BEGAN = LogEvent(
    "viewer.began",
    Level.INFO,
    ("protocol", "stream_id", "remote", "transport"),
    "A player over RTSP or WebRTC looks at a stream.",
)
VIEWER_ENDED = LogEvent(
    "viewer.ended",
    Level.INFO,
    ("protocol", "stream_id", "remote", "reason"),
    "A player over RTSP or WebRTC looks no longer.",
)
VIEWER_REFUSED = LogEvent(
    "viewer.refused",
    Level.WARNING,
    ("protocol", "channel_id", "remote", "status", "reason"),
    "A stream was not given to a player.",
)
VIEWER_CUT = LogEvent(
    "viewer.cut",
    Level.WARNING,
    ("protocol", "remote", "reason"),
    "A player's connection broke a limit or the protocol and was closed.",
)
VIEWER_TICKET_REVOKED = LogEvent(
    "viewer.ticket_revoked",
    Level.INFO,
    ("ticket_id", "user"),
    "A ticket, or all of a user, opens nothing any more; what it opened is ended.",
)
