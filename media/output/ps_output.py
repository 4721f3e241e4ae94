"""A stream as RTP payloads of program stream, for platforms above (GB/T 28181-2022 Annex C.1).

Packs are written and cut once, whoever gets them; each receiver has its own RTP headers
(`media.rtp.outlet`). The sound goes along as the camera sends it. The clock references never step
back, although sound and picture are not quite in order (ISO/IEC 13818-1 2.5.2.2).
"""

from __future__ import annotations

from typing import Final

from media.output.container import Output
from media.ps.mux import PsMuxer
from media.ps.psm import TYPE_OF
from media.rtp.pack import KEY, MARKER, encoded, preface
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

MAX_PAYLOAD: Final = 1400
"""Bytes behind the RTP header, as cameras send them."""
BREAK: Final = CLOCK_HZ // 2
"""A larger step back is a new time line, not sound that is a little late."""


class PsOutput(Output):
    """Packs of one stream."""

    _muxer: PsMuxer | None = None
    _clock: int | None = None

    def head(self, sound: AudioFormat | None) -> bytes:
        """The tracks, for whoever wants to know; nothing of it is sent."""
        return preface(FormatChanged(self.video, sound))

    def change(self, sound: AudioFormat | None) -> bytes:
        """Nothing: the program stream map stands in front of every key frame."""
        return b""

    def set_format(
        self, video: VideoFormat | None, raw: AudioFormat | None, aac: AudioFormat | None
    ) -> None:
        super().set_format(video, raw, aac)
        sound = self.track("raw")
        codec, config = (None, b"") if sound is None else (sound.codec, sound.config)
        self._muxer = PsMuxer(video.codec if video else None, codec, audio_config=config)

    def burst(self, sound: AudioFormat | None) -> list[bytes]:
        self._clock = None  # it may be that the whole group is written anew
        return super().burst(sound)

    def mux(self, unit: AccessUnit) -> bytes:
        if self._muxer is None:
            return b""
        clock, before = unit.dts, self._clock
        if before is not None and clock < before < clock + BREAK:
            clock = before
        self._clock = clock
        pack = self._muxer.frame(unit, clock=clock)
        payloads = [pack[at : at + MAX_PAYLOAD] for at in range(0, len(pack), MAX_PAYLOAD)]
        return encoded(MARKER | (KEY if unit.key else 0), clock, clock, payloads)

    @staticmethod
    def carries(audio: AudioFormat) -> bool:
        return audio.codec in TYPE_OF and (audio.codec is not Codec.AAC or len(audio.config) >= 2)
