"""A segment file and its outline: the layout of what is whole, one header with another file's, and
heads of its fragments at another place. A StreamFormatError is the other answer."""

from __future__ import annotations

from functools import cache

from media.errors import StreamFormatError
from media.output.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Run, Sample, fragment, init_segment
from media.record import outline
from media.record.fragments import Layout, scan
from media.record.headers import joined
from media.record.moved import MDAT, Move, growth, moved
from media.unit import AudioFormat, Codec, VideoFormat

SETS = (bytes.fromhex("6742c00bd9050597010000030001"), bytes.fromhex("68cb83cb20"))
SOUND = AudioFormat(Codec.AAC, 8000, 1, b"\x15\x88")
LONGEST = 4096


@cache
def header(width: int) -> bytes:
    return init_segment(VideoFormat(Codec.H264, width, 48, 25.0, SETS), SOUND)


@cache
def file() -> bytes:
    data = header(64)
    for number in range(3):
        pictures = [Sample((b"picture",), 7, 3600, 0, not n) for n in range(3)]
        runs = [Run(VIDEO_TRACK, 10_800 * number, pictures)]
        if number != 1:
            runs.append(Run(AUDIO_TRACK, 960 * number, [Sample((b"sound",), 5, 1024, 0, True)]))
        data += fragment(number + 1, runs)
    return data


def seeds() -> list[bytes]:
    whole = file()
    layout = scan(lambda at, size: whole[at : at + size], len(whole))
    packed = outline.pack(layout)
    lies = whole.replace(b"avcC\x01", b"avcC\x02").replace(b"\xe1\x00\x0e", b"\xff\xff\xff")
    return [whole, whole[:-9], header(64), lies, packed, packed[:-1], packed[:30] + packed[31:]]


def check(data: bytes) -> None:
    _outline(data)
    try:
        layout = scan(lambda at, size: data[at : at + size], len(data))
    except StreamFormatError:
        return
    assert layout.whole <= len(data)
    if len(layout.scales) <= 64:
        assert outline.unpack(outline.pack(layout)) == layout
    try:
        places = joined([header(320), layout.header]).places[1]
    except StreamFormatError:
        return
    for number, one in enumerate(layout.fragments, 1):
        head = data[one.at : one.at + one.head + MDAT]
        try:
            made = moved(head, Move(number, 90_000, places, one.key), layout)
        except StreamFormatError:
            continue
        assert len(made) <= len(head) + growth(one, places) + 4096


def _outline(data: bytes) -> None:
    try:
        layout: Layout = outline.unpack(data)
    except StreamFormatError:
        return
    assert outline.unpack(outline.pack(layout)) == layout
