"""Common headers and moved fragments: what is damaged is a clear error, whatever is wrong in it."""

from __future__ import annotations

import contextlib
from random import Random

import pytest

from media.errors import StreamFormatError
from media.output.fmp4 import init_segment
from media.record.cutter import Cutter
from media.record.fragments import Layout, scan
from media.record.headers import MOST_FORMATS, FormatsDiffer, Place, joined
from media.record.moved import MDAT, Move, growth, moved
from media.unit import Codec

from .media_files import files_of
from .samples import aac, pictures

SMALL, UNITS = pictures(count=50, gop=25)
LARGE, _ = pictures(count=50, gop=25, width=640, height=480)
SOUND, FRAMES = aac(2.0)


def file() -> tuple[bytes, Layout]:
    cutter = Cutter(60)
    outs = cutter.set_format(SMALL, SOUND, 0)
    for unit in sorted((*UNITS, *FRAMES), key=lambda u: u.dts):
        outs += cutter.push(unit, 0)
    (made,) = files_of([*outs, *cutter.close(0)])
    return made.data, scan(lambda at, size: made.data[at : at + size], len(made.data))


def test_equal_headers_stay_as_they_are() -> None:
    header = init_segment(SMALL, SOUND)
    found = joined([header] * 3)
    assert found.header == header
    assert found.places == ({1: Place(1), 2: Place(2)},) * 3


def test_the_parameter_sets_are_those_of_the_format() -> None:
    for codec in (Codec.H264, Codec.H265):
        formats = [pictures(codec, 50, gop=25)[0], pictures(codec, 50, 640, 480, gop=25)[0]]
        found = joined([init_segment(one, None) for one in formats])
        for number, (one, places) in enumerate(zip(formats, found.places, strict=True), 1):
            sets = b"".join(len(n).to_bytes(4, "big") + n for n in one.parameter_sets)
            assert places[1] == Place(1, number, sets)


def test_more_formats_than_there_may_be() -> None:
    headers = [init_segment(SMALL, None)]
    for number in range(MOST_FORMATS):
        picture = bytearray(headers[0])
        at = picture.index(b"avc1") + 28
        picture[at : at + 4] = (number + 1).to_bytes(2, "big") * 2
        headers.append(bytes(picture))
    assert len(joined(headers[:-1]).places) == MOST_FORMATS
    with pytest.raises(FormatsDiffer) as refused:
        joined(headers)
    assert refused.value.at == MOST_FORMATS


def test_damaged_headers_are_an_error_or_a_header() -> None:
    first, second = init_segment(SMALL, SOUND), init_segment(LARGE, SOUND)
    random = Random(28181)
    for cut in range(0, len(second), 3):
        with contextlib.suppress(StreamFormatError):
            joined([first, second[:cut]])
        with contextlib.suppress(StreamFormatError):
            joined([second[:cut], first])
    for _ in range(2000):
        broken = bytearray(second)
        for _ in range(random.randrange(1, 4)):
            broken[random.randrange(len(broken))] = random.randrange(256)
        for headers in ([first, bytes(broken)], [bytes(broken), first]):
            with contextlib.suppress(StreamFormatError):
                assert len(joined(headers).header) < 2 * len(second) + 4096


def test_damaged_fragments_are_an_error_or_as_long_as_was_said() -> None:
    data, layout = file()
    places = joined([init_segment(LARGE, None), layout.header]).places[1]
    assert places[1].entry == 2
    random = Random(28181)
    for one in layout.fragments:
        head = data[one.at : one.at + one.head + MDAT]
        move = Move(9, 90_000, places, one.key)
        assert len(moved(head, move, layout)) == len(head) + growth(one, places)
        for cut in range(len(head)):
            with pytest.raises(StreamFormatError):
                moved(head[:cut], move, layout)
        for _ in range(1000):
            broken = bytearray(head)
            broken[random.randrange(len(broken))] = random.randrange(256)
            with contextlib.suppress(StreamFormatError):
                moved(bytes(broken), move, layout)
