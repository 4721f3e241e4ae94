"""Bursts of a program stream: pieces that lie within them, and no byte used that is not there."""

from __future__ import annotations

from media.ps.demux import PsDemuxer

from .vectors import program_streams

MOST_STREAMS = 50


def seeds() -> list[bytes]:
    bursts = program_streams()
    return [*bursts, b"".join(bursts), bursts[0][5:]]


def check(data: bytes) -> None:
    demuxer = PsDemuxer()
    for burst in (data, data[len(data) // 2 :]):
        pieces, used = demuxer.parse(burst)
        assert used == len(burst)
        assert sum(len(piece.data) for piece in pieces) <= len(burst)
        assert all(0 <= piece.start < piece.end <= len(burst) for piece in pieces)
        assert all(0xC0 <= piece.stream <= 0xEF for piece in pieces)
        assert len(demuxer.streams) <= MOST_STREAMS
    early, used = demuxer.parse(data, final=False)
    assert 0 <= used <= len(data)
    assert all(piece.start < used for piece in early)
