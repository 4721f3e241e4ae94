"""Pictures in RTP without a program stream: as many bytes as came, and the little a unit costs."""

from __future__ import annotations

from media.rtp.es import assemble, packet_units
from media.unit import Codec

from .cutting import Script
from .vectors import SPS


def seeds() -> list[bytes]:
    """Payloads behind one byte of length each."""
    fragments = [b"\x7c\x85\x88\x84", b"\x7c\x05abc", b"\x7c\x45def"]
    aggregate = b"\x18" + len(SPS).to_bytes(2, "big") + SPS
    h265 = [b"\x62\1\x93abc", b"\x62\1\x13abc", b"\x62\1\x53abc"]
    return [
        b"".join(bytes([len(one)]) + one for one in payloads)
        for payloads in (fragments, [aggregate, *fragments], h265, [b"\0\0\0\1" + SPS])
    ]


def check(data: bytes) -> None:
    script = Script(data)
    payloads: list[bytes] = []
    while script.left:
        payloads.append(script.take(script.number()))
    for codec in (Codec.H264, Codec.H265):
        joined, _ = assemble(codec, payloads)
        assert len(joined) <= 5 * len(data)
        for payload in payloads:
            assert sum(map(len, packet_units(codec, payload))) <= len(payload)
