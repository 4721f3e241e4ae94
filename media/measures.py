"""What is measured of a stream once a second, beside its plain counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.receive.pipeline import Pipeline
from media.unit import CLOCK_HZ


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the last full second, where nothing else is said."""

    bitrate_bps: int = 0
    """Received, headers of RTP included."""
    fps: float = 0.0
    """Pictures that could be given out."""
    loss: float = 0.0
    """Share of the packets that were missing, 0 to 1."""
    jitter_ms: float = 0.0
    """Interarrival jitter of the frames, smoothed over sixteen of them (RFC 3550 6.4.1)."""
    gop_frames: int = 0
    """Pictures from the last key frame but one to the last; 0 while that is not known."""
    gop_s: float = 0.0
    """The time between them."""
    reports_sent: int = 0
    """RTCP receiver reports since the start."""
    reports_heard: int = 0
    """RTCP sender reports since the start."""


NOT_MEASURED: Final = Measures()


class Meter:
    """Makes the measures of one stream; `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.last = Measures()
        self._mark = (now, 0, 0, 0, 0)

    def look(self, pipeline: Pipeline, now: float) -> None:
        """Once a second."""
        stats, reception = pipeline.stats, pipeline.reception
        at, size, frames, packets, lost = self._mark
        passed = now - at
        if passed <= 0:
            return
        self._mark = (now, stats.bytes, stats.frames, stats.packets, stats.lost)
        gone = stats.lost - lost
        expected = stats.packets - packets + gone
        self.last = Measures(
            bitrate_bps=round((stats.bytes - size) * 8 / passed),
            fps=round((stats.frames - frames) / passed, 2),
            loss=round(gone / expected, 4) if gone > 0 else 0.0,
            jitter_ms=round(pipeline.jitter_ms, 2),
            gop_frames=stats.gop_frames,
            gop_s=round(stats.gop_ticks / CLOCK_HZ, 3),
            reports_sent=reception.sent,
            reports_heard=reception.heard,
        )
