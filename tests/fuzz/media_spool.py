"""The file of a growing recording: entries up to the damage, however it is read."""

from __future__ import annotations

from collections.abc import Callable

from media.record.spool import HEAD, MAGIC, Break, Entry, Kind, Reader, encode
from media.unit import AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

from .cutting import however_cut


def seeds() -> list[bytes]:
    video = VideoFormat(Codec.H264, 64, 48, 25.0, (b"g", b"h"))
    entries: list[Entry] = [
        FormatChanged(video, AudioFormat(Codec.G711A, 8000, 1, b"")),
        AccessUnit(True, Codec.H264, 3600, 3600, True, b"picture"),
        Break(),
        AccessUnit(False, Codec.G711A, 3600, 3600, True, b"sound"),
    ]
    whole = MAGIC + b"".join(map(encode, entries))
    formats = [
        b"[" * 5_000,  # deeper than a reader of JSON goes
        b'{"video": ["h264", Infinity, 1, 1, []], "audio": null}',
    ]
    lies = [MAGIC + HEAD.pack(Kind.FORMAT, len(told)) + told for told in formats]
    return [whole, whole[:-3], whole[:9], b"GBSPOOL0", *lies]


def check(data: bytes) -> None:
    entries = however_cut(_reader, data)
    reader = Reader()
    assert reader.feed(data) == entries
    assert reader.whole <= len(data)


def _reader() -> Callable[[bytes], list[Entry]]:
    return Reader().feed
