"""A stream as fragmented MP4, one fragment for each picture and each frame of sound.

A fragment leaves with its picture, when the next one has not come yet: its duration is the distance
of the two before.  Players rest on the decoding time every fragment carries, so nothing drifts.
"""

from __future__ import annotations

from media.node import InitSegment
from media.output import fmp4
from media.output.container import Output
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Run, Sample
from media.output.gop import GopCache
from media.sound.aac import SAMPLES_PER_FRAME
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat
from media.video.lengths import length_prefixed

NOMINAL = CLOCK_HZ // 25
LONGEST = 2 * CLOCK_HZ
"""A longer distance between two pictures is a pause, not the duration of one."""


class Fmp4Output(Output):
    """Initialisation segments and fragments of one stream."""

    def __init__(self, gop: GopCache) -> None:
        super().__init__(gop)
        self._number = 0
        self._last_dts = 0
        self._duration = NOMINAL
        self._sound = SoundClock()

    def head(self, sound: AudioFormat | None) -> bytes:
        segment = fmp4.init_segment(self.video, sound)
        return InitSegment.of(segment, fmp4.mime(self.video, sound)) if segment else b""

    def change(self, sound: AudioFormat | None) -> bytes:
        """A header in mid-stream: `MediaSource` takes one anywhere, a player of files does not."""
        return self.head(sound)

    def mux(self, unit: AccessUnit) -> bytes:
        run = self._picture(unit) if unit.video else self._frame(unit)
        if run is None:
            return b""
        self._number += 1
        return fmp4.fragment(self._number, (run,))

    @staticmethod
    def carries(audio: AudioFormat) -> bool:
        return fmp4.carries_audio(audio)

    def _picture(self, unit: AccessUnit) -> Run | None:
        parts, size = length_prefixed(unit)
        step, self._last_dts = unit.dts - self._last_dts, unit.dts
        if 0 < step < LONGEST:
            self._duration = step
        if not size:
            return None
        sample = Sample(parts, size, self._duration, unit.pts - unit.dts, unit.key)
        return Run(VIDEO_TRACK, unit.dts, [sample])

    def _frame(self, unit: AccessUnit) -> Run | None:
        track = self.track("aac")
        if track is None:
            return None
        begins = self._sound.place(unit.dts, track.sample_rate)
        return Run(AUDIO_TRACK, begins, [sound_sample(unit)])


class SoundClock:
    """Places frames of AAC end to end, where their times only tremble around that."""

    def __init__(self) -> None:
        self._end = 0

    def place(self, dts: int, rate: int) -> int:
        """Where the frame begins, in samples; within 20 ms of `dts`."""
        at = fmp4.audio_time(dts, rate)
        if abs(at - self._end) <= rate // 50:
            at = self._end
        self._end = at + SAMPLES_PER_FRAME
        return at


def sound_sample(unit: AccessUnit) -> Sample:
    """A frame of AAC."""
    return Sample((unit.data,), len(unit.data), SAMPLES_PER_FRAME, 0, True)


def runs_of(frames: list[tuple[int, Sample]]) -> list[Run]:
    """Sound that lies end to end is one run; a hole begins another."""
    runs: list[Run] = []
    ends = -1
    for at, sample in frames:
        if at == ends:
            runs[-1].samples.append(sample)
        else:
            runs.append(Run(AUDIO_TRACK, at, [sample]))
        ends = at + SAMPLES_PER_FRAME
    return runs
