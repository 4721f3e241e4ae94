"""Frames between a node and its worker: values, or WireError and nothing else."""

from __future__ import annotations

from copy import copy
from typing import Any

from media.node import MediaStarted
from media.unit import AudioFormat, Codec, VideoFormat
from media.worker.messages import TYPES, Chunk, Done, Told
from media.worker.wire import Wire, WireError

from .cutting import SIZES, pieces

WIRE = Wire(TYPES)


def seeds() -> list[bytes]:
    video = VideoFormat(Codec.H264, 64, 48, 25.0, (b"g", b"h"))
    started = MediaStarted("a", "r", video, AudioFormat(Codec.G711A, 8000, 1, b""))
    return [WIRE.write(value) for value in (Chunk(1, b"abc", ""), Done(1, (1, "x")), Told(started))]


def check(data: bytes) -> None:
    whole = _run(data, max(1, len(data)))
    for size in SIZES:
        assert _run(data, size) == whole
    _run(len(data).to_bytes(4, "big") + data, len(data) + 4)


def _run(data: bytes, size: int) -> list[Any]:
    """The values, or those in front of what cannot be read."""
    wire = copy(WIRE)  # reading the types anew each time would be most of the work
    wire._buffer = bytearray()
    found: list[Any] = []
    for piece in pieces(data, size):
        try:
            found += wire.feed(piece)
        except WireError:
            return ["unreadable"]
        assert len(wire._buffer) <= len(data)
    return list(map(repr, found))
