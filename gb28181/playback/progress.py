"""Words of a download: its states, its bounds, and the view outsiders get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gb28181.session.model import EndReason
from gb28181.store.downloads import DownloadRecord


class DownloadState(StrEnum):
    """Where a download stands."""

    QUEUED = "queued"
    """Others of the same device come first, or the device has to come back."""
    RUNNING = "running"
    FINISHING = "finishing"
    """All was received; the file is being made."""
    DONE = "done"
    BROKEN = "broken"
    """The link broke; what was received is kept, and it goes on when the device is back."""
    FAILED = "failed"


ACTIVE = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.FINISHING)


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Bounds of downloading."""

    per_device: int = 2
    """At one time; more are queued."""
    queued: int = 50
    """Waiting for one device; the next one is refused."""
    keep_s: float = 30 * 86_400.0
    """How long finished, broken and failed ones are kept."""
    reserve: int = 512 << 20
    """Bytes of the disk that stay free."""


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A download as API and events show it."""

    download_id: str
    channel_id: str
    device_id: str
    start: datetime
    end: datetime
    speed: int
    state: DownloadState
    progress: float
    """0 to 1, by the recorded time received."""
    received: int
    """Bytes received so far."""
    size: int | None
    sha256: str | None
    duration_s: float | None
    video: str | None
    audio: str | None
    reason: str | None
    message: str | None
    session_id: str | None
    created_at: datetime
    ended_at: datetime | None


def view_of(
    record: DownloadRecord, *, received: int, position: float, session_id: str | None
) -> DownloadView:
    """The view of a row with what runs now."""
    state = DownloadState(record.state)
    done = state is DownloadState.DONE
    return DownloadView(
        download_id=record.download_id,
        channel_id=record.channel_id,
        device_id=record.device_id,
        start=record.start_at,
        end=record.end_at,
        speed=record.speed,
        state=state,
        progress=1.0 if done else _progress(record, position),
        received=received,
        size=record.size if done else None,
        sha256=record.sha256 if done else None,
        duration_s=record.duration_s if done else None,
        video=record.video or None,
        audio=record.audio or None,
        reason=record.reason or None,
        message=record.message or None,
        session_id=session_id,
        created_at=record.created_at,
        ended_at=record.ended_at,
    )


def _progress(record: DownloadRecord, position: float) -> float:
    start, end = record.start_at.timestamp(), record.end_at.timestamp()
    share = (position - start) / max(1.0, end - start)
    return round(min(max(share, 0.0), 0.999), 3)


MAY_GO_ON = frozenset(
    {
        EndReason.DEVICE_OFFLINE,
        EndReason.NO_PORT,
        EndReason.INVITE_TIMEOUT,
        EndReason.NO_MEDIA,
        EndReason.MEDIA_STOPPED,
        EndReason.DEVICE_BYE,
        EndReason.SHUTDOWN,
    }
)
"""After these the rest can still be had another time; a refusal or a codec will not change."""
