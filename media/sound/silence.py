"""AAC that is silent, made without an encoder.

A frame without a single scale factor band: the element, its empty channel streams, the end.
ISO/IEC 14496-3 4.4.2.1 (raw_data_block), 4.4.2.7 (individual_channel_stream).
"""

from __future__ import annotations

from media.sound.aac import SAMPLES_PER_FRAME
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec

_LC = 2
_MONO = b"\x00\x00\x00\x07"
"""SCE 000 0000, one empty stream of 22 bits, END 111."""
_STEREO = b"\x20\x00\x00\x00\x00\x00\x0e"
"""CPE 001 0000 0, two empty streams of 22 bits, END 111."""


def silent_frame(audio: AudioFormat) -> bytes:
    """One frame of this format; b"" where none is known: another profile, more channels."""
    if audio.codec is not Codec.AAC or len(audio.config) < 2:
        return b""
    object_type, short = audio.config[0] >> 3, audio.config[1] & 4
    if object_type != _LC or short:
        return b""
    return {1: _MONO, 2: _STEREO}.get(audio.channels, b"")


class Silence:
    """Frames end to end from a time on."""

    def __init__(self, audio: AudioFormat, begins: int) -> None:
        """`audio`: one `silent_frame` knows; `begins`: 90 kHz."""
        self._frame = silent_frame(audio)
        self._rate = audio.sample_rate
        self._begins = begins
        self._count = 0

    @property
    def ends(self) -> int:
        """Where the next frame begins."""
        return self._begins + self._count * SAMPLES_PER_FRAME * CLOCK_HZ // self._rate

    def until(self, at: int) -> list[AccessUnit]:
        """The frames that begin up to this time and were not given yet."""
        found = []
        while (begins := self.ends) <= at:
            found.append(AccessUnit(False, Codec.AAC, begins, begins, True, self._frame))
            self._count += 1
        return found
