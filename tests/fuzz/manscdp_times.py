"""Times of MANSCDP: a moment or none, whatever is written there."""

from __future__ import annotations

from gb28181.manscdp.times import format_time, parse_time


def seeds() -> list[bytes]:
    return [b"2024-05-01T10:20:30", b"2024-05-01T10:20:30.123+08:00", b"2024-5-1 1:2:3", b"0"]


def check(data: bytes) -> None:
    moment = parse_time(data.decode("latin-1"))
    if moment is not None:
        format_time(moment)
