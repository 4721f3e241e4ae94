"""Counters of one media stream, from the first packet to the last unit. Plain numbers, no clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PipelineStats:
    """What came in, what was wrong with it, what went out."""

    packets: int = 0
    """Datagrams or TCP frames handed in, whatever they were."""
    bytes: int = 0
    bad_rtp: int = 0
    """Not RTP, or too short."""
    rtcp: int = 0
    """RTCP among the packets."""
    foreign: int = 0
    """RTP of another SSRC that was not taken for the stream."""
    ssrc: int | None = None
    ssrc_changes: int = 0
    restarts: int = 0
    """The sequence numbers were begun anew."""
    lost: int = 0
    """Packets that were missing when their turn came."""
    late: int = 0
    """Packets that came after their turn; each is in ``lost`` as well."""
    duplicates: int = 0
    frames: int = 0
    """Video units given out."""
    key_frames: int = 0
    audio_frames: int = 0
    """Audio units given out."""
    damaged: int = 0
    """Video or audio units that were thrown away because packets were missing in them."""
    skipped: int = 0
    """Whole video units thrown away while waiting for a key frame."""
    oversized: int = 0
    """Units thrown away because they grew beyond the limit."""
    bad_ps: int = 0
    """Places where the program stream broke the rules."""
    clock_repairs: int = 0
    """Units whose own time could not be believed."""
    unsupported_codec: str | None = None
    """Video codec that is recognised but not carried; None when video is fine or unknown."""
    unsupported_audio: str | None = None
    """The same for sound, which does not stop the picture."""
    container: str | None = None
    """``ps``, ``h264``, ``h265``, ``ts``, ``annexb`` or ``flv`` once it is known."""
    gop_frames: int = 0
    """Pictures between the last two key frames; 0 while that is not known."""
    gop_ticks: int = 0
    """The time between them, 90 kHz."""
    waiting_key: bool = True
    """Video is held back until the next whole key frame: the moment to ask the device for one."""
    first_packet_at: float | None = None
    last_packet_at: float | None = None
