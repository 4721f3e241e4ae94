"""The packets of a live call: pictures with the channel's banner and sound, one after the other.

No sockets and no clock: `packets()` gives what belongs to the next picture. Sound leaves half a
picture later in time stamps, in packets of its own: packets of one frame share a time stamp, other
frames have others (GB/T 28181-2022 4.3.6, annex C.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gb28181.simulator import tone
from gb28181.simulator.banner import FRAMES, Banner
from gb28181.simulator.clip import FPS, GROUP, PICTURES, Clip
from gb28181.simulator.packing import Packer
from gb28181.simulator.profiles import STANDARD, Habit, Profile
from media.sound.g711 import SAMPLE_RATE
from media.unit import CLOCK_HZ

PICTURE_TICKS: Final = CLOCK_HZ // FPS
SOUND_BYTES: Final = SAMPLE_RATE // FPS


class Stream(Protocol):
    """What a sender sends."""

    @property
    def is_ready(self) -> bool:
        """Whether the next picture is there: the encoder may still be at work."""

    @property
    def error(self) -> str:
        """Why there will be none."""

    @property
    def period(self) -> float:
        """Seconds until the next picture."""

    def packets(self) -> list[bytes]:
        """RTP packets of the next picture and its sound; empty at the end."""

    def key_frame(self) -> None:
        """The next picture is to be one that can be decoded alone."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the numbers of a stream begin; cameras begin anywhere."""

    picture: int = 0
    """Place in the clip, of a key frame."""
    frame: int = 0
    """Frame number shown."""
    sequence: int = 0
    timestamp: int = 0


class CameraStream:
    """One channel's pictures for one receiver."""

    def __init__(
        self,
        clip: Clip,
        channel: Banner,
        ssrc: int,
        *,
        payload_type: int = 96,
        audio: bool = True,
        start: Start | None = None,
        profile: Profile = STANDARD,
        look: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`look`: further numbers to show, where the lens looks."""
        begin = start or Start()
        if not clip.is_key(begin.picture):
            raise ValueError("a stream starts with a key frame")
        self._clip = clip
        self._channel = channel
        self._pack = Packer(profile, ssrc, payload_type, begin.sequence, audio)
        self._sets_everywhere = profile.has(Habit.SETS_EVERYWHERE)
        self._audio = audio
        self._look = look
        self._begin = begin
        self._skipped = 0
        """Pictures of the clip left out for key frames that were asked for."""
        self.sent = 0
        """Pictures so far."""

    @property
    def _place(self) -> int:
        return (self._begin.picture + self.sent + self._skipped) % PICTURES

    @property
    def is_ready(self) -> bool:
        return self._clip.is_ready(self._place)

    @property
    def error(self) -> str:
        return self._clip.error

    @property
    def period(self) -> float:
        return 1 / FPS

    def key_frame(self) -> None:
        self._skipped += -self._place % GROUP

    def packets(self) -> list[bytes]:
        """RTP packets of the next picture, and of the sound that goes with it."""
        number, begin, place = self.sent, self._begin, self._place
        ticks = begin.timestamp + number * PICTURE_TICKS
        frame = (begin.frame + number) % FRAMES
        data = self._clip.picture(place, self._channel, frame, self._look())
        key = self._clip.is_key(place)
        if self._sets_everywhere and not key:
            data = self._clip.sets + data
        self.sent += 1
        found = self._pack.picture(data, key, ticks)
        if self._audio:
            at = number * SOUND_BYTES % SAMPLE_RATE
            sound = tone.second()[at : at + SOUND_BYTES]
            found += self._pack.sound(sound, ticks + PICTURE_TICKS // 2)
        return found
