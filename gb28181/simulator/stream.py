"""The RTP packets of one call: pictures with the channel's banner and sound, as PS, cut up.

No sockets and no clock: `packets()` gives what belongs to the next picture. Sound leaves half a
picture later in time stamps, in packets of its own: packets of one frame share a time stamp, other
frames have others (GB/T 28181-2022 4.3.6, annex C.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.simulator import tone
from gb28181.simulator.banner import FRAMES, Banner
from gb28181.simulator.clip import FPS, PICTURES, Clip
from media.g711 import SAMPLE_RATE
from media.ps_mux import PsMuxer
from media.rtp import RtpPacketizer
from media.unit import CLOCK_HZ, AccessUnit, Codec

PICTURE_TICKS: Final = CLOCK_HZ // FPS
_SOUND_BYTES: Final = SAMPLE_RATE // FPS


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
    ) -> None:
        begin = start or Start()
        if not clip.is_key(begin.picture):
            raise ValueError("a stream starts with a key frame")
        self._clip = clip
        self._channel = channel
        self._muxer = PsMuxer(Codec.H264, Codec.G711A if audio else None)
        self._rtp = RtpPacketizer(ssrc, payload_type=payload_type, sequence=begin.sequence)
        self._audio = audio
        self._begin = begin
        self.sent = 0
        """Pictures so far."""

    @property
    def is_ready(self) -> bool:
        """Whether the next picture is there: the encoder may still be at work."""
        return self._clip.is_ready(self._begin.picture + self.sent)

    @property
    def error(self) -> str:
        return self._clip.error

    def packets(self) -> list[bytes]:
        """RTP packets of the next picture, and of the sound that goes with it."""
        number, begin = self.sent, self._begin
        self.sent += 1
        place = (begin.picture + number) % PICTURES
        ticks = begin.timestamp + number * PICTURE_TICKS
        data = self._clip.picture(place, self._channel, (begin.frame + number) % FRAMES)
        key = self._clip.is_key(place)
        picture = AccessUnit(True, Codec.H264, ticks, ticks, key, data)
        found = self._rtp.packetize(self._muxer.frame(picture), ticks)
        if self._audio:
            at = number * _SOUND_BYTES % SAMPLE_RATE
            ticks += PICTURE_TICKS // 2
            sound = AccessUnit(
                False, Codec.G711A, ticks, ticks, True, tone.second()[at : at + _SOUND_BYTES]
            )
            found += self._rtp.packetize(self._muxer.frame(sound), ticks)
        return found
