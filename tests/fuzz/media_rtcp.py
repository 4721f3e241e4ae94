"""RTCP of viewers: a bounded list of what they say, whatever lengths are claimed."""

from __future__ import annotations

from media.rtp.rtcp import MOST_LOST, PacketsWanted, goodbye, read, sender_report


def seeds() -> list[bytes]:
    report = b"\x81\xc9\0\7" + bytes(28)
    picture = b"\x81\xce\0\2" + bytes(8)
    full = b"\x84\xce\0\4" + bytes(16)
    lost = b"\x81\xcd\0\3" + bytes(8) + b"\0\5\xff\xff"
    return [sender_report(7, b"x", 1, 2, 3, 4), goodbye(7), report, report + picture + full + lost]


def check(data: bytes) -> None:
    found = read(data)
    lost = [one for one in found if isinstance(one, PacketsWanted)]
    assert sum(len(one.sequences) for one in lost) <= MOST_LOST
    assert len(found) <= 1 + len(data) // 4
