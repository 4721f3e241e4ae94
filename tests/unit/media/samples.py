"""Real pictures and sound for the media tests, encoded by PyAV at first use.

What comes out is what the pipeline gives: Annex B pictures with their parameter sets in front of
key frames, raw AAC, times in 90 kHz ticks.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat

FPS = 25
TICKS = 90_000 // FPS
_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


def nal_units(data: bytes) -> list[bytes]:
    """A second, plain splitter: the tests do not rest on the product's."""
    return [n.rstrip(b"\x00") for n in re.split(b"\x00\x00\x01", data)[1:]]


@cache
def pictures(
    codec: Codec = Codec.H264,
    count: int = 50,
    width: int = 320,
    height: int = 240,
    gop: int = 10,
    b_frames: int = 0,
) -> tuple[VideoFormat, tuple[AccessUnit, ...]]:
    """`count` pictures of a moving bar, in decoding order."""
    context = av.CodecContext.create(_ENCODERS[codec], "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, FPS)
    context.framerate = Fraction(FPS)
    context.gop_size = gop
    context.max_b_frames = b_frames
    params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:repeat-headers=1"
    if codec is Codec.H264:
        context.options = {"preset": "veryfast" if b_frames else "ultrafast", "x264-params": params}
    else:
        context.options = {"preset": "ultrafast", "x265-params": params + ":log-level=none"}
    packets = []
    for index in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane_index, plane in enumerate(frame.planes):
            shade = 40 + 3 * index if plane_index == 0 else 128
            row = bytes([shade & 0xFF]) * plane.line_size
            plane.update(row * (plane.buffer_size // plane.line_size))
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    first = min(p.dts for p in packets)
    units = tuple(
        AccessUnit(
            True,
            codec,
            (p.pts - first) * TICKS,
            (p.dts - first) * TICKS,
            bool(p.is_keyframe),
            bytes(p),
        )
        for p in packets
    )
    return video_format(codec, units[0].data, width, height), units


def video_format(codec: Codec, key_frame: bytes, width: int, height: int) -> VideoFormat:
    if codec is Codec.H264:
        sets = [n for n in nal_units(key_frame) if n[0] & 0x1F in (7, 8)]
    else:
        sets = [n for n in nal_units(key_frame) if n[0] >> 1 & 0x3F in (32, 33, 34)]
    return VideoFormat(codec, width, height, float(FPS), tuple(sets))


@cache
def aac(seconds: float = 2.0, rate: int = 8000) -> tuple[AudioFormat, tuple[AccessUnit, ...]]:
    """A quiet tone as raw AAC frames."""
    context = av.CodecContext.create("aac", "w")
    context.sample_rate = rate
    context.layout = "mono"
    context.format = "fltp"
    context.time_base = Fraction(1, rate)
    packets = []
    for index in range(int(seconds * rate / 1024)):
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.sample_rate = rate
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.pts = index * 1024
        packets += context.encode(frame)
    packets += context.encode(None)
    units = []
    for index, packet in enumerate(packets):
        at = index * 1024 * 90_000 // rate
        units.append(AccessUnit(False, Codec.AAC, at, at, True, bytes(packet)))
    assert context.extradata is not None
    return AudioFormat(Codec.AAC, rate, 1, bytes(context.extradata)), tuple(units)


def g711(seconds: float = 2.0) -> tuple[AudioFormat, tuple[AccessUnit, ...]]:
    """Silence in A-law, 40 ms a unit."""
    units = tuple(
        AccessUnit(False, Codec.G711A, i * 3600, i * 3600, True, b"\xd5" * 320)
        for i in range(int(seconds * 25))
    )
    return AudioFormat(Codec.G711A, 8000, 1, b""), units


@dataclass(frozen=True)
class Judged:
    """What PyAV read from a file."""

    codecs: dict[str, str]
    packets: dict[str, list[tuple[int, int, bool]]]
    """By stream type: (pts ms, dts ms, key)."""
    width: int
    height: int
    decoded: int
    """Pictures that were really decoded."""


def judge_flv(data: bytes) -> Judged:
    return judge(data, "flv")


def judge(data: bytes, container_format: str) -> Judged:
    """Let FFmpeg (8, inside PyAV) demux and decode the file, every error is one."""
    with av.open(
        io.BytesIO(data), format=container_format, options={"err_detect": "explode"}
    ) as container:
        packets: dict[str, list[tuple[int, int, bool]]] = {}
        codecs = {}
        decoded = 0
        for packet in container.demux():
            stream = packet.stream
            if packet.dts is None or packet.pts is None:
                continue
            codecs[stream.type] = stream.codec_context.name
            scale = 1000 * packet.time_base
            times = (math.floor(packet.pts * scale), math.floor(packet.dts * scale))
            packets.setdefault(stream.type, []).append((*times, packet.is_keyframe))
            frames = packet.decode()
            if stream.type == "video":
                decoded += len(frames)
        for stream in container.streams.video:
            decoded += len(stream.codec_context.decode(None))
        videos = container.streams.video
        width = videos[0].codec_context.width if videos else 0
        height = videos[0].codec_context.height if videos else 0
        return Judged(codecs, packets, width, height, decoded)
