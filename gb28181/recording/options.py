"""What recording is told by the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from .bucket import BucketOptions


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """Bounds and places."""

    folder: Path
    segment_s: float = 600.0
    zone: str = "Asia/Shanghai"
    keep_days: float = 30.0
    """0: as long as there is room."""
    quota: int = 0
    """Bytes of all recordings; 0: none."""
    reserve: int = 2 << 30
    """Bytes of the disk that stay free."""
    overwrite: bool = True
    """The oldest recordings make room for new ones."""
    playbacks: int = 32
    """Recordings shown at one time."""
    export_keep_s: float = 7 * 86_400.0
    look_s: float = 10.0
    """How often the room is looked at."""
    store: BucketOptions | None = None
    """Where whole segments are brought to."""

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
