"""RTP packets of a pack (RFC 3550), RFC 4571 framing for TCP, and a line that spoils them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Packetizer:
    """One RTP stream. Sequence numbers start close to the wrap so that every test crosses it."""

    ssrc: int
    payload_type: int = 96
    sequence: int = 65500
    first_timestamp: int = 0xFFFF0000
    size: int = 1400

    def packets(self, payload: bytes, ticks: int) -> Iterator[bytes]:
        stamp = (self.first_timestamp + ticks) & 0xFFFFFFFF
        for at in range(0, len(payload), self.size):
            part = payload[at : at + self.size]
            marker = 0x80 if at + self.size >= len(payload) else 0
            head = struct.pack(
                ">BBHII", 0x80, marker | self.payload_type, self.sequence, stamp, self.ssrc
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            yield head + part


def framed(packet: bytes) -> bytes:
    """RFC 4571: two bytes of length in front."""
    return struct.pack(">H", len(packet)) + packet


@dataclass(slots=True)
class Line:
    """What happens to packet number n on the way: patterns are repeated for ever.

    `loss="....x"` loses every fifth packet, `dup="..d"` doubles every third, `swap="...s"` sends
    every fourth after its successor. An empty pattern does nothing.
    """

    loss: str = ""
    dup: str = ""
    swap: str = ""
    sent: int = 0
    lost: int = 0
    _held: list[bytes] = field(default_factory=list)

    def carry(self, packets: Iterable[bytes]) -> Iterator[bytes]:
        for packet in packets:
            number = self.sent
            self.sent += 1
            if self.loss and self.loss[number % len(self.loss)] == "x":
                self.lost += 1
                continue
            if self.swap and self.swap[number % len(self.swap)] == "s" and not self._held:
                self._held.append(packet)
                continue
            yield packet
            if self.dup and self.dup[number % len(self.dup)] == "d":
                yield packet
            if self._held:
                yield self._held.pop()
