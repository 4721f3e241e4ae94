"""RTSP on one connection: the same requests, frames and one refusal however it is cut."""

from __future__ import annotations

from collections.abc import Callable

from media.rtsp.message import MAX_BODY, MAX_HEAD, Item, Malformed, Reader, response

from .cutting import however_cut

MOST_HELD = max(MAX_HEAD + MAX_BODY, 65_539)


def seeds() -> list[bytes]:
    ask = b"DESCRIBE rtsp://h:554/live/1 RTSP/1.0\r\nCSeq: 2\r\nUser-Agent: x\r\n\r\n"
    body = b"SET_PARAMETER * RTSP/1.0\nCSeq: 3\nContent-Length: 4\n\nabcd"
    frame = b"$\0\0\4abcd"
    return [ask, body, frame, ask + frame + body, b"\r\n\r\n" + ask, b"GET / HTTP/1.1\r\n\r\n"]


def check(data: bytes) -> None:
    items = however_cut(_reader, data)
    assert sum(isinstance(item, Malformed) for item in items) <= 1
    for item in items:
        if isinstance(item, Malformed):
            assert response(item.status, "1").startswith(b"RTSP/1.0 ")


def _reader() -> Callable[[bytes], list[Item]]:
    reader = Reader()

    def feed(piece: bytes) -> list[Item]:
        items = reader.feed(piece)
        assert len(reader._buffer) <= MOST_HELD + len(piece)
        return items

    return feed
