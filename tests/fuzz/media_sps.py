"""Sequence parameter sets: a sane size and rate, or a StreamFormatError."""

from __future__ import annotations

from media.errors import StreamFormatError
from media.video.sps import MAX_FPS, MAX_SIDE, parse_h264_sps, parse_h265_sps

from .vectors import H265_SETS, SPS


def seeds() -> list[bytes]:
    high = bytes.fromhex("6764001facd9405005bb011000000300100000030320f1831960")
    return [SPS, high, H265_SETS[1], bytes.fromhex("674d4028ffffffffffffffff")]


def check(data: bytes) -> None:
    for parse in (parse_h264_sps, parse_h265_sps):
        try:
            info = parse(data)
        except StreamFormatError:
            continue
        assert 0 < info.width <= MAX_SIDE
        assert 0 < info.height <= MAX_SIDE
        assert info.fps is None or 0 < info.fps <= MAX_FPS
