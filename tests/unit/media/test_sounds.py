"""Where AAC is made: off the loop, a bounded number at a time, ended when nobody listens."""

from __future__ import annotations

import asyncio
import threading

import pytest

from media.sound.maker import FORMAT, AacMaker
from media.sound.shop import MOST_WAITING, SoundShop
from media.unit import AccessUnit, Codec

from .sounding import heard, strength, tone, units


class Taken:
    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.failures: list[str] = []
        self.more = asyncio.Event()

    def __call__(self, made: list[AccessUnit]) -> None:
        self.units += made
        self.more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.units) < count:
                self.more.clear()
                await self.more.wait()


async def idle(shop: SoundShop) -> None:
    """Until the thread has done what it was given so far."""
    done = asyncio.Event()
    shop.work(lambda: [], lambda *_: done.set())
    async with asyncio.timeout(10):
        await done.wait()


async def test_sound_comes_back_in_the_loop_made_by_another_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set()
    real = AacMaker.feed

    def feed(self: AacMaker, items: object) -> list[AccessUnit]:
        threads.add(threading.current_thread())
        return real(self, items)  # type: ignore[arg-type]

    monkeypatch.setattr(AacMaker, "feed", feed)
    shop, taken = SoundShop(4), Taken()
    made = shop.open(Codec.G711A, taken, taken.failures.append)
    assert made is not None
    for unit in units(tone(2)):
        made.push(unit)
    await taken.until(28)
    assert threading.main_thread() not in threads
    assert len(threads) == 1
    assert strength(heard(FORMAT, taken.units)[8000:24_000], 400, 16_000) > 0.2
    shop.close()


async def test_no_more_than_allowed() -> None:
    shop, taken = SoundShop(2), Taken()
    first, second = (shop.open(Codec.G711U, taken, print) for _ in range(2))
    assert shop.open(Codec.G711A, taken, print) is None
    assert (shop.running, shop.refused) == (2, 1)
    assert not shop.makes(Codec.G711A)
    assert first is not None
    first.close()
    first.close()
    assert shop.running == 1
    assert shop.open(Codec.G711A, taken, print) is not None
    assert shop.refused == 1
    assert second is not None
    shop.close()
    assert shop.running == 0


async def test_what_cannot_be_made() -> None:
    shop, taken = SoundShop(2), Taken()
    assert shop.open(Codec.G722, taken, print) is None
    assert SoundShop(0).open(Codec.G711A, taken, print) is None


async def test_a_thread_that_is_behind_costs_sound_and_no_memory() -> None:
    shop, taken = SoundShop(1), Taken()
    gate = threading.Event()
    made = shop.open(Codec.G711A, taken, taken.failures.append)
    assert made is not None

    def wait() -> list[AccessUnit]:
        gate.wait(10)
        return []

    shop.work(wait, lambda *_: None)
    sound = units(tone(60))
    for unit in sound:
        made.push(unit)
    assert made.waiting_bytes <= MOST_WAITING
    gate.set()
    async with asyncio.timeout(10):
        while not taken.units or taken.units[-1].dts < sound[-10].dts:
            taken.more.clear()
            await taken.more.wait()
    assert strength(heard(FORMAT, taken.units)[-24_000:-8000], 400, 16_000) > 0.2
    shop.close()


async def test_an_encoder_that_fails_ends_its_sound_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, taken = SoundShop(2), Taken()
    failed = asyncio.Event()
    reasons: list[str] = []

    def on_failed(reason: str) -> None:
        reasons.append(reason)
        failed.set()

    def feed(self: AacMaker, items: object) -> list[AccessUnit]:
        raise ValueError("no")

    monkeypatch.setattr(AacMaker, "feed", feed)
    made = shop.open(Codec.G711A, taken, on_failed)
    assert made is not None
    for unit in units(tone(1)):
        made.push(unit)
    async with asyncio.timeout(10):
        await failed.wait()
    assert reasons == ["no"]
    assert shop.running == 0
    shop.close()


async def test_after_the_end_nothing_comes() -> None:
    shop, taken = SoundShop(2), Taken()
    made = shop.open(Codec.G711A, taken, taken.failures.append)
    assert made is not None
    for unit in units(tone(1)):
        made.push(unit)
    made.close()
    await idle(shop)
    assert taken.units == []
    shop.close()


async def test_the_picture_goes_on_without_sound() -> None:
    shop, taken = SoundShop(2), Taken()
    made = shop.open(Codec.G711A, taken, taken.failures.append)
    assert made is not None
    for unit in units(tone(1)):
        made.push(unit)
    await taken.until(12)
    for dts in range(90_000, 6 * 90_000, 3600):
        made.passed(dts)
        await idle(shop)
    assert taken.units[-1].dts > 4 * 90_000
    shop.close()
