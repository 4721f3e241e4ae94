"""Senders for the pipeline tests: well-behaved ones and those with habits."""

from __future__ import annotations

from collections.abc import Iterable

from media.ps.mux import PsMuxer
from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer
from media.unit import AccessUnit, Codec, FormatChanged
from media.video.nal import split

Out = list[AccessUnit | FormatChanged]


def ps_packets(
    units: Iterable[AccessUnit],
    muxer: PsMuxer,
    rtp: RtpPacketizer | None = None,
    *,
    base: int = 0,
) -> list[bytes]:
    """RTP packets of units, the timestamp being the decoding time (+1 for sound)."""
    rtp = rtp or RtpPacketizer(0x0100000001 & 0xFFFFFFFF)
    packets: list[bytes] = []
    for unit in units:
        packets += rtp.packetize(muxer.frame(unit), base + unit.dts + (not unit.video))
    return packets


def es_packets(units: Iterable[AccessUnit], rtp: RtpPacketizer, *, size: int = 1200) -> list[bytes]:
    """RFC 6184 or RFC 7798: small units alone, large ones in fragments, marker at the end."""
    packets: list[bytes] = []
    for unit in units:
        payloads: list[bytes] = []
        for nal in split(unit.data):
            payloads += [nal] if len(nal) <= size else fragments(unit.codec, nal, size)
        for index, payload in enumerate(payloads):
            (packet,) = rtp.packetize(payload, unit.pts)
            last = index == len(payloads) - 1
            packets.append(packet if last else without_marker(packet))
    return packets


def fragments(codec: Codec, nal: bytes, size: int) -> list[bytes]:
    head = 1 if codec is Codec.H264 else 2
    kind = nal[0] & 0x1F if codec is Codec.H264 else nal[0] >> 1 & 0x3F
    first = (
        bytes((nal[0] & 0xE0 | 28,))
        if codec is Codec.H264
        else bytes((nal[0] & 0x81 | 49 << 1, nal[1]))
    )
    body = nal[head:]
    out: list[bytes] = []
    for start in range(0, len(body), size):
        flags = (0x80 if start == 0 else 0) | (0x40 if start + size >= len(body) else 0)
        out.append(first + bytes((flags | kind,)) + body[start : start + size])
    return out


def without_marker(packet: bytes) -> bytes:
    return packet[:1] + bytes((packet[1] & 0x7F,)) + packet[2:]


def with_sequence(packet: bytes, sequence: int) -> bytes:
    return packet[:2] + (sequence & 0xFFFF).to_bytes(2, "big") + packet[4:]


def with_timestamp(packet: bytes, timestamp: int) -> bytes:
    return packet[:4] + (timestamp & 0xFFFFFFFF).to_bytes(4, "big") + packet[8:]


def with_ssrc(packet: bytes, ssrc: int) -> bytes:
    return packet[:8] + ssrc.to_bytes(4, "big") + packet[12:]


def sequence_of(packet: bytes) -> int:
    return int.from_bytes(packet[2:4], "big")


def timestamp_of(packet: bytes) -> int:
    return int.from_bytes(packet[4:8], "big")


def feed_all(
    pipeline: Pipeline, packets: Iterable[bytes], *, start: float = 0.0, finish: bool = True
) -> Out:
    """Feeds packets as they would arrive by their timestamps, 90 kHz, from ``start`` on."""
    out: Out = []
    first: int | None = None
    now = start
    for packet in packets:
        stamp = timestamp_of(packet)
        first = stamp if first is None else first
        step = (stamp - first) & 0xFFFFFFFF
        if step < 0x80000000:
            now = max(now, start + step / 90_000)
        out += pipeline.feed(packet, now)
    if finish:
        out += pipeline.flush(now + 1.0)
    return out


def units_of(out: Out) -> list[AccessUnit]:
    return [item for item in out if isinstance(item, AccessUnit)]


def video_of(out: Out) -> list[bytes]:
    return [unit.data for unit in units_of(out) if unit.video]


def formats_of(out: Out) -> list[FormatChanged]:
    return [item for item in out if isinstance(item, FormatChanged)]
