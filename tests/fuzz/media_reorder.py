"""The order of packets: nothing twice, nothing invented, and little waits."""

from __future__ import annotations

from media.rtp.reorder import HISTORY, NEAR_RUN, Mark, Reorder

from .cutting import Script

WINDOW = 16


def seeds() -> list[bytes]:
    """Steps of two bytes of sequence number and one of time."""
    steps = [0, 1, 2, 4, 3, 5, 5, 40, 41, 42, 700, 701, 65_530, 65_531, 6]
    return [b"".join(step.to_bytes(2, "big") + b"\1" for step in steps)]


def check(data: bytes) -> None:
    for window in (0, WINDOW):
        script, now = Script(data), 0.0
        order: Reorder[int] = Reorder(window=window, max_wait=0.1)
        given: list[int | Mark] = []
        count = 0
        while script.left:
            sequence = script.number(2)
            now += script.number() / 100
            given += order.push(sequence, count, now)
            given += order.expire(now)
            count += 1
            assert order.pending <= window
            assert len(order._strays) <= NEAR_RUN
            assert len(order._missing) <= HISTORY
        given += order.drain()
        items = [item for item in given if not isinstance(item, Mark)]
        assert len(items) == len(set(items)) <= count
        assert order.pending == 0
