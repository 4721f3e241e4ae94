"""What travels through the media package: access units and the formats that describe them.

An access unit is one coded picture or one audio frame with its times. This module holds values
only: nothing here parses, and nothing here knows about packets or players.

Stream types: GB/T 28181-2022 Annex C.1, ISO/IEC 13818-1 table 2-34.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CLOCK_HZ: Final = 90_000
"""Ticks per second of every time in this package."""


class Codec(StrEnum):
    """Codecs that can be named in a GB/T 28181 stream."""

    H264 = "h264"
    H265 = "h265"
    G711A = "g711a"
    G711U = "g711u"
    AAC = "aac"
    G723 = "g723"
    G729 = "g729"
    # Recognised so that they can be reported by name; their data is not carried.
    MPEG4 = "mpeg4"
    SVAC = "svac"
    G722 = "g722"
    SVACA = "svaca"

    @property
    def is_video(self) -> bool:
        return self in VIDEO_CODECS

    @property
    def is_carried(self) -> bool:
        return self in CARRIED_CODECS


VIDEO_CODECS: Final = frozenset({Codec.H264, Codec.H265, Codec.MPEG4, Codec.SVAC})
CARRIED_CODECS: Final = frozenset(
    {
        *(Codec.H264, Codec.H265),
        *(Codec.G711A, Codec.G711U, Codec.AAC),
        *(Codec.G723, Codec.G729),  # for no player as they are: AAC is made of them
    }
)


@dataclass(slots=True)
class AccessUnit:
    """One coded picture or one audio frame.

    Not frozen: a frozen dataclass costs several times as much to build, and one is built per frame.
    """

    video: bool
    codec: Codec
    pts: int
    """Presentation time, 90 kHz, unwrapped, never before ``dts``."""
    dts: int
    """Decoding time, 90 kHz, unwrapped, rising within its track, near 0 at the stream's start."""
    key: bool
    """Decoding can start here; True for every audio unit."""
    data: bytes
    """Video: Annex B, parameter sets in front of key frames. Audio: as sent, AAC without ADTS."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a decoder of the video track has to know."""

    codec: Codec
    width: int
    """Displayed width in pixels, after cropping."""
    height: int
    """Displayed height in pixels, after cropping."""
    fps: float | None
    """Frame rate of the VUI; None when the sender does not say."""
    parameter_sets: tuple[bytes, ...]
    """VPS (H.265), SPS, PPS in this order, without start codes."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a decoder of the audio track has to know."""

    codec: Codec
    sample_rate: int
    channels: int
    config: bytes
    """AudioSpecificConfig of AAC (ISO/IEC 14496-3 1.6.2.1), else empty."""


@dataclass(frozen=True, slots=True)
class FormatChanged:
    """The formats valid from the next unit on; both tracks are always given as they now are."""

    video: VideoFormat | None
    audio: AudioFormat | None
