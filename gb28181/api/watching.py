"""Looking at a stream, live or recorded: what the API tells of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gb28181.session.service import LiveView
from media.unit import AudioFormat, VideoFormat

from .urls import StreamUrls


class VideoOut(BaseModel):
    """The picture as it arrives."""

    codec: str
    width: int
    height: int
    fps: float | None


class AudioOut(BaseModel):
    """The sound the outputs really carry."""

    codec: str


class LiveOut(BaseModel):
    """A running stream and where to look at it."""

    session_id: str
    stream_id: str
    state: str
    transport: str
    video: VideoOut | None
    audio: AudioOut | None
    urls: StreamUrls


def shown(view: LiveView, urls: StreamUrls) -> LiveOut:
    """A running stream as the API tells it."""
    statistics = view.statistics
    video: VideoFormat | None = statistics.video if statistics else None
    audio: AudioFormat | None = statistics.audio if statistics else None
    return LiveOut(
        session_id=view.session.session_id,
        stream_id=view.session.stream_id,
        state=view.session.state.value,
        transport=view.session.transport,
        video=None if video is None else VideoOut(**_video(video)),
        audio=_carried(audio),
        urls=urls,
    )


def _video(video: VideoFormat) -> dict[str, Any]:
    return {
        "codec": video.codec.value,
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
    }


def _carried(audio: AudioFormat | None) -> AudioOut | None:
    """G.711 does not travel in FLV (it kills the picture in browsers), so it is not announced."""
    if audio is None or audio.codec.value.startswith("g711"):
        return None
    return AudioOut(codec=audio.codec.value)
