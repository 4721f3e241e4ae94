"""Times of senders: whatever is claimed, what leaves rises within its track."""

from __future__ import annotations

from media.receive.clock import Clock

from .cutting import Script


def seeds() -> list[bytes]:
    """Steps of one byte of flags, five of PES time, four of RTP time, one of arrival."""
    steps = [bytes([7]) + (n * 3600).to_bytes(5, "big") * 2 + b"\0\0\0\0\4" for n in range(4)]
    jump = bytes([7]) + b"\1\xff\xff\xff\xff" * 2 + b"\xff\xff\xff\xff\4"
    return [b"".join(steps), b"".join([*steps, jump, *steps])]


def check(data: bytes) -> None:
    script, clock = Script(data), Clock()
    last, arrival = [-1, -1], 0.0
    while script.left:
        flags = script.number()
        pts, dts = script.number(5) & 0x1FFFFFFFF, script.number(5) & 0x1FFFFFFFF
        rtp = script.number(4)
        arrival += script.number() / 100
        if flags & 0x80:
            clock.restart()
        track = flags >> 3 & 1
        shown, decoded = clock.stamp(
            track,
            pts if flags & 1 else None,
            dts if flags & 2 else None,
            rtp if flags & 4 else None,
            arrival,
        )
        assert shown >= decoded > last[track]
        assert shown - decoded < 10 * 90_000
        last[track] = decoded
