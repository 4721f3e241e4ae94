"""Where a recording that is shown stands, whoever keeps it: a device, or the platform itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PlaybackView:
    """One playback."""

    session_id: str
    stream_id: str
    state: str
    start: datetime
    end: datetime
    position_s: float
    """Seconds from ``start``."""
    speed: float
    paused: bool
