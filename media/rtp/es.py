"""Elementary video in RTP without a program stream: H.264 and H.265 payloads to Annex B.

Works on all payloads of one RTP timestamp. Interleaved modes (MTAP, DONL) are not read: no camera
of this field sends them. RFC 6184 5.4-5.8, RFC 7798 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from media.unit import Codec
from media.video.nal import START, START4, join, split

STAP_A: Final = 24
FU_A: Final = 28
AGGREGATION: Final = 48
FRAGMENT: Final = 49


def packet_units(codec: Codec, payload: bytes) -> list[bytes]:
    """Whole NAL units of one payload; fragments and unknown structures give none."""
    if len(payload) < 3:
        return []
    if codec is Codec.H264:
        kind = payload[0] & 0x1F
        if 1 <= kind <= 23:
            return [payload]
        return _aggregated(payload, 1) if kind == STAP_A else []
    kind = payload[0] >> 1 & 0x3F
    if kind < AGGREGATION:
        return [payload]
    return _aggregated(payload, 2) if kind == AGGREGATION else []


def _aggregated(payload: bytes, at: int) -> list[bytes]:
    """Units behind 16-bit sizes; none when the sizes do not fill the payload exactly."""
    units: list[bytes] = []
    while at + 2 <= len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        unit = payload[at + 2 : at + 2 + size]
        if not size or len(unit) != size:
            return []
        units.append(unit)
        at += 2 + size
    return units if at == len(payload) else []


def assemble(codec: Codec, payloads: Iterable[bytes]) -> tuple[bytes, bool]:
    """Annex B of one picture, and whether every unit in it is complete."""
    parts: list[bytes] = []
    whole = True
    inside = False
    head = 1 if codec is Codec.H264 else 2
    for payload in payloads:
        if len(payload) <= head:
            continue
        fragment = _fragment(codec, payload)
        if fragment is None:
            whole = whole and not inside
            inside = False
            if payload.startswith((START, START4)):
                # A sender that leaves start codes in the payload: several units may follow.
                parts.append(join(split(payload)))
                continue
            units = packet_units(codec, payload)
            whole = whole and bool(units)
            parts += [START4 + unit for unit in units]
            continue
        header, flags = fragment
        if flags & 0x80:
            whole = whole and not inside
            inside = True
            parts += (START4, header)
        elif not inside:
            whole = False
            continue
        parts.append(payload[head + 1 :])
        if flags & 0x40:
            inside = False
    return b"".join(parts), whole and not inside


def _fragment(codec: Codec, payload: bytes) -> tuple[bytes, int] | None:
    """Header of the fragmented unit and the S/E flags; None when it is not a fragment."""
    if codec is Codec.H264:
        if payload[0] & 0x1F != FU_A:
            return None
        return bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)), payload[1]
    if payload[0] >> 1 & 0x3F != FRAGMENT:
        return None
    return bytes((payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1])), payload[2]
