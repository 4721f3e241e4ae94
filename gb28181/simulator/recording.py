"""The packets of a recording that is sent: archive pictures with the time they show.

In the place of the frame number of a live picture stand pictures since midnight (`reel.py`), and
in the place of the channel id the date and time of the archive, so that eyes and tests see where a
recording is. Time stamps run at the pace of the receiver for playback, so that what is sent twice
as fast is shown twice as fast, and at that of the recording for a download. There is sound at
normal speed only.
"""

from __future__ import annotations

from collections.abc import Callable

from gb28181.simulator import tone
from gb28181.simulator.banner import Banner
from gb28181.simulator.clip import FPS, PICTURES, Clip
from gb28181.simulator.memory import wall_clock
from gb28181.simulator.packing import Packer
from gb28181.simulator.profiles import Habit, Profile
from gb28181.simulator.reel import Reel, frame_number
from gb28181.simulator.stream import PICTURE_TICKS, SOUND_BYTES
from media.unit import CLOCK_HZ


class RecordingStream:
    """One recording for one receiver."""

    def __init__(
        self,
        clip: Clip,
        banner: Callable[[str], Banner],
        reel: Reel,
        pack: Packer,
        profile: Profile,
        *,
        audio: bool,
        timestamp: int,
        speed: float = 0.0,
    ) -> None:
        """`banner` makes one for a text of digits; `speed` of a download, 0 for playback."""
        self.reel = reel
        self._clip = clip
        self._banner_of = banner
        self._banner: Banner | None = None
        self._second = -1
        self._pack = pack
        self._sets_everywhere = profile.has(Habit.SETS_EVERYWHERE)
        self._audio = audio
        self._ticks = timestamp
        self._speed = speed
        self.ended = False

    @property
    def is_ready(self) -> bool:
        """Places of the clip follow the archive, so that all of it must be there."""
        return self._clip.is_complete

    @property
    def error(self) -> str:
        return self._clip.error

    @property
    def period(self) -> float:
        return 1 / FPS / self._speed if self._speed else self.reel.period

    @property
    def sequence(self) -> int:
        """Of the next RTP packet."""
        return self._pack.sequence

    @property
    def timestamp(self) -> int:
        return self._ticks % 2**32

    def key_frame(self) -> None:
        self.reel.key_frame()

    def packets(self) -> list[bytes]:
        period = self.reel.period
        number = self.reel.next()
        if number is None:
            self.ended = True
            return []
        ticks = self._ticks
        self._ticks += PICTURE_TICKS if self._speed else round(period * CLOCK_HZ)
        place = number % PICTURES
        data = self._clip.picture(place, self._shown(number), frame_number(number))
        key = self._clip.is_key(place)
        if self._sets_everywhere and not key:
            data = self._clip.sets + data
        found = self._pack.picture(data, key, ticks)
        if self._audio and self.reel.scale == 1.0:
            at = number % FPS * SOUND_BYTES
            sound = tone.second()[at : at + SOUND_BYTES]
            found += self._pack.sound(sound, ticks + PICTURE_TICKS // 2)
        return found

    def _shown(self, number: int) -> Banner:
        """The banner of this second."""
        second = number // FPS
        if self._banner is None or second != self._second:
            self._second = second
            self._banner = self._banner_of(wall_clock(second).strftime("%Y%m%d%H%M%S"))
        return self._banner
