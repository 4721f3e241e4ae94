"""A whole receiving side: never an exception, times that rise, bounded memory.

The script holds packets: flags, steps of number and time, then the payload, which is anything or
the next bytes of a program stream.
"""

from __future__ import annotations

from media.receive.pipeline import Pipeline
from media.rtp.packet import HEADER
from media.rtp.reorder import NEAR_RUN, WINDOW
from media.unit import AccessUnit

from .cutting import Script
from .vectors import KEY_PICTURE, program_streams

MAX_FRAME = 4096
MOST_PACKETS = WINDOW + NEAR_RUN + 16
MARKER, OTHER_SSRC, OTHER_TYPE, LATER, FLUSH, RAW, RESTART = 1, 2, 4, 8, 16, 32, 64
LONGEST = 1024


def seeds() -> list[bytes]:
    """Bursts one after another; the second byte is the step of the sequence number."""
    bursts = [*program_streams(), KEY_PICTURE, b"\xd5" * 160]
    good = b"".join(_packet(MARKER | LATER, burst) for burst in bursts for _ in range(2))
    return [
        good,
        b"".join(_packet(MARKER | LATER | OTHER_SSRC, burst) for burst in bursts),
        b"".join(_packet(OTHER_TYPE | LATER, burst[:160]) for burst in bursts),
        b"".join(_packet(LATER, KEY_PICTURE) for _ in range(12)) + _packet(FLUSH, b""),
    ]


def _packet(flags: int, payload: bytes) -> bytes:
    payload = payload[:255]
    return bytes([flags, 1, len(payload)]) + payload


def check(data: bytes) -> None:
    for ordered in (False, True):
        _run(data, ordered)


def _run(data: bytes, ordered: bool) -> None:
    script, pipeline = Script(data), Pipeline(ordered=ordered, max_frame=MAX_FRAME)
    last = {True: -1, False: -1}
    sequence, timestamp, now = 65_530, 0, 0.0
    while script.left:
        flags, step = script.number(), script.number()
        payload = script.take(script.number())
        sequence = (sequence + (step if step < 200 else step - 256)) & 0xFFFF
        if flags & LATER:
            timestamp, now = timestamp + 3600, now + 0.04
        second = (0x80 if flags & MARKER else 0) | (8 if flags & OTHER_TYPE else 96)
        head = HEADER.pack(0x80, second, sequence, timestamp, 9 if flags & OTHER_SSRC else 7)
        out = pipeline.feed(payload if flags & RAW else head + payload, now)
        if flags & FLUSH:
            now += 1.0
            out += pipeline.flush(now)
        if flags & RESTART:
            out += pipeline.restart()
        for unit in out:
            if isinstance(unit, AccessUnit):
                assert unit.pts >= unit.dts > last[unit.video]
                last[unit.video] = unit.dts
        assert _held(pipeline) <= MAX_FRAME + MOST_PACKETS * 300
    pipeline.flush(1e6)
    pipeline.restart()


def _held(pipeline: Pipeline) -> int:
    order = pipeline._order
    waiting = [item for item in order._ring if item is not None]
    return pipeline._frame.size + sum(map(len, (*waiting, *order._strays, *pipeline._foreign)))
