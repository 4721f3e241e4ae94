"""How a stream is described to players: RTP codecs and the SDP of an RTSP answer.

RFC 8866 (SDP), RFC 6184 8.2.1 (H.264), RFC 7798 7.1 (H.265), RFC 3640 4.1 (AAC), RFC 3551 6
(G.711), RFC 2326 C.1 (control).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from media.unit import CLOCK_HZ, AudioFormat, Codec, VideoFormat
from media.video.nal import H264_PPS, H264_SPS, H265_PPS, H265_SPS, H265_VPS, unit_type

VIDEO_TYPE: Final = 96
AAC_TYPE: Final = 97
PCMU_TYPE: Final = 0
PCMA_TYPE: Final = 8


@dataclass(frozen=True, slots=True)
class RtpCodec:
    """One track as SDP names it."""

    kind: str
    """`video` or `audio`."""
    payload_type: int
    clock: int
    rtpmap: str
    fmtp: str
    """Empty when there is nothing to say."""


def video_codec(video: VideoFormat) -> RtpCodec:
    """H.264 or H.265, parameter sets included."""
    if video.codec is Codec.H264:
        return RtpCodec("video", VIDEO_TYPE, CLOCK_HZ, f"H264/{CLOCK_HZ}", _h264(video))
    return RtpCodec("video", VIDEO_TYPE, CLOCK_HZ, f"H265/{CLOCK_HZ}", _h265(video))


def audio_codec(audio: AudioFormat) -> RtpCodec | None:
    """G.711 or AAC; None for a sound that is not carried."""
    rate, channels = audio.sample_rate, audio.channels
    if audio.codec is Codec.G711A:
        return RtpCodec("audio", PCMA_TYPE, 8000, "PCMA/8000", "")
    if audio.codec is Codec.G711U:
        return RtpCodec("audio", PCMU_TYPE, 8000, "PCMU/8000", "")
    if audio.codec is not Codec.AAC or not audio.config:
        return None
    fmtp = (
        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
        f"indexdeltalength=3;config={audio.config.hex()}"
    )
    return RtpCodec("audio", AAC_TYPE, rate, f"mpeg4-generic/{rate}/{channels}", fmtp)


def codecs(video: VideoFormat | None, audio: AudioFormat | None) -> list[RtpCodec]:
    """The tracks of a stream, picture first."""
    found = [video_codec(video)] if video is not None else []
    sound = audio_codec(audio) if audio is not None else None
    return [*found, sound] if sound is not None else found


def describe(
    tracks: list[RtpCodec], host: str, session_id: str, control: Callable[[int], str]
) -> bytes:
    """The SDP of an answer to DESCRIBE; `control` gives the address of a track by its number."""
    head = _head(host, session_id, "::" if ":" in host else "0.0.0.0")
    lines = [*head, "a=range:npt=now-", "a=control:*"]
    for number, track in enumerate(tracks):
        lines += [*_media(track), f"a=control:{control(number)}", "a=recvonly"]
    return "\r\n".join([*lines, ""]).encode()


def announce(tracks: Sequence[RtpCodec], host: str, control: Callable[[int], str]) -> bytes:
    """The SDP of a stream that is brought to a server, from `host` (RFC 2326 10.3)."""
    lines = [*_head(host, "1", host), "a=control:*"]
    for number, track in enumerate(tracks):
        lines += [*_media(track), f"a=control:{control(number)}"]
    return "\r\n".join([*lines, ""]).encode()


def _head(host: str, session_id: str, where: str) -> list[str]:
    version = "IP6" if ":" in host else "IP4"
    return [
        "v=0",
        f"o=- {session_id} 1 IN {version} {host}",
        "s=live",
        f"c=IN {version} {where}",
        "t=0 0",
    ]


def _media(track: RtpCodec) -> list[str]:
    kind = track.payload_type
    lines = [f"m={track.kind} 0 RTP/AVP {kind}", f"a=rtpmap:{kind} {track.rtpmap}"]
    return [*lines, f"a=fmtp:{kind} {track.fmtp}"] if track.fmtp else lines


def _h264(video: VideoFormat) -> str:
    sets = [u for u in video.parameter_sets if unit_type(Codec.H264, u[0]) in (H264_SPS, H264_PPS)]
    profile = next(
        (u[1:4].hex() for u in sets if unit_type(Codec.H264, u[0]) == H264_SPS and len(u) > 3), ""
    )
    words = ["packetization-mode=1"]
    if profile:
        words.append(f"profile-level-id={profile.upper()}")
    if sets:
        words.append("sprop-parameter-sets=" + ",".join(map(_text, sets)))
    return "; ".join(words)


def _h265(video: VideoFormat) -> str:
    words = []
    for name, kind in (("vps", H265_VPS), ("sps", H265_SPS), ("pps", H265_PPS)):
        sets = [u for u in video.parameter_sets if unit_type(Codec.H265, u[0]) == kind]
        if sets:
            words.append(f"sprop-{name}=" + ",".join(map(_text, sets)))
    return "; ".join(words)


def _text(unit: bytes) -> str:
    return b64encode(unit).decode()
