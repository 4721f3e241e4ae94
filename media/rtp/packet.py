"""RTP packets on the wire: reading the fixed header, cutting TCP streams, packetising for senders.

There is no packet object: the receiving path handles hundreds of packets per stream and second, so
the header is read into local variables (``HEADER``) and only the payload is cut out. Ordering is
``media.rtp.reorder``, meaning of the payload is ``media.ps.probe`` and
below. RTCP is not handled here.

RFC 3550 5.1 (header), RFC 4571 (framing on TCP), RFC 2326 10.12 (`$` interleaving);
GB/T 28181-2022 Annex C.1 (PS in RTP), Annex D (TCP).
"""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct(">BBHII")
"""First octet (V P X CC), second octet (M PT), sequence number, timestamp, SSRC."""

HEADER_BYTES: Final = 12
PLAIN_FIRST_OCTET: Final = 0x80
"""Version 2, no padding, extension or CSRC: the payload is everything from byte 12 on."""

MAX_RTP_PAYLOAD: Final = 1400
"""Keeps IP + UDP + RTP under an Ethernet MTU with room for tunnels."""

PRIVATE_HEAD_BYTES: Final = 256
"""Length of the head some recorders send once in front of a TCP stream; it starts 01 00 01/02."""

MAX_SEARCH: Final = 256 * 1024
"""Bytes kept while looking for the next packet after the framing was lost."""


def payload_of(packet: bytes) -> bytes | None:
    """Payload behind CSRC list, header extension and padding; None when the packet is not RTP."""
    size = len(packet)
    if size < HEADER_BYTES:
        return None
    first = packet[0]
    if first >> 6 != 2:
        return None
    start = HEADER_BYTES + (first & 0x0F) * 4
    if first & 0x10:
        if size < start + 4:
            return None
        start += 4 + int.from_bytes(packet[start + 2 : start + 4], "big") * 4
    end = size
    if first & 0x20:
        # A padding count of 0 or beyond the packet is a sender's mistake: keep what is there.
        padding = packet[-1]
        if 0 < padding <= size - start:
            end -= padding
    return packet[start:end] if start <= end else None


def is_rtcp(packet: bytes) -> bool:
    """RTCP on the RTP port: packet types 200-204 where RTP has marker and payload type 72-76."""
    return len(packet) >= 2 and packet[0] >> 6 == 2 and 200 <= packet[1] <= 204


class RtpPacketizer:
    """Cuts the bytes of one frame into RTP packets; the marker is set on the last one."""

    def __init__(
        self,
        ssrc: int,
        *,
        payload_type: int = 96,
        sequence: int = 0,
        max_payload: int = MAX_RTP_PAYLOAD,
    ) -> None:
        self.ssrc = ssrc & 0xFFFFFFFF
        self.payload_type = payload_type & 0x7F
        self.sequence = sequence & 0xFFFF
        self._max_payload = max_payload

    def packetize(self, data: bytes, timestamp: int) -> list[bytes]:
        """Packets for one frame; ``timestamp`` is in the clock of the payload type, any size."""
        packets: list[bytes] = []
        size = len(data)
        step = self._max_payload
        timestamp &= 0xFFFFFFFF
        sequence = self.sequence
        for start in range(0, size, step):
            marker = 0x80 if start + step >= size else 0
            head = HEADER.pack(
                PLAIN_FIRST_OCTET, marker | self.payload_type, sequence, timestamp, self.ssrc
            )
            packets.append(head + data[start : start + step])
            sequence = (sequence + 1) & 0xFFFF
        self.sequence = sequence
        return packets


def frame_for_tcp(packet: bytes) -> bytes:
    """RFC 4571: two bytes of length in front of the packet."""
    return len(packet).to_bytes(2, "big") + packet


class TcpSplitter:
    """TCP bytes in, RTP packets out.

    Framing is RFC 4571 unless a frame starts with ``$`` and a plausible interleaved header. When a
    frame cannot be RTP, the splitter looks for the next place where a length and an RTP header of
    the known SSRC (or, before one is known, a PS pack header behind an RTP header) stand together.

    Bytes are joined only when a whole frame is there, so feeding byte by byte stays linear; one
    frame has at most 65,535 bytes, so what is carried over is bounded.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._need = 4
        self._ssrc: bytes | None = None
        self._candidate: bytes | None = None
        self._started = False
        self._lost = False
        self.resyncs = 0
        """How often the framing was lost."""
        self.skipped_bytes = 0
        """Bytes thrown away while looking for it again."""

    def feed(self, data: bytes) -> list[bytes]:
        """Whole packets in the order they came; empty when the frame is not complete yet."""
        if self._held:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._need:
                return []
            data = b"".join(self._parts)
        elif len(data) < self._need:
            self._keep(data, 0, self._need)
            return []
        packets: list[bytes] = []
        position = self._split(data, packets)
        self._keep(data, position, self._need)
        return packets

    def _keep(self, data: bytes, position: int, need: int) -> None:
        rest = data[position:] if position else data
        self._parts = [rest] if rest else []
        self._held = len(rest)
        self._need = need

    def _split(self, data: bytes, packets: list[bytes]) -> int:
        """Appends packets, returns where the unfinished rest starts, sets how much it needs."""
        position = 0
        size = len(data)
        if not self._started:
            position = self._skip_private_head(data)
            if position < 0:
                return 0
        while size - (position := self._split_usual(data, position, packets)) >= 4:
            if self._lost:
                found = self._search(data, position)
                if found < 0:
                    return self._give_up(data, position)
                self.skipped_bytes += found - position
                position = found
                self._lost = False
            head, length = self._frame_at(data, position)
            start = position + head
            end = start + length
            if not self._plausible(data, start, end):
                self._lost = True
                self.resyncs += 1
                continue
            if end > size:
                self._need = end - position
                return position
            if length:
                packets.append(data[start:end])
                self._learn(data[start + 8 : start + 12], data[start + 1])
            position = end
        self._need = 4
        return position

    def _split_usual(self, data: bytes, position: int, packets: list[bytes]) -> int:
        """Appends the packets in front that need no thought: whole ones of the known SSRC."""
        ssrc = None if self._lost else self._ssrc
        if ssrc is None:
            return position
        last = len(data) - HEADER_BYTES - 2
        while position <= last:
            start = position + 2
            end = start + (data[position] << 8 | data[position + 1])
            if (
                data[start + 8 : start + 12] != ssrc
                or end > len(data)
                or end - start < HEADER_BYTES
                or data[start] >> 6 != 2
                or data[position] == 0x24
            ):
                break
            packets.append(data[start:end])
            position = end
        return position

    def _skip_private_head(self, data: bytes) -> int:
        """Where the first frame starts; -1 when more bytes are needed to know."""
        if data.startswith(b"\x01\x00") and data[2] in (1, 2):
            if len(data) < PRIVATE_HEAD_BYTES:
                self._need = PRIVATE_HEAD_BYTES
                return -1
            self._started = True
            return PRIVATE_HEAD_BYTES
        self._started = True
        return 0

    def _learn(self, ssrc: bytes, second: int) -> None:
        """The SSRC to search for; two packets in a row must carry a new one."""
        if ssrc != self._ssrc and not 200 <= second <= 204:
            if self._ssrc is None or ssrc == self._candidate:
                self._ssrc = ssrc
            self._candidate = ssrc

    @staticmethod
    def _frame_at(data: bytes, position: int) -> tuple[int, int]:
        """Size of the frame's own header and of its packet."""
        if data[position] == 0x24 and data[position + 1] < 0x10:
            # `$ channel length`. A plain frame of 0x24xx bytes has 0x24 here too; its third byte is
            # then the RTP version octet, which as the high byte of a length means over 32 KiB.
            plain = len(data) - position > 3 and data[position + 2] >> 6 == 2
            if not plain:
                return 4, int.from_bytes(data[position + 2 : position + 4], "big")
        return 2, int.from_bytes(data[position : position + 2], "big")

    def _plausible(self, data: bytes, start: int, end: int) -> bool:
        """Whether what is there so far of the frame can be RTP, RTCP or an empty frame."""
        size = len(data)
        length = end - start
        if length == 0 or start >= size:
            return True
        if length < 8 or data[start] >> 6 != 2:
            return False
        if size < start + 12 or self._ssrc is None or data[start + 8 : start + 12] == self._ssrc:
            return True
        # Another SSRC (audio beside video, a new sender) is fine when the frame behind fits too.
        return end + 2 >= size or data[end + 2] >> 6 == 2 or data[end] == 0x24

    def _search(self, data: bytes, position: int) -> int:
        """Next frame start at or behind ``position``; -1 when there is none."""
        pattern, back = (b"\x00\x00\x01\xba", 12) if self._ssrc is None else (self._ssrc, 8)
        at = data.find(pattern, position + back + 2)
        while at >= 0:
            packet = at - back
            length = int.from_bytes(data[packet - 2 : packet], "big")
            if data[packet] >> 6 == 2 and length >= HEADER_BYTES:
                interleaved = (
                    packet - 4 >= position and data[packet - 4] == 0x24 and data[packet - 3] < 0x10
                )
                return packet - 4 if interleaved else packet - 2
            at = data.find(pattern, at + 1)
        return -1

    def _give_up(self, data: bytes, position: int) -> int:
        """Nothing found: keep only a tail in which a header may have begun."""
        keep = max(position, len(data) - 20)
        self.skipped_bytes += keep - position
        if self.skipped_bytes > MAX_SEARCH and self._ssrc is not None:
            # The known SSRC does not come back: the sender may have begun anew with another one.
            self._ssrc = None
        self._need = len(data) - keep + 1
        return keep
