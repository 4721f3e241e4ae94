"""A second, plain reader of RTP payloads: what the tests judge the packetiser with.

Written from RFC 6184, RFC 7798 and RFC 3640; it shares nothing with the product.
"""

from __future__ import annotations


def rtp(packet: bytes) -> tuple[int, bool, int, int, int, bytes]:
    """Payload type, marker, sequence, time, SSRC, payload of a plain packet."""
    assert packet[0] == 0x80
    return (
        packet[1] & 0x7F,
        bool(packet[1] & 0x80),
        int.from_bytes(packet[2:4], "big"),
        int.from_bytes(packet[4:8], "big"),
        int.from_bytes(packet[8:12], "big"),
        packet[12:],
    )


def interleaved(data: bytes) -> list[tuple[int, bytes]]:
    """Channel and packet of every `$` frame."""
    out = []
    at = 0
    while at < len(data):
        assert data[at] == 0x24
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        out.append((data[at + 1], data[at + 4 : at + 4 + size]))
        at += 4 + size
    assert at == len(data)
    return out


def h264(payloads: list[bytes]) -> list[bytes]:
    """NAL units of one picture."""
    out: list[bytes] = []
    open_unit: bytes | None = None
    for payload in payloads:
        kind = payload[0] & 31
        if kind == 24:
            out += _aggregated(payload[1:])
        elif kind == 28:
            start, end = payload[1] & 128, payload[1] & 64
            if start:
                assert open_unit is None
                open_unit = bytes([(payload[0] & 0xE0) | (payload[1] & 31)])
            assert open_unit is not None
            open_unit += payload[2:]
            if end:
                out.append(open_unit)
                open_unit = None
        else:
            assert 1 <= kind <= 23
            out.append(payload)
    assert open_unit is None
    return out


def h265(payloads: list[bytes]) -> list[bytes]:
    """NAL units of one picture."""
    out: list[bytes] = []
    open_unit: bytes | None = None
    for payload in payloads:
        kind = payload[0] >> 1 & 63
        if kind == 48:
            out += _aggregated(payload[2:])
        elif kind == 49:
            start, end = payload[2] & 128, payload[2] & 64
            if start:
                assert open_unit is None
                open_unit = bytes([(payload[0] & 0x81) | (payload[2] & 63) << 1, payload[1]])
            assert open_unit is not None
            open_unit += payload[3:]
            if end:
                out.append(open_unit)
                open_unit = None
        else:
            assert kind < 48
            out.append(payload)
    assert open_unit is None
    return out


def aac(payloads: list[bytes]) -> bytes:
    """One raw frame out of its fragments."""
    out = b""
    size = 0
    for payload in payloads:
        assert payload[:2] == b"\x00\x10"
        size = int.from_bytes(payload[2:4], "big") >> 3
        out += payload[4:]
    assert len(out) == size
    return out


def _aggregated(data: bytes) -> list[bytes]:
    out = []
    while data:
        size = int.from_bytes(data[:2], "big")
        assert 0 < size <= len(data) - 2
        out.append(data[2 : 2 + size])
        data = data[2 + size :]
    return out
