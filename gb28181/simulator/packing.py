"""Pictures and sound of one call as RTP packets, with the habits of a family.

GB/T 28181-2022 4.3.6, annex C.1; leniencies 2, 46, 47, 48.
"""

from __future__ import annotations

from typing import Final

from gb28181.simulator.profiles import Habit, Profile
from media.ps.mux import PsMuxer
from media.ps.psm import build_psm
from media.rtp.packet import RtpPacketizer
from media.sound.g711 import SAMPLE_RATE
from media.unit import CLOCK_HZ, AccessUnit, Codec

PCMA: Final = 8
VIDEO_ID, AUDIO_ID = 0xE0, 0xC0
PRIVATE: Final = (
    b"\x00\x00\x01\xbd" + (12).to_bytes(2, "big") + b"\x84\x00\x00IMKH\x01\x00\x00\x00\x00"
)
"""A private packet as recorders put beside every key frame."""


class Packer:
    """Of one call."""

    def __init__(
        self, profile: Profile, ssrc: int, payload_type: int, sequence: int, audio: bool
    ) -> None:
        self._bare_sound = audio and profile.has(Habit.BARE_SOUND)
        self._private = profile.has(Habit.PRIVATE_PES)
        in_ps = audio and not self._bare_sound
        streams = {VIDEO_ID: Codec.H264} | ({AUDIO_ID: Codec.G711A} if in_ps else {})
        self._map = build_psm(streams) if profile.has(Habit.NO_STREAM_MAP) else b""
        self._muxer = PsMuxer(Codec.H264, Codec.G711A if in_ps else None)
        ssrc = 0 if profile.has(Habit.RTP_SSRC_ZERO) else ssrc
        self._rtp = RtpPacketizer(ssrc, payload_type=payload_type, sequence=sequence)
        self._sound = RtpPacketizer(ssrc, payload_type=PCMA)

    @property
    def sequence(self) -> int:
        """Of the next packet."""
        return self._rtp.sequence

    def picture(self, data: bytes, key: bool, ticks: int) -> list[bytes]:
        pack = self._muxer.frame(AccessUnit(True, Codec.H264, ticks, ticks, key, data))
        if key and self._map:
            pack = pack.replace(self._map, b"", 1)
        if key and self._private:
            pack += PRIVATE
        return self._rtp.packetize(pack, ticks)

    def sound(self, data: bytes, ticks: int) -> list[bytes]:
        if not self._bare_sound:
            unit = AccessUnit(False, Codec.G711A, ticks, ticks, True, data)
            return self._rtp.packetize(self._muxer.frame(unit), ticks)
        # One source, one count of packets, and the clock of the sound.
        self._sound.sequence = self._rtp.sequence
        packets = self._sound.packetize(data, ticks * SAMPLE_RATE // CLOCK_HZ)
        self._rtp.sequence = self._sound.sequence
        return packets
