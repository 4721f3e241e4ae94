"""Access units as RTP payloads for players: cut once, whoever looks.

What a packet carries is the same for every viewer; its header (payload type, sequence, time, SSRC)
is not, and is written by ``media.rtp.outlet``. So a unit travels as one *bundle*: a head with its
time, then the payloads, each behind its length. A bundle tells its own end, and bundles may be
joined.

H.264: single NAL unit, STAP-A for the small units in front of a picture, FU-A (RFC 6184 5.6-5.8).
H.265: single NAL unit, AP, FU (RFC 7798 4.4). AAC: AAC-hbr (RFC 3640 3.3.6). G.711: samples as
they are (RFC 3551 4.5.14).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from media.record.spool import HEAD as ENTRY
from media.record.spool import Kind, decode, encode
from media.unit import CLOCK_HZ, AccessUnit, Codec, FormatChanged
from media.video.nal import split, unit_type

MAX_PAYLOAD: Final = 1200
"""Bytes behind the RTP header: with SRTP, UDP and IPv6 it still fits a tunnel of 1,280."""

VIDEO: Final = 0
AUDIO: Final = 1
MARKER: Final = 2
KEY: Final = 4

HEAD: Final = Struct(">BHIqq")
"""Flags (audio, marker on the last packet, key), payloads, bytes behind the head, pts, dts."""

_H264_AUD: Final = 9
_H264_FILLER: Final = 12
_H264_STAP_A: Final = 24
_H264_FU_A: Final = 28
_H265_AUD: Final = 35
_H265_FILLER: Final = 38
_H265_AP: Final = 48
_H265_FU: Final = 49
_AAC_MOST: Final = 0x1FFF


class Bundle(NamedTuple):
    """One unit taken out of a chunk."""

    flags: int
    pts: int
    dts: int
    payloads: list[bytes]

    @property
    def audio(self) -> bool:
        return bool(self.flags & AUDIO)

    @property
    def key(self) -> bool:
        return bool(self.flags & KEY)


def bundle(unit: AccessUnit) -> bytes:
    """A unit as a bundle; b"" when there is nothing of it to send."""
    if unit.codec is Codec.H264:
        payloads = h264(unit.data)
    elif unit.codec is Codec.H265:
        payloads = h265(unit.data)
    elif unit.codec is Codec.AAC:
        payloads = aac(unit.data)
    else:
        return _samples(unit)
    flags = MARKER | (0 if unit.video else AUDIO) | (KEY if unit.key else 0)
    return encoded(flags, unit.pts, unit.dts, payloads)


def preface(formats: FormatChanged) -> bytes:
    """What stands in front of the first bundle: the tracks of the stream, without payloads."""
    told = encode(formats)
    return HEAD.pack(0, 0, len(told), 0, 0) + told


def read_preface(chunk: bytes) -> FormatChanged | None:
    """The tracks a chunk begins with; None when it begins with a bundle."""
    if len(chunk) < HEAD.size:
        return None
    _, count, size, _, _ = HEAD.unpack_from(chunk)
    if count or not size:
        return None
    found = decode(Kind.FORMAT, chunk[HEAD.size + ENTRY.size : HEAD.size + size])
    return found if isinstance(found, FormatChanged) else None


def prefaces(chunk: bytes) -> Iterator[FormatChanged]:
    """All that a chunk says of the tracks: at its beginning, and where they change."""
    at, size = 0, len(chunk)
    while at < size:
        _, count, length, _, _ = HEAD.unpack_from(chunk, at)
        if not count:
            found = read_preface(chunk[at : at + HEAD.size + length])
            if found is not None:
                yield found
        at += HEAD.size + length


def unbundle(chunk: bytes) -> Iterator[Bundle]:
    """The units of a chunk this module wrote, in order."""
    at, size = 0, len(chunk)
    while at < size:
        flags, count, length, pts, dts = HEAD.unpack_from(chunk, at)
        at += HEAD.size
        if not count:
            at += length  # a preface
            continue
        payloads = []
        for _ in range(count):
            begin = at + 2
            at = begin + (chunk[at] << 8 | chunk[at + 1])
            payloads.append(chunk[begin:at])
        yield Bundle(flags, pts, dts, payloads)


def h264(data: bytes) -> list[bytes]:
    """Payloads of one picture in Annex B form."""
    out: list[bytes] = []
    small: list[bytes] = []
    for unit in split(data):
        kind = unit_type(Codec.H264, unit[0])
        if kind in (_H264_AUD, _H264_FILLER):
            continue
        if _aggregates(small, unit, 1):
            small.append(unit)
            continue
        _flush_h264(small, out)
        if len(unit) <= MAX_PAYLOAD:
            small.append(unit)
        else:
            _fragment(unit, 1, bytes((unit[0] & 0x60 | _H264_FU_A,)), kind, out)
    _flush_h264(small, out)
    return out


def h265(data: bytes) -> list[bytes]:
    """Payloads of one picture in Annex B form."""
    out: list[bytes] = []
    small: list[bytes] = []
    for unit in split(data):
        kind = unit_type(Codec.H265, unit[0])
        if len(unit) < 3 or kind in (_H265_AUD, _H265_FILLER):
            continue
        if _aggregates(small, unit, 2):
            small.append(unit)
            continue
        _flush_h265(small, out)
        if len(unit) <= MAX_PAYLOAD:
            small.append(unit)
        else:
            head = bytes((unit[0] & 0x81 | _H265_FU << 1, unit[1]))
            _fragment(unit, 2, head, kind, out)
    _flush_h265(small, out)
    return out


def aac(data: bytes) -> list[bytes]:
    """Payloads of one raw AAC frame: one AU header each, fragments repeat it (RFC 3640 3.2.3)."""
    size = len(data)
    if not 0 < size <= _AAC_MOST:
        return []
    head = b"\x00\x10" + (size << 3).to_bytes(2, "big")
    step = MAX_PAYLOAD - len(head)
    return [head + data[at : at + step] for at in range(0, size, step)]


def _samples(unit: AccessUnit) -> bytes:
    """G.711: one byte a sample, so a long frame becomes several units with times of their own."""
    data, ticks = unit.data, CLOCK_HZ // 8000
    parts = []
    for at in range(0, len(data), MAX_PAYLOAD):
        later = at * ticks
        payload = data[at : at + MAX_PAYLOAD]
        parts.append(encoded(AUDIO | KEY, unit.pts + later, unit.dts + later, [payload]))
    return b"".join(parts)


def encoded(flags: int, pts: int, dts: int, payloads: list[bytes]) -> bytes:
    """One bundle; b"" without payloads."""
    if not payloads:
        return b""
    body = [part for one in payloads for part in (len(one).to_bytes(2, "big"), one)]
    size = sum(map(len, body))
    return b"".join([HEAD.pack(flags, len(payloads), size, pts, dts), *body])


def _aggregates(small: list[bytes], unit: bytes, head: int) -> bool:
    """Whether a unit still fits into the packet that is being collected."""
    return bool(small) and head + sum(len(u) + 2 for u in small) + len(unit) + 2 <= MAX_PAYLOAD


def _flush_h264(small: list[bytes], out: list[bytes]) -> None:
    if len(small) == 1:
        out.append(small[0])
    elif small:
        # The header carries the highest importance and any "forbidden" bit of its units.
        importance = max(unit[0] & 0x60 for unit in small)
        head = bytes((importance | _H264_STAP_A,))
        out.append(head + b"".join(len(u).to_bytes(2, "big") + u for u in small))
    small.clear()


def _flush_h265(small: list[bytes], out: list[bytes]) -> None:
    if len(small) == 1:
        out.append(small[0])
    elif small:
        # The lowest layer and the lowest temporal id of its units (RFC 7798 4.4.2).
        layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in small)
        temporal = min(unit[1] & 7 for unit in small)
        head = bytes((_H265_AP << 1 | layer >> 5, (layer & 0x1F) << 3 | temporal))
        out.append(head + b"".join(len(u).to_bytes(2, "big") + u for u in small))
    small.clear()


def _fragment(unit: bytes, header: int, head: bytes, kind: int, out: list[bytes]) -> None:
    """FU-A or FU: `head` in front, then start and end bits with the unit's own type."""
    step = MAX_PAYLOAD - len(head) - 1
    size = len(unit)
    for at in range(header, size, step):
        mark = (0x80 if at == header else 0) | (0x40 if at + step >= size else 0)
        out.append(head + bytes((mark | kind,)) + unit[at : at + step])
