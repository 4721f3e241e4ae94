"""What a node tells of the segments it records: the part of the seam that is about them.

A segment is a fragmented MP4 file. It can be played while it grows and wherever its writing ended;
the next one begins at a key frame. Times of the clock are UNIX seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """How a stream is recorded."""

    folder: str
    """Files come into `<folder>/<date>/<name>/<time>.mp4`."""
    name: str
    seconds: float = 600.0
    """A segment ends at the first key frame after so long."""
    zone: str = "Asia/Shanghai"
    """Of date and time in the names of files."""


@dataclass(frozen=True, slots=True)
class SegmentOpened:
    """A file was begun."""

    stream_id: str
    path: str
    """Below the folder, with `/`."""
    start: float
    video: str
    """Codec and size, `h264 1920x1080`; empty without a picture."""
    audio: str
    """Codec; empty without a sound."""


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    """A file is whole."""

    stream_id: str
    path: str
    start: float
    end: float
    size: int
    seconds: float
    """Of media in it."""
    pictures: int
    reason: str
    """`length`, `format`, `interrupted`, `stopped` or what the disk said."""


@dataclass(frozen=True, slots=True)
class SegmentsFailed:
    """Nothing more is recorded of the stream; it still has to be stopped."""

    stream_id: str
    reason: str
    full: bool
    """There is no room on the disk."""


@dataclass(frozen=True, slots=True)
class SegmentsInfo:
    """A recording in segments as it stands."""

    stream_id: str
    segments: int
    """Opened so far."""
    bytes: int
    """On the disk, of all of them."""
    seconds: float
    path: str | None
    """Of the file that grows."""
    start: float
    """Its begin; 0 without a file."""
    end: float
    """How far it is on the disk."""
    size: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class SegmentsMoved:
    """The recording was stopped, because its node is taken out of service: it is to be begun anew,
    and comes to another one."""

    stream_id: str


SegmentEvent = SegmentOpened | SegmentClosed | SegmentsFailed | SegmentsMoved


class SegmentNode(Protocol):
    """What `media.node.MediaNode` can be asked about segments."""

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        """Record in segment files, from now on or from when the stream comes; a spool may be
        written besides.

        It outlives receivers and the stream, and whoever began it stops it; every file is told when
        it is begun and when it is whole. Raises RecordingBusy, RecordingImpossible.
        """
        ...

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        """End it, with all of it in the files. Idempotent; None when there is none."""
        ...

    def segments(self, stream_id: str) -> SegmentsInfo | None: ...
