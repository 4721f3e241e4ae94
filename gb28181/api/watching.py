"""Looking at a stream, live or recorded: what the API tells of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from gb28181.session.service import LiveView
from media.unit import AudioFormat, Codec, VideoFormat

from .urls import StreamUrls


class VideoOut(BaseModel):
    """The picture as it arrives."""

    codec: str
    width: int
    height: int
    fps: float | None


class AudioOut(BaseModel):
    """A sound by its codec."""

    codec: str


class LiveOut(BaseModel):
    """A running stream and where to look at it."""

    session_id: str
    stream_id: str
    state: str
    transport: str
    video: VideoOut | None
    audio: AudioOut | None = Field(description="what FLV carries when nothing else is asked for")
    camera_audio: AudioOut | None = Field(description="what the camera sends")
    made_audio: AudioOut | None = Field(
        description="what fMP4, HLS and every `audio=aac` carry; null when there is nothing to hear"
    )
    urls: StreamUrls
    direct_urls: dict[str, str] | None = Field(
        None,
        description="the same at the media process that has the stream now, where it has a"
        " port that can be reached: for many screens at once; `urls` hold when it changes",
    )


def shown(view: LiveView, urls: StreamUrls, direct: dict[str, str] | None = None) -> LiveOut:
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
        audio=_audio(audio if audio is not None and audio.codec is Codec.AAC else None),
        camera_audio=_audio(audio),
        made_audio=_audio(statistics.aac if statistics else None),
        urls=urls,
        direct_urls=direct,
    )


def _video(video: VideoFormat) -> dict[str, Any]:
    return {
        "codec": video.codec.value,
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
    }


def _audio(audio: AudioFormat | None) -> AudioOut | None:
    return None if audio is None else AudioOut(codec=audio.codec.value)
