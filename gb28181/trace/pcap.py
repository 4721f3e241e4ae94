"""Recorded messages as a pcap file that Wireshark and tshark read.

Packets begin with their IP header (link type RAW, 101). Ports and addresses are the real ones;
what lies below SIP is made up: TCP segments get running sequence numbers and no handshake, and no
message was ever fragmented. Checksums are right, so that no reader complains.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from gb28181.trace.frame import Frame
from sip.flow import Address

MEDIA_TYPE: Final = "application/vnd.tcpdump.pcap"
_MAGIC: Final = 0xA1B2C3D4
_RAW: Final = 101
_SNAP: Final = 262_144
_UDP, _TCP = 17, 6
_PSH_ACK: Final = 0x18
_SEGMENT: Final = 60_000

Way = tuple[Address, Address, int]


def pcap(frames: Iterable[Frame]) -> bytes:
    """A whole file."""
    out = bytearray(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP, _RAW))
    sequences: dict[Way, int] = {}
    for frame in frames:
        seconds, micros = divmod(round(frame.at * 1_000_000), 1_000_000)
        for packet in _packets(frame, sequences):
            out += struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet
    return bytes(out)


def _packets(frame: Frame, sequences: dict[Way, int]) -> Iterator[bytes]:
    ends = (frame.remote, frame.local) if frame.incoming else (frame.local, frame.remote)
    source, target = ends
    if frame.transport == "udp":
        yield _ip(source, target, _UDP, _udp(source, target, frame.data))
        return
    there, back = (source, target, frame.connection), (target, source, frame.connection)
    for at in range(0, len(frame.data), _SEGMENT):
        part = frame.data[at : at + _SEGMENT]
        sent = sequences.setdefault(there, 1)
        heard = sequences.setdefault(back, 1)
        yield _ip(source, target, _TCP, _tcp(source, target, sent, heard, part))
        sequences[there] = (sent + len(part)) & 0xFFFFFFFF


def _pair(source: Address, target: Address) -> tuple[bytes, bytes]:
    """Both hosts in one family: IPv4 beside IPv6 is written as mapped."""
    hosts = [ipaddress.ip_address(host.partition("%")[0]) for host, _ in (source, target)]
    if hosts[0].version != hosts[1].version:
        hosts = [
            ipaddress.ip_address(f"::ffff:{host}") if host.version == 4 else host for host in hosts
        ]
    return hosts[0].packed, hosts[1].packed


def _ip(source: Address, target: Address, protocol: int, payload: bytes) -> bytes:
    here, there = _pair(source, target)
    if len(here) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + here + there + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
    head += here + there
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload


def _udp(source: Address, target: Address, data: bytes) -> bytes:
    head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
    total = _checksum(_pseudo(source, target, _UDP, head + data)) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + data


def _tcp(source: Address, target: Address, sent: int, heard: int, data: bytes) -> bytes:
    head = struct.pack(
        "!HHIIBBHHH", source[1], target[1], sent, heard, 5 << 4, _PSH_ACK, 0xFFFF, 0, 0
    )
    total = _checksum(_pseudo(source, target, _TCP, head + data))
    return head[:16] + struct.pack("!H", total) + head[18:] + data


def _pseudo(source: Address, target: Address, protocol: int, segment: bytes) -> bytes:
    here, there = _pair(source, target)
    if len(here) == 16:
        return here + there + struct.pack("!IHBB", len(segment), 0, 0, protocol) + segment
    return here + there + struct.pack("!BBH", 0, protocol, len(segment)) + segment


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
