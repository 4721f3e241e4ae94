"""RTP on TCP (RFC 4571 and `$`): packets, however it is cut while nothing is out of frame, and
never more than one frame is held back.
"""

from __future__ import annotations

from media.rtp.packet import RtpPacketizer, TcpSplitter, frame_for_tcp

from .cutting import SIZES, pieces

MOST_HELD = 65_540
LONGEST = 1024


def seeds() -> list[bytes]:
    packets = RtpPacketizer(7, max_payload=40).packetize(b"\0\0\1\xba" + bytes(100), 3600)
    framed = b"".join(map(frame_for_tcp, packets))
    dollars = b"".join(b"$\0" + frame_for_tcp(packet) for packet in packets)
    return [
        framed,
        dollars,
        framed + b"lost" + framed,
        b"\1\0\1" + bytes(253) + framed,
        b"\0\0" + framed + b"\xff\xff" + framed,
    ]


def check(data: bytes) -> None:
    whole, lost = _run(data, max(1, len(data)))
    assert sum(map(len, whole)) <= len(data)
    for size in SIZES:
        found, lost_too = _run(data, size)
        # Out of frame the splitter guesses, and guesses better with more to look at.
        if not lost and not lost_too:
            assert found == whole


def _run(data: bytes, size: int) -> tuple[list[bytes], bool]:
    splitter = TcpSplitter()
    found: list[bytes] = []
    for piece in pieces(data, size):
        found += splitter.feed(piece)
        assert splitter._held <= MOST_HELD + len(piece)
    return found, splitter.resyncs > 0
