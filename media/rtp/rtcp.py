"""RTCP on the wire: what senders and receivers of a stream tell each other.

Written: a compound of sender or receiver report and CNAME, and BYE. Read: receiver reports,
requests for a key frame (PLI, FIR) and for packets that were lost (generic NACK); of a camera the
times of its sender reports. Unknown kinds are passed over, and a packet that lies about its length
ends the reading, never the session.

RFC 3550 6 (SR, RR, SDES, BYE), RFC 4585 6.2.1 and 6.3.1 (NACK, PLI), RFC 5104 4.3.1 (FIR).
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, error
from typing import Final

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
RTPFB: Final = 205
PSFB: Final = 206

NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""

MOST_LOST: Final = 256
"""Packets one compound may ask for again; more is no repair but a flood."""

_HEAD: Final = Struct(">BBH")
_SENDER: Final = Struct(">BBHIQIII")
_BLOCK: Final = Struct(">IIIIII")
_PAIR: Final = Struct(">II")
_LOST: Final = Struct(">HH")


@dataclass(frozen=True, slots=True)
class Report:
    """How one viewer receives one of our SSRCs."""

    ssrc: int
    fraction_lost: float
    """Of the packets since the report before, 0 to 1."""
    lost: int
    jitter: int
    """In ticks of the track's clock."""


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """PLI or FIR: the viewer cannot go on without a key frame."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class PacketsWanted:
    """NACK: sequence numbers the viewer lacks."""

    ssrc: int
    sequences: tuple[int, ...]


Feedback = Report | KeyFrameWanted | PacketsWanted


@dataclass(frozen=True, slots=True)
class SenderTimes:
    """What a sender report says of its clock."""

    ssrc: int
    ntp: int
    """64 bits."""
    rtp: int


@dataclass(frozen=True, slots=True)
class Block:
    """What a receiver report says of one sender."""

    ssrc: int
    fraction: int
    """Lost since the report before, in 256ths of what was expected."""
    lost: int
    """In all; less than nothing where packets came twice."""
    highest: int
    """Extended sequence number."""
    jitter: int
    last_report: int
    """The middle 32 bits of the sender's last NTP time, 0 for none."""
    delay: int
    """Since that report, in 65536ths of a second."""


def ntp(wall_s: float) -> int:
    """Seconds since 1970 as a 64-bit NTP time."""
    return int((wall_s + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def sender_report(
    ssrc: int, cname: bytes, ntp_time: int, rtp_time: int, packets: int, octets: int
) -> bytes:
    """SR and SDES in one compound; counters are taken modulo 2**32."""
    report = _SENDER.pack(
        0x80,
        SR,
        6,
        ssrc,
        ntp_time,
        rtp_time & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    return report + _described(ssrc, cname)


def receiver_report(ssrc: int, cname: bytes, block: Block) -> bytes:
    """RR about one sender and SDES in one compound; `ssrc` is the receiver's own."""
    lost = min(0x7FFFFF, max(-0x800000, block.lost)) & 0xFFFFFF
    head = _HEAD.pack(0x81, RR, 7) + ssrc.to_bytes(4, "big")
    body = _BLOCK.pack(
        block.ssrc,
        block.fraction << 24 | lost,
        block.highest & 0xFFFFFFFF,
        min(block.jitter, 0xFFFFFFFF),
        block.last_report,
        block.delay,
    )
    return head + body + _described(ssrc, cname)


def read_sender(data: bytes) -> SenderTimes | None:
    """The first sender report of a compound; None when there is none."""
    at, size = 0, len(data)
    while size - at >= 4:
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + words * 4
        if first >> 6 != 2 or end > size:
            return None
        if kind == SR and words >= 6:
            _, _, _, ssrc, ntp_time, rtp_time, _, _ = _SENDER.unpack_from(data, at)
            return SenderTimes(ssrc, ntp_time, rtp_time)
        at = end
    return None


def _described(ssrc: int, cname: bytes) -> bytes:
    item = bytes((1, len(cname))) + cname
    padding = 4 - len(item) % 4  # at least one zero byte ends the list of items
    chunk = ssrc.to_bytes(4, "big") + item + bytes(padding)
    return _HEAD.pack(0x81, SDES, len(chunk) // 4) + chunk


def goodbye(ssrc: int) -> bytes:
    """BYE, behind the empty receiver report every compound begins with."""
    who = ssrc.to_bytes(4, "big")
    return _HEAD.pack(0x80, RR, 1) + who + _HEAD.pack(0x81, BYE, 1) + who


def read(data: bytes) -> list[Feedback]:
    """What a compound from a viewer says; empty when it is none."""
    out: list[Feedback] = []
    lost = 0
    at, size = 0, len(data)
    while size - at >= 4:
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + words * 4
        if first >> 6 != 2 or end > size:
            break
        body = data[at + 4 : end]
        try:
            if kind in (SR, RR):
                out += _reports(body, first & 0x1F, 24 if kind == SR else 4)
            elif kind == PSFB:
                out += _picture(body, first & 0x1F)
            elif kind == RTPFB and first & 0x1F == 1:
                wanted = _lost(body, MOST_LOST - lost)
                lost += len(wanted.sequences)
                out.append(wanted)
        except error:
            break
        at = end
    return out


def _reports(body: bytes, count: int, begin: int) -> list[Feedback]:
    out: list[Feedback] = []
    for number in range(count):
        ssrc, losses, _, jitter, _, _ = _BLOCK.unpack_from(body, begin + number * _BLOCK.size)
        total = losses & 0xFFFFFF
        if total & 0x800000:  # duplicates: a negative count
            total -= 1 << 24
        out.append(Report(ssrc, (losses >> 24) / 256, total, jitter))
    return out


def _picture(body: bytes, kind: int) -> list[Feedback]:
    _, media = _PAIR.unpack_from(body, 0)
    if kind == 1:
        return [KeyFrameWanted(media)]
    if kind == 4 and len(body) >= 16:
        return [KeyFrameWanted(int.from_bytes(body[8:12], "big"))]
    return []


def _lost(body: bytes, most: int) -> PacketsWanted:
    _, media = _PAIR.unpack_from(body, 0)
    found: list[int] = []
    for at in range(8, len(body) - 3, 4):
        first, mask = _LOST.unpack_from(body, at)
        found.append(first)
        found += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(found) >= most:
            break
    return PacketsWanted(media, tuple(found[: max(0, most)]))
