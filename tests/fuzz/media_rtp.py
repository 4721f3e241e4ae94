"""RTP headers: a payload within the packet or none; what is cut into packets comes back whole."""

from __future__ import annotations

from media.rtp.packet import HEADER_BYTES, RtpPacketizer, is_rtcp, payload_of


def seeds() -> list[bytes]:
    (plain,) = RtpPacketizer(7).packetize(b"payload", 3600)
    extended = b"\x90" + plain[1:12] + b"\xbe\xde\0\1abcd" + plain[12:]
    padded = b"\xa2" + plain[1:12] + bytes(8) + plain[12:] + b"\0\0\3"
    return [plain, extended, padded, b"\x80\xc8\0\1\0\0\0\0"]


def check(data: bytes) -> None:
    is_rtcp(data)
    payload = payload_of(data)
    if payload is not None:
        assert len(data) >= HEADER_BYTES + len(payload)
        assert payload in data
    packets = RtpPacketizer(1, sequence=65_534, max_payload=16).packetize(data, len(data))
    assert b"".join(payload_of(packet) or b"" for packet in packets) == data
