"""Pictures of H.265 in, pictures of H.264 out; everything else goes through as it is.

Fast before small: one B-frame-less pass without looking ahead, smaller pictures where the source is
large. A key frame of the source is a key frame of what is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

import av

from media.unit import CLOCK_HZ, AccessUnit, Codec, FormatChanged

MOST_WIDTH: Final = 1280
"""Pixels; a wider picture is made smaller."""
MOST_PIXELS: Final = 16_000_000
"""A larger picture is not decoded."""
BITS_PER_PIXEL_S: Final = 3
"""Bits a second for each pixel: 2.8 Mbit/s for 1280 x 720."""

_TIME: Final = Fraction(1, CLOCK_HZ)


class Transcoder:
    """One stream."""

    def __init__(self) -> None:
        self._decoder: Any = None
        self._encoder: Any = None
        self._size = (0, 0)
        self._last = -1
        self.broken = 0
        """Pictures that could not be decoded."""

    def feed(self, outs: Iterable[AccessUnit | FormatChanged]) -> list[AccessUnit]:
        """What can be sent now, in order of decoding."""
        made: list[AccessUnit] = []
        for out in outs:
            if isinstance(out, FormatChanged):
                continue
            if out.codec is Codec.H265:
                self._picture(out, made)
            else:
                made.append(out)
        return made

    def _picture(self, unit: AccessUnit, made: list[AccessUnit]) -> None:
        if self._decoder is None:
            if not unit.key:
                return
            self._decoder = av.CodecContext.create("hevc", "r")
            self._decoder.thread_count = 1
            self._decoder.options = {"max_pixels": str(MOST_PIXELS)}
        packet = av.Packet(unit.data)
        packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, _TIME
        try:
            frames = self._decoder.decode(packet)
        except (av.FFmpegError, ValueError):
            self.broken += 1
            self._decoder = None  # with the next key frame
            return
        for frame in frames:
            self._encode(frame, made)

    def _encode(self, frame: Any, made: list[AccessUnit]) -> None:
        pts = frame.pts
        if pts is None or pts <= self._last:
            return
        self._last = pts
        size = _fitting(frame.width, frame.height)
        key = bool(frame.key_frame)
        if self._encoder is None or size != self._size:
            self._begin(size)
            key = True
        still = frame.reformat(width=size[0], height=size[1], format="yuv420p")
        still.pts, still.time_base = pts, _TIME
        still.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        for packet in self._encoder.encode(still):
            made.append(
                AccessUnit(
                    True,
                    Codec.H264,
                    packet.pts,
                    packet.dts,
                    bool(packet.is_keyframe),
                    bytes(packet),
                )
            )

    def _begin(self, size: tuple[int, int]) -> None:
        encoder: Any = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height = self._size = size
        encoder.pix_fmt = "yuv420p"
        encoder.time_base, encoder.framerate = _TIME, Fraction(25)
        encoder.bit_rate = size[0] * size[1] * BITS_PER_PIXEL_S
        encoder.gop_size = 250
        encoder.thread_count = 1
        encoder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": "repeat-headers=1:log-level=none",
        }
        self._encoder = encoder


def _fitting(width: int, height: int) -> tuple[int, int]:
    """The size of what is made, in even numbers."""
    if width > MOST_WIDTH:
        width, height = MOST_WIDTH, height * MOST_WIDTH // width
    return max(2, width & ~1), max(2, height & ~1)
