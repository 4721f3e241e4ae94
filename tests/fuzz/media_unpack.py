"""Segment files: units and formats up to what is wrong, however the bytes come."""

from __future__ import annotations

import contextlib

from media.errors import StreamFormatError
from media.output import fmp4
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Run, Sample
from media.record.fragments import sidx
from media.record.unpack import Unpacker, read_head
from media.unit import AudioFormat, Codec, VideoFormat

from .cutting import however_cut

_SPS = bytes.fromhex("6742c00dda0507e840000003004000000c83c50aa8")
_PPS = bytes.fromhex("68ce0fc8")


def seeds() -> list[bytes]:
    video = VideoFormat(Codec.H264, 320, 240, 25.0, (_SPS, _PPS))
    audio = AudioFormat(Codec.AAC, 8000, 1, b"\x15\x88")
    picture = Sample((b"\0\0\0\2\x65x",), 6, 3600, 0, True)
    sound = Sample((b"sound",), 5, 1024, 0, True)
    runs = [Run(VIDEO_TRACK, 0, [picture]), Run(AUDIO_TRACK, 0, [sound])]
    fragment = fmp4.fragment(1, runs)
    header = fmp4.init_segment(video, audio)
    index = sidx([(len(fragment), 3600, True)], VIDEO_TRACK)
    whole = header + index + 2 * fragment
    return [whole, whole[:-3], header, header + fragment, fmp4.init_segment(None, audio) + fragment]


def check(data: bytes) -> None:
    with contextlib.suppress(StreamFormatError):
        read_head(data)
    however_cut(lambda: Unpacker().feed, data)
