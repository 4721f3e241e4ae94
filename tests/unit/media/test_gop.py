"""The cache of the last group of pictures."""

from __future__ import annotations

from media.output.gop import GopCache
from media.unit import AccessUnit, Codec


def picture(dts: int, *, key: bool = False, size: int = 10) -> AccessUnit:
    return AccessUnit(True, Codec.H264, dts, dts, key, b"x" * size)


def sound(dts: int, size: int = 4) -> AccessUnit:
    return AccessUnit(False, Codec.AAC, dts, dts, True, b"s" * size)


def test_begins_with_a_key_frame_and_keeps_sound_behind_it() -> None:
    gop = GopCache(1000, 10)
    for unit in (sound(0), picture(0), picture(3600, key=True), sound(3700), picture(7200)):
        gop.push(unit)
    assert [(u.video, u.dts) for u in gop] == [(True, 3600), (False, 3700), (True, 7200)]
    assert gop.size == 24
    assert repr(gop) == "<GopCache units=3 bytes=24>"


def test_the_next_key_frame_replaces_everything() -> None:
    gop = GopCache(1000, 10)
    for unit in (picture(0, key=True), picture(1), picture(2, key=True)):
        gop.push(unit)
    assert [u.dts for u in gop] == [2]
    assert gop.size == 10


def test_too_many_bytes_empty_it_until_the_next_key_frame() -> None:
    gop = GopCache(25, 10)
    for unit in (picture(0, key=True), picture(1), picture(2), picture(3)):
        gop.push(unit)
    assert (len(gop), gop.size, gop.overflows) == (0, 0, 1)
    gop.push(picture(4, key=True))
    assert len(gop) == 1


def test_a_key_frame_beyond_the_bound_is_not_held() -> None:
    gop = GopCache(25, 10)
    gop.push(picture(0, key=True))
    gop.push(picture(1, key=True, size=26))
    assert (len(gop), gop.size, gop.overflows) == (0, 0, 1)


def test_too_many_seconds_empty_it() -> None:
    gop = GopCache(1000, 2)
    gop.push(picture(100, key=True))
    gop.push(picture(100 + 180_000))
    assert len(gop) == 2
    gop.push(picture(101 + 180_000))
    assert len(gop) == 0
