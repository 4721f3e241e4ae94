"""What arrives of a stream, as it was measured in the last second."""

from __future__ import annotations

from pydantic import BaseModel, Field

from media.node import StreamStatistics


class MediaOut(BaseModel):
    """A stream as it arrives; figures of the last full second where nothing else is said."""

    container: str | None = Field(description="ps, ts, h264, h265, annexb or flv")
    video: str | None
    width: int | None = Field(description="from the parameter sets")
    height: int | None
    audio: str | None
    unsupported: str | None = Field(description="a codec in it that is not carried")
    bitrate_bps: int
    fps: float = Field(description="pictures that could be given out")
    gop_frames: int = Field(description="from key frame to key frame; 0 while not known")
    gop_s: float
    jitter_ms: float = Field(description="of the arrivals of frames, RFC 3550 6.4.1")
    loss: float = Field(description="share of the packets that were missing, 0 to 1")
    packets: int = Field(description="since the stream began, as the next four")
    lost: int
    kernel_drops: int = Field(description="thrown away here because a buffer was full")
    foreign: int = Field(description="from another address than the camera's")
    bad_ps: int
    waiting_key: bool = Field(description="pictures are held back until the next key frame")
    reports_sent: int = Field(description="RTCP receiver reports")
    reports_heard: int = Field(description="RTCP sender reports")


def measured(statistics: StreamStatistics) -> MediaOut:
    """The figures of one stream."""
    video, audio, last = statistics.video, statistics.audio, statistics.measured
    return MediaOut(
        container=statistics.container,
        video=video.codec.value if video else None,
        width=video.width if video else None,
        height=video.height if video else None,
        audio=audio.codec.value if audio else None,
        unsupported=statistics.unsupported,
        bitrate_bps=last.bitrate_bps,
        fps=last.fps,
        gop_frames=last.gop_frames,
        gop_s=last.gop_s,
        jitter_ms=last.jitter_ms,
        loss=last.loss,
        packets=statistics.packets,
        lost=statistics.lost,
        kernel_drops=statistics.kernel_drops,
        foreign=statistics.foreign,
        bad_ps=statistics.bad_ps,
        waiting_key=statistics.waiting_key,
        reports_sent=last.reports_sent,
        reports_heard=last.reports_heard,
    )
