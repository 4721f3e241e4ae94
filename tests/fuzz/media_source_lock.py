"""Whose packets a port takes: little is kept of those that are not believed yet."""

from __future__ import annotations

from media.receive.source_lock import EVIDENCE_PACKETS, MAX_CANDIDATES, Networks, SourceLock
from media.rtp.packet import RtpPacketizer

from .cutting import Script


def seeds() -> list[bytes]:
    """Packets behind one byte of sender and one of length each."""
    packets = RtpPacketizer(7, max_payload=4).packetize(bytes(40), 3600)
    return [b"".join(bytes([1, len(one)]) + one for one in packets)]


def check(data: bytes) -> None:
    script, now = Script(data), 0.0
    lock = SourceLock(Networks(("192.0.2.0/25",)), 7)
    offered = taken = 0
    while script.left:
        sender, packet = script.number(), script.take(script.number())
        taken += len(lock.offer((f"192.0.2.{sender}", 5000), packet, now))
        offered += 1
        now += 0.5
        assert taken <= offered
        assert len(lock._candidates) <= MAX_CANDIDATES
        assert all(len(one.packets) <= EVIDENCE_PACKETS for one in lock._candidates.values())
        assert lock.source is None or int(lock.source[0].rpartition(".")[2]) < 128
