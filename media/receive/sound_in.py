"""Sound that comes as a stream of its own: G.711 as it is, AAC behind AU headers.

RFC 3551 4.5.14 (G.711), RFC 3640 3.2 (AAC). Frames that are not whole are left out.
"""

from __future__ import annotations

from typing import Final

from media.receive.track import AudioTrack, Out
from media.rtp.packet import HEADER, HEADER_BYTES, is_rtcp, payload_of
from media.rtp.reorder import Mark, Reorder
from media.sound.aac import MAX_FRAME, SAMPLES_PER_FRAME
from media.unit import CLOCK_HZ, AudioFormat, Codec

MAX_UNITS: Final = 64
"""AAC frames of one packet."""


class SoundIn:
    """One track of sound, packets in."""

    def __init__(
        self,
        audio: AudioTrack,
        codec: Codec,
        clock: int,
        told: AudioFormat | None = None,
        header_bits: tuple[int, int, int] = (13, 3, 3),
        *,
        ordered: bool = False,
    ) -> None:
        """`told` is the format of AAC, without which it cannot be carried."""
        self.order: Reorder[bytes] = Reorder(window=0 if ordered else 16)
        self._audio = audio
        self._codec = codec
        self._clock = max(1, clock)
        self._told = told
        self._bits = header_bits
        self._last: int | None = None
        self._time = 0
        self._part = b""
        self._part_size = 0

    def push(self, packet: bytes, arrival: float, out: Out) -> None:
        """One RTP packet."""
        if len(packet) < HEADER_BYTES or packet[0] >> 6 != 2 or is_rtcp(packet):
            return
        sequence = packet[2] << 8 | packet[3]
        self._take(self.order.push(sequence, packet, arrival), arrival, out)

    def flush(self, now: float, out: Out) -> None:
        """What has waited too long for what is missing."""
        self._take(self.order.expire(now), now, out)

    def _take(self, items: list[bytes | Mark], arrival: float, out: Out) -> None:
        for item in items:
            if isinstance(item, Mark):
                self._part = b""
            else:
                self._packet(item, arrival, out)

    def _packet(self, packet: bytes, arrival: float, out: Out) -> None:
        payload = payload_of(packet)
        if not payload:
            return
        _, _, _, timestamp, _ = HEADER.unpack_from(packet)
        last, self._last = self._last, timestamp
        if last is not None:
            step = (timestamp - last) & 0xFFFFFFFF
            if step < 0x80000000:
                self._time += step * CLOCK_HZ // self._clock
        if self._codec is not Codec.AAC:
            self._audio.push(self._codec, payload, None, self._time & 0xFFFFFFFF, arrival, out)
            return
        if self._told is None:
            return
        later = SAMPLES_PER_FRAME * CLOCK_HZ // self._clock
        for number, frame in enumerate(self._frames(payload)):
            rtp = (self._time + number * later) & 0xFFFFFFFF
            self._audio.push_raw(self._told, frame, rtp, arrival, out)

    def _frames(self, payload: bytes) -> list[bytes]:
        """The whole frames of a payload (RFC 3640 3.2.1)."""
        sizes, at = self._sizes(payload)
        if len(sizes) == 1 and sizes[0] > len(payload) - at:
            return self._fragment(sizes[0], payload[at:])
        self._part = b""
        frames = []
        for size in sizes:
            frame = payload[at : at + size]
            at += size
            if size and len(frame) == size:
                frames.append(frame)
        return frames

    def _fragment(self, size: int, data: bytes) -> list[bytes]:
        """A frame that is spread over packets, each of which tells its whole size."""
        if size > MAX_FRAME:
            return []
        self._part = self._part + data if self._part and self._part_size == size else data
        self._part_size = size
        if len(self._part) < size:
            return []
        whole, self._part = self._part[:size], b""
        return [whole]

    def _sizes(self, payload: bytes) -> tuple[list[int], int]:
        """Sizes of the frames, and where the first begins."""
        size_bits, first_bits, other_bits = self._bits
        if not size_bits or len(payload) < 2:
            return [], 0
        bits = payload[0] << 8 | payload[1]
        begin = 2 + (bits + 7) // 8
        if begin > len(payload):
            return [], 0
        value = int.from_bytes(payload[2:begin], "big")
        left = (begin - 2) * 8
        end = left - bits
        sizes: list[int] = []
        while len(sizes) < MAX_UNITS:
            width = size_bits + (other_bits if sizes else first_bits)
            if left - width < end:
                break
            left -= width
            sizes.append(value >> left >> (width - size_bits) & ((1 << size_bits) - 1))
        return sizes, begin
