"""A program stream writer (ISO 13818-1 as GB/T 28181 annex C uses it): one pack per frame.

H.264 as E0 (stream type 1B), G.711A as C0 (stream type 90). Key frames carry a system header and
a program stream map. Nothing is shared with the product's muxer; ffprobe is the judge.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_MAX_PES = 0xFFFF - 16


def crc32_mpeg(data: bytes) -> int:
    """CRC-32/MPEG-2, which closes a program stream map."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def pack_header(scr: int) -> bytes:
    """14 bytes: marker bits around a 33-bit SCR, mux rate in units of 50 bytes/s, no stuffing."""
    scr &= (1 << 33) - 1
    bits = 0b01 << 46 | (scr >> 30) << 43 | 1 << 42 | (scr >> 15 & 0x7FFF) << 27
    bits |= 1 << 26 | (scr & 0x7FFF) << 11 | 1 << 10 | 0 << 1 | 1
    rate = 20000 << 2 | 3
    return b"\x00\x00\x01\xba" + bits.to_bytes(6, "big") + rate.to_bytes(3, "big") + b"\xf8"


def system_header(audio: bool) -> bytes:
    streams = b"\xe0\xe8\x00" + (b"\xc0\xc0\x20" if audio else b"")
    rate = (1 << 23 | 20000 << 1 | 1).to_bytes(3, "big")
    body = rate + bytes([(1 if audio else 0) << 2, 0x21, 0x7F]) + streams
    return b"\x00\x00\x01\xbb" + struct.pack(">H", len(body)) + body


def stream_map(audio: bool, *, video_type: int = 0x1B, audio_type: int = 0x90) -> bytes:
    streams = struct.pack(">BBH", video_type, 0xE0, 0)
    if audio:
        streams += struct.pack(">BBH", audio_type, 0xC0, 0)
    body = b"\xe0\xff" + struct.pack(">H", 0) + struct.pack(">H", len(streams)) + streams
    head = b"\x00\x00\x01\xbc" + struct.pack(">H", len(body) + 4) + body
    return head + struct.pack(">I", crc32_mpeg(head))


def timestamp(prefix: int, value: int) -> bytes:
    value &= (1 << 33) - 1
    return bytes(
        [
            prefix << 4 | (value >> 29 & 0x0E) | 1,
            value >> 22 & 0xFF,
            (value >> 14 & 0xFE) | 1,
            value >> 7 & 0xFF,
            (value << 1 & 0xFE) | 1,
        ]
    )


def pes(stream_id: int, data: bytes, pts: int) -> Iterable[bytes]:
    """PES packets of one frame; only the first carries the PTS."""
    for at in range(0, len(data), _MAX_PES):
        part = data[at : at + _MAX_PES]
        flags, stamp = (0x80, timestamp(0b0010, pts)) if at == 0 else (0x00, b"")
        head = bytes([0x80, flags, len(stamp)]) + stamp
        size = struct.pack(">H", len(head) + len(part))
        yield b"\x00\x00\x01" + bytes([stream_id]) + size + head + part


@dataclass(slots=True)
class PsWriter:
    """Frames to packs, with the habits some cameras have as switches."""

    audio: bool = True
    psm: bool = True
    """False: never a program stream map (quirk: receivers must probe)."""
    video_type: int = 0x1B
    """The stream type the map declares for E0; another value is a lie or an unknown codec."""
    private: bool = False
    """True: every key frame also carries a private stream BD, as some makers do."""

    def video(self, data: bytes, pts: int, key: bool) -> bytes:
        out = [pack_header(pts)]
        if key:
            out.append(system_header(self.audio))
            if self.psm:
                out.append(stream_map(self.audio, video_type=self.video_type))
            if self.private:
                out.append(
                    b"\x00\x00\x01\xbd" + struct.pack(">H", 24) + b"\x8c\x00\x00" + b"P" * 21
                )
        out.extend(pes(0xE0, data, pts))
        return b"".join(out)

    def sound(self, data: bytes, pts: int) -> bytes:
        return pack_header(pts) + b"".join(pes(0xC0, data, pts))
