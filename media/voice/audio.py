"""Frames of G.711A to RTP packets for one loudspeaker, and packets of its microphone back.

Out: payload type 8, the bare samples, 8 kHz clock (RFC 3551 4.5.14); or 96, the samples in a
program stream, 90 kHz clock, for devices that offer nothing else. The first packet carries the
marker (RFC 3551 4.1: the beginning of a talkspurt); there is one, because silence is sent, too.

In: PCMA only, in the order of its sequence numbers; what is late or comes twice is left out.
"""

from __future__ import annotations

from typing import Final, Literal

from media.ps.mux import PsMuxer
from media.rtp.packet import HEADER, HEADER_BYTES, PLAIN_FIRST_OCTET, is_rtcp, payload_of
from media.sound.g711 import rtp_ticks
from media.unit import AccessUnit, Codec

PCMA: Final = 8
PS: Final = 96
AudioPayload = Literal[8, 96]

MOST_HEARD: Final = 1600
"""Samples in one packet of a microphone: 200 ms; longer ones are no speech."""

MOST_LATE: Final = 128
"""A packet so far behind the last one is late; one further behind is of a sender that began
anew."""


class AudioPacketizer:
    """Makes the packets of one sender; every frame is one packet."""

    def __init__(
        self, ssrc: int, payload: AudioPayload = PCMA, *, sequence: int = 0, timestamp: int = 0
    ) -> None:
        """``timestamp``: of the first packet, in the clock of the payload."""
        self.ssrc = ssrc & 0xFFFFFFFF
        self._payload = payload
        self._sequence = sequence & 0xFFFF
        self._timestamp = timestamp & 0xFFFFFFFF
        self._marker = 0x80
        self._muxer = PsMuxer(None, Codec.G711A) if payload == PS else None
        self._ticks = 0

    def packet(self, frame: bytes) -> bytes:
        """The packet that carries a frame of A-law."""
        head = HEADER.pack(
            PLAIN_FIRST_OCTET,
            self._marker | self._payload,
            self._sequence,
            self._timestamp,
            self.ssrc,
        )
        step, body = len(frame), frame
        if self._muxer is not None:
            step = rtp_ticks(len(frame))
            unit = AccessUnit(False, Codec.G711A, self._ticks, self._ticks, True, frame)
            body = self._muxer.frame(unit)
            self._ticks += step
        self._marker = 0
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + step & 0xFFFFFFFF
        return head + body


class AudioReader:
    """Takes the packets of a device's microphone."""

    def __init__(self) -> None:
        self.packets = 0
        self.left_out = 0
        """Late, repeated, of another codec, or no RTP."""
        self._last: int | None = None

    def feed(self, packet: bytes) -> bytes:
        """Its samples (A-law); empty when it brings none."""
        payload = None if is_rtcp(packet) else payload_of(packet)
        if payload is None or packet[1] & 0x7F != PCMA or not 0 < len(payload) <= MOST_HEARD:
            self.left_out += 1
            return b""
        sequence = HEADER.unpack_from(packet[:HEADER_BYTES])[2]
        if self._last is not None and (self._last - sequence) & 0xFFFF < MOST_LATE:
            self.left_out += 1
            return b""
        self._last = sequence
        self.packets += 1
        return payload
