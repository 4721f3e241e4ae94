"""AAC in ADTS: the same frames however it is cut, and at most one frame is kept."""

from __future__ import annotations

from collections.abc import Callable

from media.sound.aac import MAX_FRAME, AdtsSplitter, adts_header, looks_like_adts

from .cutting import however_cut


def seeds() -> list[bytes]:
    frame = adts_header(b"\x12\x10", 20) + bytes(range(20))
    return [frame, frame * 3, b"lost" + frame + b"\xff" + frame, frame[:9]]


def check(data: bytes) -> None:
    looks_like_adts(data)
    frames = however_cut(_splitter, data)
    assert sum(map(len, frames)) <= len(data)


def _splitter() -> Callable[[bytes], list[bytes]]:
    splitter = AdtsSplitter()

    def feed(piece: bytes) -> list[bytes]:
        frames = splitter.feed(piece)
        assert len(splitter._rest) <= MAX_FRAME
        return frames

    return feed
