"""AAC out of G.711, G.723.1 and G.729, in step with the picture.

Samples are laid end to end, as an encoder wants them.  How far that is from the times the camera
gives is watched: a pause is filled with silence, what comes twice is left out, and the slow drift
of a camera's clock is put right in small steps, so that sound and picture do not part.  When no
sound comes at all while the picture goes on, silence is made too: players stop at the end of the
shorter track.

The sound is made at 16 kHz, although it holds no more than 8 kHz did: a frame then lasts 64 ms
instead of 128, and it is frames that sound comes late by.  ISO/IEC 14496-3 (AAC-LC), ITU-T G.711.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import av

from media.sound.aac import SAMPLES_PER_FRAME
from media.sound.g711 import SAMPLE_RATE
from media.sound.linear import Linear
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec

RATE: Final = 16_000
BIT_RATE: Final = 24_000
FORMAT: Final = AudioFormat(Codec.AAC, RATE, 1, b"\x14\x08")
"""AAC-LC, 16 kHz, mono (14496-3 1.6.2.1)."""
MAKEABLE: Final = frozenset({Codec.G711A, Codec.G711U, Codec.G723, Codec.G729})

DRIFT: Final = SAMPLE_RATE // 50
"""Samples (20 ms) the sound may be off on average before it is put right."""
PAUSE: Final = SAMPLE_RATE // 10
"""Samples (100 ms) that one packet may be off before it counts as a pause."""
BREAK: Final = 2 * SAMPLE_RATE
"""A longer pause, or a longer step back, begins anew."""
LAG: Final = SAMPLE_RATE
"""So far the picture may run ahead of the sound before silence is made."""
LONGEST_LAG: Final = 8 * SAMPLE_RATE
SMOOTHING: Final = 8
FRAME_TICKS: Final = SAMPLES_PER_FRAME * CLOCK_HZ // RATE
_SILENCE = bytes(2 * SAMPLE_RATE)

Timed = tuple[int, bytes | None]
"""Decoding time and sound; without data: the picture has come to this time."""


class AacMaker:
    """One track of sound.  Raises av.FFmpegError when the encoder fails, and nothing else."""

    def __init__(self, codec: Codec) -> None:
        self._linear = Linear(codec)
        self._encoder: av.AudioCodecContext | None = None
        self._begins = 0
        self._samples = 0
        self._frames = 0
        self._drift = 0.0
        self._lag = LAG
        self._filled = False

    def feed(self, items: Sequence[Timed]) -> list[AccessUnit]:
        """Frames of AAC that are complete now."""
        made: list[AccessUnit] = []
        for dts, data in items:
            if data is None:
                self._keep_up(dts, made)
            elif data:
                self._take(dts, data, made)
        return made

    def _take(self, dts: int, data: bytes, made: list[AccessUnit]) -> None:
        samples = self._linear.feed(data)
        off = self._off(dts)
        if self._encoder is None or not -BREAK <= off <= BREAK:
            self._begin(dts)
            off = 0
        if off < -PAUSE and self._filled:
            self._lag = min(2 * self._lag, LONGEST_LAG)  # its sound is late, not gone
        self._filled = False
        if abs(off) > PAUSE:
            shift, self._drift = off, 0.0
        else:
            self._drift += (off - self._drift) / SMOOTHING
            shift = round(self._drift) if abs(self._drift) > DRIFT else 0
            self._drift -= shift
        if shift < 0:
            samples = samples[-2 * shift :]
        elif shift:
            self._silence(shift, made)
        self._encode(samples, made)

    def _keep_up(self, dts: int, made: list[AccessUnit]) -> None:
        """Silence up to half a lag behind the picture, where there was no sound for a whole one."""
        if self._encoder is None:
            return
        off = self._off(dts)
        if off <= self._lag:
            return
        if off > self._lag + BREAK:  # the picture has jumped
            self._begin(dts - self._lag * CLOCK_HZ // SAMPLE_RATE)
            off = self._lag
        self._silence(off - self._lag // 2, made)
        self._filled = True

    def _off(self, dts: int) -> int:
        """Samples between a time and the end of what was taken."""
        return (dts - self._begins) * SAMPLE_RATE // CLOCK_HZ - self._samples

    def _begin(self, dts: int) -> None:
        self._encoder = encoder = av.CodecContext.create("aac", "w")
        encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "fltp"
        encoder.bit_rate = BIT_RATE
        encoder.time_base = Fraction(1, RATE)
        encoder.options = {"aac_coder": "fast", "threads": "1"}  # a third of the usual cost
        self._begins = dts
        self._samples = 0
        self._frames = 0
        self._drift = 0.0

    def _silence(self, samples: int, made: list[AccessUnit]) -> None:
        while samples > 0:
            part = min(samples, SAMPLE_RATE)
            self._encode(_SILENCE[: 2 * part], made)
            samples -= part

    def _encode(self, samples: bytes, made: list[AccessUnit]) -> None:
        """16-bit samples of 8 kHz; the encoder changes the rate and cuts the frames itself."""
        count = len(samples) // 2
        if not count or self._encoder is None:
            return
        frame = av.AudioFrame("s16", "mono", count)
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._samples, Fraction(1, SAMPLE_RATE)
        plane = frame.planes[0]
        plane.update(samples.ljust(plane.buffer_size, b"\x00"))
        self._samples += count
        for packet in self._encoder.encode(frame):
            # The first frame is the encoder's run-up: it holds the time before the first sample.
            if self._frames:
                at = self._begins + (self._frames - 1) * FRAME_TICKS
                made.append(AccessUnit(False, Codec.AAC, at, at, True, bytes(packet)))
            self._frames += 1
