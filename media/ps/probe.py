"""Guesses what a payload is, from content alone.

The SDP answer and the program stream map say what a sender means to send; what it sends decides.
A guess is made only on structure that cannot come about by chance: a pack or PES header, or a
sequence parameter set that parses to a sane picture size.

GB/T 28181-2022 Annex C; RFC 6184 5.2 and RFC 7798 4.4 (payload structures).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from media.errors import StreamFormatError
from media.rtp.es import packet_units
from media.sound.aac import looks_like_adts
from media.ts.demux import starts_ts
from media.unit import Codec
from media.video.nal import H264_SPS, H265_SPS, START, START4, split
from media.video.sps import HIGH_PROFILES, parse_h264_sps, parse_h265_sps

PS_FIRST: Final = frozenset({0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF, *range(0xC0, 0xF0)})

HEAD_UNITS: Final = 12
"""Parameter sets stand within the first units of a key frame."""


MAX_SPS: Final = 512

H264_PROFILES: Final = frozenset({66, 77, 88}) | HIGH_PROFILES
H264_LEVELS: Final = frozenset(
    {9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62}
)


class Container(StrEnum):
    """How pictures are wrapped into RTP payloads."""

    PS = "ps"
    H264 = "h264"
    """RFC 6184."""
    H265 = "h265"
    """RFC 7798."""
    TS = "ts"
    """RFC 2250, payload type 33; recognised by what it is."""
    ANNEXB = "annexb"
    """A byte stream with start codes, cut into packets anywhere: no standard, but sent."""


STATIC_AUDIO: Final = {0: Codec.G711U, 4: Codec.G723, 8: Codec.G711A, 18: Codec.G729}
"""Payload types that are sound beside the picture, RFC 3551."""

STATIC_OTHER: Final = {9: Codec.G722, 20: Codec.SVACA}
"""Sound that is recognised but not carried."""

NAMED_VIDEO: Final = {97: Codec.MPEG4, 99: Codec.SVAC}
"""What an unrecognised payload is called by its payload type, GB/T 28181-2022 Annex C."""


def starts_ps(payload: bytes) -> bool:
    """Whether a program stream header begins here."""
    return len(payload) >= 4 and payload.startswith(START) and payload[3] in PS_FIRST


def container_of(payload: bytes) -> Container | None:
    """Container of a stream of which this is one payload; None when this one does not tell."""
    if starts_ps(payload):
        return Container.PS
    if starts_ts(payload):
        return Container.TS
    if payload.startswith((START, START4)):
        return Container.ANNEXB if video_codec(payload) else None
    for container, codec in ((Container.H264, Codec.H264), (Container.H265, Codec.H265)):
        units = packet_units(codec, payload)
        if any(_is_sps(codec, unit) for unit in units):
            return container
    return None


def video_codec(data: bytes) -> Codec | None:
    """Codec of an Annex B unit that holds a sequence parameter set; None when it holds none."""
    for unit in split(data[:65_536])[:HEAD_UNITS]:
        for codec in (Codec.H264, Codec.H265):
            if _is_sps(codec, unit):
                return codec
    return None


def audio_codec(data: bytes) -> Codec:
    """Codec of sound that nothing describes: AAC shows itself, all else is taken for A-law.

    A-law and µ-law cannot be told apart by content, and A-law is what cameras send.
    """
    return Codec.AAC if looks_like_adts(data) else Codec.G711A


def _is_sps(codec: Codec, unit: bytes) -> bool:
    """A set that parses, with fields random bytes would hardly have."""
    if not 7 <= len(unit) <= MAX_SPS or START in unit:
        return False
    try:
        if codec is Codec.H264:
            if unit[0] & 0x9F != H264_SPS or not unit[0] & 0x60 or unit[2] & 3:
                return False
            if unit[1] not in H264_PROFILES or unit[3] not in H264_LEVELS:
                return False
            parse_h264_sps(unit)
        else:
            # Layer id 0 and temporal id 0, as every SPS has it in a single-layer stream.
            if unit[0] != H265_SPS << 1 or unit[1] != 1:
                return False
            parse_h265_sps(unit)
    except StreamFormatError:
        return False
    return True
