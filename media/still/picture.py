"""Pictures: is this really a JPEG, and a JPEG out of a stream's key frame.

It decodes what strangers made, so it runs in a process of its own (`media.still.studio`). A picture
is measured before it is unpacked, so that a few kilobytes that claim to be a billion pixels cost
nothing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av

_SOI: Final = b"\xff\xd8\xff"
_SOF: Final = frozenset(
    {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
)
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


ALIGNED: Final = 64
"""The decoder rounds sizes up by less."""


class BadPicture(ValueError):
    """Not a JPEG, broken, or too large."""


class NoKeyFrame(ValueError):
    """No whole key frame in these bytes (yet)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and its size in pixels."""

    data: bytes
    width: int
    height: int


def checked(data: bytes, most_pixels: int) -> Picture:
    """The picture, decoded once as a proof; raises BadPicture."""
    width, height = dimensions(data)
    if width * height > most_pixels or not width or not height:
        raise BadPicture(f"{width} x {height} pixels")
    codec: Any = av.CodecContext.create("mjpeg", "r")
    codec.thread_count = 1
    bound = (width + ALIGNED) * (height + ALIGNED)
    codec.options = {"err_detect": "explode", "max_pixels": str(bound)}
    try:
        frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise BadPicture(f"does not decode: {error}") from error
    if len(frames) != 1 or (frames[0].width, frames[0].height) != (width, height):
        raise BadPicture("does not decode")
    return Picture(data, width, height)


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height out of the frame header (ITU-T T.81 B.2.2); raises BadPicture."""
    if not data.startswith(_SOI):
        raise BadPicture("no JPEG")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise BadPicture("broken before its frame header")
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SOF:
            if at + 9 > len(data):
                break
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            return int.from_bytes(data[at + 7 : at + 9], "big"), height
        if length < 2 or marker == 0xDA:
            break
        at += 2 + length
    raise BadPicture("without a frame header")


def of_stream(flv: bytes, most_pixels: int, width: int = 0) -> Picture:
    """The first key frame of an FLV stream as JPEG; raises NoKeyFrame.

    With a `width` the picture is made smaller, never larger.
    """
    try:
        with av.open(io.BytesIO(flv), mode="r", format="flv") as container:
            video = next(iter(container.streams.video), None)
            if video is None:
                raise NoKeyFrame("no video")
            video.thread_type = "NONE"
            video.codec_context.options = {"max_pixels": str(most_pixels)}
            for frame in container.decode(video):
                return _jpeg(frame, width)
    except (av.FFmpegError, ValueError) as error:
        raise NoKeyFrame(str(error)) from error
    raise NoKeyFrame("no picture yet")


def _jpeg(frame: Any, width: int = 0) -> Picture:
    wide, high = frame.width, frame.height
    if 0 < width < wide:
        wide, high = width, max(2, round(high * width / wide) & ~1)
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height = wide, high
    codec.pix_fmt = "yuvj420p"
    codec.time_base = Fraction(1, 25)
    codec.thread_count = 1
    codec.options = {"qmin": "2", "qmax": "4"}
    still = frame.reformat(width=wide, height=high, format="yuvj420p")
    still.pts, still.time_base = 0, codec.time_base
    data = b"".join(bytes(packet) for packet in [*codec.encode(still), *codec.encode(None)])
    return Picture(data, wide, high)
