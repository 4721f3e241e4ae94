"""Pictures from outside: measured before they are unpacked, and really decoded."""

from __future__ import annotations

import random
from typing import Any

import av
import pytest

from media.still.picture import BadPicture, NoKeyFrame, _jpeg, checked, dimensions, of_stream

MOST = 4_000_000


def picture(width: int = 160, height: int = 90) -> bytes:
    frame: Any = av.VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(at * 7 % 251 for at in range(plane.buffer_size)))
    return _jpeg(frame).data


GOOD = picture()


def test_a_sound_picture() -> None:
    found = checked(GOOD, MOST)
    assert (found.width, found.height, found.data) == (160, 90, GOOD)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(1000),
        b"GIF89a" + bytes(100),
        GOOD[:100],
        GOOD[: len(GOOD) // 2],
        b"\xff\xd8" + b"\xff" * 100_000,
        b"\xff\xd8\xff\xe0\x00\x00" + bytes(100),
        b"\xff\xd8\xff\xe0\xff\xff" + bytes(100),
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00",
    ],
    ids=lambda data: data[:8].hex() or "empty",
)
def test_no_picture(data: bytes) -> None:
    with pytest.raises(BadPicture):
        checked(data, MOST)


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\x00\x00\x00\xa0", b"\x10\x00\x10\x00"])
def test_a_few_bytes_that_claim_a_great_picture(size: bytes) -> None:
    claimed = bytearray(GOOD)
    at = claimed.find(b"\xff\xc0")
    claimed[at + 5 : at + 9] = size
    with pytest.raises(BadPicture, match="pixels"):
        checked(bytes(claimed), MOST)


def test_the_bound_is_in_pixels() -> None:
    assert dimensions(GOOD) == (160, 90)
    assert checked(GOOD, 160 * 90).width == 160
    with pytest.raises(BadPicture):
        checked(GOOD, 160 * 90 - 1)


def test_any_damage_is_a_picture_or_refused() -> None:
    chance = random.Random(28181)
    for _ in range(150):
        damaged = bytearray(GOOD)
        for _ in range(4):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            found = checked(bytes(damaged), MOST)
        except BadPicture:
            continue
        assert found.width * found.height <= MOST


@pytest.mark.parametrize("data", [b"", b"FLV", b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"])
def test_a_stream_without_a_key_frame(data: bytes) -> None:
    with pytest.raises(NoKeyFrame):
        of_stream(data, MOST)
