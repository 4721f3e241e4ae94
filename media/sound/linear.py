"""The sounds of the telephone as linear samples: 8 kHz, 16 bits, one channel.

ITU-T G.711 by a table; G.723.1 and G.729 by FFmpeg, frame by frame: how long a frame is stands in
its first byte (G.723.1), or follows from how many bytes come together (G.729, RFC 3551 4.5.6).
"""

from __future__ import annotations

from typing import Final, cast

import av

from media.sound.g711 import SAMPLE_RATE, linear
from media.unit import Codec

_DECODERS: Final = {Codec.G723: "g723_1", Codec.G729: "g729"}
_G723_SIZES: Final = (24, 20, 4, 1)
"""By the two lowest bits of the first byte (G.723.1 5.4; RFC 3551 4.5.3)."""
_G729_SIZE: Final = 10
_SPOKEN: Final = 20
"""G.723.1 frames below this size hold no speech."""
_G723_QUIET: Final = bytes(2 * 240)


class Linear:
    """Packets of one codec in, samples out; a frame that cannot be decoded gives none."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder: av.AudioCodecContext | None = None
        if codec in _DECODERS:
            decoder = cast("av.AudioCodecContext", av.CodecContext.create(_DECODERS[codec], "r"))
            decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
            self._decoder = decoder

    def feed(self, data: bytes) -> bytes:
        if self._decoder is None:
            return linear(self._codec, data)
        frames = _g723_frames(data) if self._codec is Codec.G723 else _g729_frames(data)
        return b"".join(self._decoded(self._decoder, frame) for frame in frames)

    def _decoded(self, decoder: av.AudioCodecContext, frame: bytes) -> bytes:
        if self._codec is Codec.G723 and len(frame) < _SPOKEN:
            return _G723_QUIET
        try:
            out = decoder.decode(av.Packet(frame))
        except av.FFmpegError:
            return b""  # what is missing is a pause, which its maker fills
        return b"".join(bytes(got.planes[0])[: 2 * got.samples] for got in out)


def _g723_frames(data: bytes) -> list[bytes]:
    frames = []
    at = 0
    while at < len(data):
        size = _G723_SIZES[data[at] & 3]
        frames.append(data[at : at + size])
        at += size
    return [frame for frame in frames if len(frame) == _G723_SIZES[frame[0] & 3]]


def _g729_frames(data: bytes) -> list[bytes]:
    """Whole frames; the two bytes of comfort noise that may stand at the end are left out."""
    whole = len(data) // _G729_SIZE
    return [data[at * _G729_SIZE : (at + 1) * _G729_SIZE] for at in range(whole)]
