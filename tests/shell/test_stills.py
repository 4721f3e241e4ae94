"""Small pictures of channels: made once for all who ask, and only as often as allowed."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gb28181.control.stills import StillOptions, Stills
from gb28181.errors import Leg, LegFailed
from media.still.picture import NoKeyFrame, Picture
from media.still.studio import Studio

CHANNEL = "34020000001320000001"


class KeyFrames:
    """Streams by name, and how often one was asked for."""

    def __init__(self) -> None:
        self.runs: dict[str, bytes] = {}
        self.pulls = 0
        self.refusal: LegFailed | None = None

    async def running(self, channel_id: str) -> bytes:
        return self.runs.get(channel_id, b"")

    async def pulled(self, channel_id: str) -> bytes:
        self.pulls += 1
        if self.refusal is not None:
            raise self.refusal
        return self.runs.setdefault(channel_id, b"pulled")


class FakeStudio:
    """Makes pictures of names."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def still(self, flv: bytes, most_pixels: int, width: int = 0) -> Picture:
        await self.gate.wait()
        self.made.append((flv, width))
        if flv == b"broken":
            raise NoKeyFrame("broken")
        return Picture(b"jpeg of " + flv + str(len(self.made)).encode(), width or 1920, 1080)

    async def aclose(self) -> None:
        pass


class Bench:
    def __init__(self, interval_s: float = 60.0) -> None:
        self.key_frames, self.studio = KeyFrames(), FakeStudio()
        options = StillOptions(interval_s, 320, 1_000_000)
        self.stills = Stills(self.key_frames, cast(Studio, self.studio), options)


async def test_nothing_runs_and_nothing_is_begun() -> None:
    bench = Bench()
    assert await bench.stills.small(CHANNEL, pull=False) is None
    assert (bench.key_frames.pulls, bench.studio.made) == (0, [])


async def test_all_who_ask_at_once_get_one_picture() -> None:
    bench = Bench()
    bench.key_frames.runs[CHANNEL] = b"live"
    bench.studio.gate.clear()
    asking = [asyncio.ensure_future(bench.stills.small(CHANNEL, pull=False)) for _ in range(20)]
    await asyncio.sleep(0)
    asking.pop().cancel()
    bench.studio.gate.set()
    found = await asyncio.gather(*asking)
    assert bench.studio.made == [(b"live", 320)]
    assert {one.etag for one in found if one} == {found[0].etag if found[0] else ""}
    assert await bench.stills.small(CHANNEL, pull=False) == found[0]
    assert len(bench.studio.made) == 1


async def test_it_is_renewed_after_the_interval_and_kept_when_the_stream_ends() -> None:
    bench = Bench(interval_s=0.0)
    bench.key_frames.runs[CHANNEL] = b"live"
    first = await bench.stills.small(CHANNEL, pull=False)
    second = await bench.stills.small(CHANNEL, pull=False)
    assert first is not None
    assert second is not None
    assert first.etag != second.etag
    bench.key_frames.runs.clear()
    assert await bench.stills.small(CHANNEL, pull=False) == second
    bench.key_frames.runs[CHANNEL] = b"broken"
    assert await bench.stills.small(CHANNEL, pull=False) == second


async def test_a_pull_is_begun_where_it_is_asked_for() -> None:
    bench = Bench()
    found = await bench.stills.small(CHANNEL, pull=True)
    assert found is not None
    assert bench.key_frames.pulls == 1
    bench.key_frames.runs.clear()
    bench.key_frames.refusal = LegFailed(Leg.DEVICE_OFFLINE, "offline")
    with pytest.raises(LegFailed, match="offline"):
        await bench.stills.small("34020000001320000002", pull=True)


async def test_a_whole_picture_by_its_age() -> None:
    bench = Bench()
    first = await bench.stills.fresh(CHANNEL, 0.0)
    again = await bench.stills.fresh(CHANNEL, 60.0)
    assert again == first
    newer = await bench.stills.fresh(CHANNEL, 0.0)
    assert newer.etag != first.etag
    assert [width for _, width in bench.studio.made] == [0, 0]


async def test_what_does_not_decode_is_said() -> None:
    bench = Bench()
    bench.key_frames.runs[CHANNEL] = b"broken"
    with pytest.raises(LegFailed, match="does not decode") as caught:
        await bench.stills.fresh(CHANNEL, 0.0)
    assert caught.value.leg is Leg.UNSUPPORTED_CODEC


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gb28181.control.stills.MOST_KEPT", 40)
    bench = Bench()
    for number in range(10):
        await bench.stills.small(f"{number:020d}", pull=True)
    assert await bench.stills.small("0" * 19 + "9", pull=False) is not None
    bench.key_frames.runs.clear()
    assert await bench.stills.small("0" * 20, pull=False) is None
