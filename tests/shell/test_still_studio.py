"""Pictures decoded in processes of their own: right ones, hostile ones, and processes that fail."""

from __future__ import annotations

import asyncio
import io
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import av
import pytest

from media.output.flv_output import still
from media.still.picture import BadPicture, NoKeyFrame
from media.still.studio import MOST_WAITING, Studio, StudioBusy
from media.unit import Codec
from tests.unit.media.samples import pictures

MOST = 4_000_000
SILENT = "import sys, time; sys.stdin.buffer.read(1); time.sleep(600)"
DEAD = "import sys; sys.stdin.buffer.read(1); sys.exit(1)"

MakeStudio = Callable[..., Studio]


@pytest.fixture
async def make() -> AsyncIterator[MakeStudio]:
    async with AsyncExitStack() as stack:

        def build(*arguments: Any, **options: Any) -> Studio:
            studio = Studio(*arguments, **options)
            stack.push_async_callback(studio.aclose)
            return studio

        yield build


def key_frame(codec: Codec = Codec.H264, index: int = 0, **options: int) -> bytes:
    video, units = pictures(codec, **options)
    return still(video, [unit for unit in units if unit.key][index])


def seen(jpeg: bytes) -> tuple[int, int, int]:
    """Size and shade of a JPEG."""
    with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height, bytes(frame.planes[0])[frame.width // 2]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_a_key_frame_becomes_a_picture(make: MakeStudio, codec: Codec) -> None:
    studio = make()
    first = await studio.still(key_frame(codec), MOST)
    third = await studio.still(key_frame(codec, 2), MOST)
    assert seen(first.data)[:2] == (first.width, first.height) == (320, 240)
    # The source gets brighter by three a picture, with a key frame every ten.
    assert 40 <= seen(third.data)[2] - seen(first.data)[2] <= 80
    assert studio.processes == 1


async def test_smaller_but_never_larger(make: MakeStudio) -> None:
    studio = make()
    small = await studio.still(key_frame(), MOST, width=100)
    assert seen(small.data)[:2] == (small.width, small.height) == (100, 74)
    whole = await studio.still(key_frame(), MOST, width=1000)
    assert (whole.width, whole.height) == (320, 240)
    assert len(small.data) < len(whole.data)


async def test_a_picture_that_was_brought(make: MakeStudio) -> None:
    studio = make()
    jpeg = (await studio.still(key_frame(), MOST)).data
    assert await studio.proof(jpeg, MOST) == await studio.still(key_frame(), MOST)
    for broken in (b"", jpeg[: len(jpeg) // 2], b"\xff\xd8\xff" + bytes(1000)):
        with pytest.raises(BadPicture):
            await studio.proof(broken, MOST)
    with pytest.raises(BadPicture, match="pixels"):
        await studio.proof(jpeg, 320 * 240 - 1)
    assert studio.processes == 1


async def test_more_pixels_than_allowed_are_not_unpacked(make: MakeStudio) -> None:
    with pytest.raises(NoKeyFrame):
        await make().still(key_frame(), 100 * 100)


async def test_any_damage_is_a_picture_or_refused(make: MakeStudio) -> None:
    studio = make(1)
    chance = random.Random(28181)
    for codec in (Codec.H264, Codec.H265):
        good = key_frame(codec)
        for _ in range(40):
            damaged = bytearray(good)
            for _ in range(6):
                damaged[chance.randrange(13, len(damaged))] = chance.randrange(256)
            try:
                found = await studio.still(bytes(damaged), MOST)
            except (NoKeyFrame, BadPicture):
                continue
            assert found.width * found.height <= MOST
        assert (await studio.still(good, MOST)).width == 320


@pytest.mark.parametrize(("script", "reason"), [(SILENT, "took over"), (DEAD, "died over")])
async def test_a_process_that_fails_is_replaced(make: MakeStudio, script: str, reason: str) -> None:
    work_s = 0.5 if script is SILENT else 30.0
    studio = make(1, work_s=work_s, command=(sys.executable, "-c", script))
    lost: list[str] = []
    studio.on_lost = lost.append
    for _ in range(2):
        with pytest.raises(BadPicture):
            await studio.still(b"FLV", MOST)
    assert studio.processes == 0
    assert len(lost) == 2
    assert reason in lost[0]


async def test_few_processes_and_a_short_queue(make: MakeStudio) -> None:
    studio = make(2, command=(sys.executable, "-c", SILENT))
    asking: list[Awaitable[Any]] = [
        asyncio.ensure_future(studio.still(b"FLV", MOST)) for _ in range(2 + MOST_WAITING)
    ]
    while f"waiting={MOST_WAITING}" not in repr(studio) or studio.processes < 2:
        await asyncio.sleep(0.01)
    with pytest.raises(StudioBusy):
        await studio.still(b"FLV", MOST)
    assert studio.processes == 2
    for one in asking:
        one.cancel()  # type: ignore[attr-defined]
    await asyncio.gather(*asking, return_exceptions=True)
    assert studio.processes == 0
