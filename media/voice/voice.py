"""A voice on its way to loudspeakers: what was said goes in, one frame every 20 ms comes out.

A microphone behind a browser delivers in clumps and with gaps; a loudspeaker wants exactly 50
packets a second (GB/T 28181-2022 C.2.4 allows 20 to 180 ms per packet; cameras are tested with 20).
So frames leave by the clock, whatever came in:

- nothing there: silence, because some cameras end a call that falls silent on the wire. Speech
  begins again when 60 ms are there, or after 60 ms of waiting, so that one late clump does not
  chop it up;
- too much there: a listener must never hear the past. What would be heard later than 200 ms after
  it came is cut from the front, down to 100 ms.

Instead of a microphone a *programme* can be played: samples known beforehand, once or for ever.
Nothing of it is dropped. Whoever joins late hears what is said from then on.

Sans-IO: ``now`` is monotonic seconds.
"""

from __future__ import annotations

from typing import Final

from media.sound.alaw import SILENCE
from media.sound.g711 import SAMPLE_RATE

FRAME_S: Final = 0.02
FRAME_BYTES: Final = int(SAMPLE_RATE * FRAME_S)
START_FRAMES: Final = 3
"""So many frames have to be there, or to have been waited for, before speech begins."""
LATENCY_S: Final = 0.2
MOST_BYTES: Final = int(SAMPLE_RATE * LATENCY_S)
KEPT_BYTES: Final = MOST_BYTES // 2
LATE_S: Final = 0.2
"""A clock that was later than this is not caught up with."""

QUIET: Final = bytes((SILENCE,)) * FRAME_BYTES


class VoiceSource:
    """One voice; ``push`` or ``play`` on one side, ``due`` on the other. Samples are A-law."""

    def __init__(self) -> None:
        self.dropped_s = 0.0
        """Speech that was cut because it would have been heard too late."""
        self.frames = 0
        self.silent_frames = 0
        """Frames of silence put in, because there was nothing to say."""
        self._queue = bytearray()
        self._start: float | None = None
        self._ticks = 0
        """Frames that were due since the start: added up, 0.02 s would not stay 0.02 s."""
        self._speaking = False
        self._waited = 0
        self._programme: bytes | None = None
        self._position = 0
        self._loop = False
        self.ended = False
        """The programme was played to its end."""

    def __repr__(self) -> str:
        return f"<VoiceSource {self.frames} frames, {self.waiting_s * 1000:.0f} ms waiting>"

    @property
    def waiting_s(self) -> float:
        """Speech that came and has not left."""
        return len(self._queue) / SAMPLE_RATE

    @property
    def deadline(self) -> float | None:
        """When the next frame is due; None while it is stopped."""
        return None if self._start is None else self._start + self._ticks * FRAME_S

    def push(self, samples: bytes) -> None:
        """Speech as it comes."""
        if len(samples) > MOST_BYTES:
            self.dropped_s += (len(samples) - MOST_BYTES) / SAMPLE_RATE
            samples = samples[-MOST_BYTES:]
        self._queue += samples
        if len(self._queue) > MOST_BYTES:
            excess = len(self._queue) - KEPT_BYTES
            self.dropped_s += excess / SAMPLE_RATE
            del self._queue[:excess]

    def play(self, samples: bytes, *, loop: bool = False) -> None:
        """Play this from its beginning, in place of the microphone."""
        self._programme, self._position, self._loop = samples, 0, loop
        self.ended = not samples
        self._queue.clear()

    def start(self, now: float) -> None:
        """Somebody listens: the first frame is due. Idempotent."""
        if self._start is None:
            self._start, self._ticks = now, 0

    def stop(self) -> None:
        """Nobody listens; a programme stands still meanwhile, speech is forgotten."""
        self._start = None
        self._speaking, self._waited = False, 0
        self._queue.clear()

    def due(self, now: float) -> list[bytes]:
        """The frames that have to leave until ``now``."""
        deadline = self.deadline
        if deadline is not None and now - deadline > LATE_S:
            self._start, self._ticks = now, 0
        frames = []
        while (deadline := self.deadline) is not None and deadline <= now:
            frames.append(self._frame())
            self._ticks += 1
        self.frames += len(frames)
        return frames

    def _frame(self) -> bytes:
        frame = self._spoken() if self._programme is None else self._played(self._programme)
        if frame is None:
            self.silent_frames += 1
            return QUIET
        return frame

    def _spoken(self) -> bytes | None:
        waiting = len(self._queue)
        if not self._speaking:
            if waiting and self._waited < START_FRAMES:
                self._waited += 1
            if waiting < START_FRAMES * FRAME_BYTES and self._waited < START_FRAMES:
                return None
        if not waiting:
            self._speaking = False
            return None
        self._speaking, self._waited = True, 0
        frame = bytes(self._queue[:FRAME_BYTES])
        del self._queue[:FRAME_BYTES]
        if len(frame) < FRAME_BYTES:
            self._speaking = False
            frame += QUIET[len(frame) :]
        return frame

    def _played(self, programme: bytes) -> bytes | None:
        if self.ended:
            return None
        end = self._position + FRAME_BYTES
        frame = programme[self._position : end]
        self._position = end
        while self._loop and len(frame) < FRAME_BYTES:
            self._position = FRAME_BYTES - len(frame)
            frame += programme[: self._position]
        if not self._loop and end >= len(programme):
            self.ended = True
        return frame + QUIET[len(frame) :]
