"""Real elementary streams for the media tests, made by FFmpeg's encoders through PyAV."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av

from media.sound.aac import adts_format
from media.unit import AccessUnit, AudioFormat, Codec

FRAME = 3600
"""Ticks per picture at 25 frames a second."""


@cache
def pictures(
    codec: Codec,
    count: int = 30,
    *,
    width: int = 320,
    height: int = 240,
    gop: int = 10,
    b_frames: int = 0,
    noise: int = 0,
) -> tuple[AccessUnit, ...]:
    """Encoded pictures in decoding order; ``noise`` makes them larger."""
    name = "libx264" if codec is Codec.H264 else "libx265"
    context = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    options = {"preset": "ultrafast", "threads": "1"}
    extra = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:repeat-headers=1"
    options["x264-params" if codec is Codec.H264 else "x265-params"] = f"{extra}:b-adapt=0" + (
        ":log-level=none" if codec is Codec.H265 else ""
    )
    context.options = options
    packets = []
    for index in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        for number, plane in enumerate(frame.planes):
            row = bytes((index * 5 + x * 7 + (x * x * noise) % 251) % 256 for x in range(4096))
            body = (row * (plane.buffer_size // 4096 + 1))[: plane.buffer_size]
            plane.update(body if number == 0 else bytes([100 + index % 50]) * plane.buffer_size)
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    first = packets[0].dts
    return tuple(
        AccessUnit(
            True,
            codec,
            (packet.pts - first) * FRAME,
            (packet.dts - first) * FRAME,
            packet.is_keyframe,
            bytes(packet),
        )
        for packet in packets
    )


@cache
def sound(codec: Codec, count: int = 30) -> tuple[AccessUnit, ...]:
    """G.711 units of 40 ms, all different."""
    return tuple(
        AccessUnit(
            False,
            codec,
            index * FRAME,
            index * FRAME,
            True,
            bytes((index * 3 + place) % 256 for place in range(320)),
        )
        for index in range(count)
    )


@cache
def aac(count: int = 20) -> tuple[AudioFormat, tuple[AccessUnit, ...]]:
    """AAC-LC, 16 kHz mono: the format and raw frames."""
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = 16_000, "mono", "fltp"
    context.time_base = Fraction(1, 16_000)
    packets = []
    for index in range(count):
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.sample_rate = 16_000
        frame.planes[0].update(bytes((index + n) % 64 for n in range(4096)))
        frame.pts = index * 1024
        packets += context.encode(frame)
    config = bytes(context.extradata or b"")[:2]
    ticks = 1024 * 90_000 // 16_000
    units = tuple(
        AccessUnit(False, Codec.AAC, index * ticks, index * ticks, True, bytes(packet))
        for index, packet in enumerate(packets)
    )
    from media.sound.aac import adts_header

    return adts_format(adts_header(config, 1)), units


def interleaved(*tracks: tuple[AccessUnit, ...]) -> list[AccessUnit]:
    """Units of several tracks in the order of their decoding times."""
    return sorted((unit for track in tracks for unit in track), key=lambda u: (u.dts, not u.video))
