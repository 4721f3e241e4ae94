"""HLS while somebody asks: who waits for what, who is a viewer, what is made for whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from media.errors import PartUnknown, ReloadLate, ReloadRefused, StreamUnknown, ViewersExhausted
from media.hls import feed as hls_feed
from media.hls.feed import HlsFeed, HlsPlayer
from media.hub import Hub
from media.options import HubLimits
from media.output.interleave import HOLD, Interleaver
from media.sound.maker import FORMAT
from media.unit import AccessUnit, Codec, FormatChanged

from . import sounding
from .boxes import fragments
from .samples import aac, g711, judge, pictures
from .test_hls_segments import group, groups
from .test_hub import InlineShop, merged

VIDEO, PICTURES = pictures(count=150, gop=50)
G711 = g711()[0]


def feed_of(past: list[AccessUnit] | None = None) -> tuple[HlsFeed, list[HlsPlayer]]:
    left: list[HlsPlayer] = []
    return HlsFeed("s1", VIDEO, None, past or [], left.append, lambda: 1_700_000_000.0), left


async def soon(condition: Callable[[], bool]) -> None:
    """Until the tasks of this loop have brought it about."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come about")


async def test_the_first_playlist_waits_for_a_whole_segment() -> None:
    feed, _ = feed_of(list(PICTURES[:30]))
    player = feed.join()
    asked = asyncio.ensure_future(player.playlist("", "?t", None, None))
    for unit in PICTURES[30:50]:
        feed.push(unit)
    await asyncio.sleep(0)
    assert not asked.done()
    feed.push(PICTURES[50])
    text = await asked
    assert "segment0.m4s?t" in text
    data = await player.init(0) + await player.segment(0)
    assert judge(data, "mp4").decoded == 50
    assert player.bytes_out == len(text) + len(data)


async def test_a_reload_is_answered_in_the_call_that_closes_its_part() -> None:
    feed, _ = feed_of(list(PICTURES[:51]))
    player = feed.join()
    asked = asyncio.ensure_future(player.playlist("", "", 1, 0))
    hinted = asyncio.ensure_future(player.part(1, 0))
    await asyncio.sleep(0)
    for unit in PICTURES[51:60]:
        feed.push(unit)
    await asyncio.sleep(0)
    assert not asked.done()
    feed.push(PICTURES[60])
    await soon(lambda: asked.done() and hinted.done())
    assert "part1.0.m4s" in asked.result()
    (run,) = fragments(hinted.result())
    assert len(run.samples) == 10


@pytest.mark.parametrize(("number", "part"), [(None, 0), (5, None), (99, 3), (10**11, None)])
async def test_what_nobody_can_wait_for(number: int | None, part: int | None) -> None:
    feed, _ = feed_of(list(PICTURES[:60]))
    with pytest.raises(ReloadRefused):
        await feed.join().playlist("", "", number, part)


async def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls_feed, "FIRST_S", 0.01)
    monkeypatch.setattr(hls_feed, "RELOAD_TARGETS", 0.01)
    feed, _ = feed_of(list(PICTURES[:20]))
    player = feed.join()
    with pytest.raises(ReloadLate):
        await player.playlist("", "", None, None)
    for unit in PICTURES[20:60]:
        feed.push(unit)
    with pytest.raises(ReloadLate):
        await player.playlist("", "", 2, None)
    with pytest.raises(PartUnknown):
        await player.part(*feed.segments.next_part)


async def test_one_player_waits_for_so_much_at_a_time() -> None:
    feed, _ = feed_of(list(PICTURES[:60]))
    player = feed.join()
    waiting = [
        asyncio.ensure_future(player.playlist("", "", 2, None))
        for _ in range(hls_feed.MOST_PENDING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(ReloadLate):
        await player.playlist("", "", 2, None)
    other = asyncio.ensure_future(feed.join().playlist("", "", 2, None))
    await asyncio.sleep(0)
    assert not other.done(), "another one may"
    for task in (*waiting, other):
        task.cancel()
    await asyncio.gather(*waiting, other, return_exceptions=True)
    assert feed._waiting == []


async def test_what_is_not_there() -> None:
    feed, _ = feed_of(list(PICTURES[:60]))
    player = feed.join()
    for asked in (player.init(1), player.segment(1), player.segment(9), player.part(0, 5)):
        with pytest.raises(PartUnknown):
            await asked
    with pytest.raises(PartUnknown):
        await player.part(7, 0)


async def test_a_player_is_a_viewer_while_it_asks() -> None:
    feed, left = feed_of(list(PICTURES[:60]))
    player, other = feed.join(), feed.join()
    feed.tick(0)
    feed.tick(9)
    await player.init(0)
    feed.tick(10)
    assert left == [other]
    waiting = asyncio.ensure_future(player.playlist("", "", 2, None))
    await asyncio.sleep(0)
    feed.tick(40)
    assert player.end_reason is None, "it waits"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    feed.tick(41)
    feed.tick(52)
    assert left == [other, player]
    assert player.end_reason == "left"


async def test_the_end_of_the_stream_reaches_who_waits() -> None:
    feed, left = feed_of(list(PICTURES[:60]))
    player = feed.join()
    waiting = asyncio.ensure_future(player.playlist("", "", 2, None))
    await asyncio.sleep(0)
    feed.close("device_offline")
    with pytest.raises(StreamUnknown):
        await waiting
    with pytest.raises(StreamUnknown):
        await player.segment(0)
    assert left == [player]


async def test_the_time_of_day_of_a_segment() -> None:
    feed, _ = feed_of(list(PICTURES[:62]))
    text = await feed.join().playlist("", "", None, None)
    begins = re.findall(r"PROGRAM-DATE-TIME:(.*)", text)
    # the past ends now: picture 61, 2.44 s behind the first
    assert begins == ["2023-11-14T22:13:17.560Z", "2023-11-14T22:13:19.560Z"]


def test_sound_that_comes_late_lies_beside_its_picture() -> None:
    order = Interleaver()
    order.both = True
    shown, heard = groups([50]), aac(rate=16_000)[1]
    out = order.begin(shown)
    assert out == [], "the sound of these may be made only now"
    for unit in heard:
        out += order.push(unit)
    for unit in group(30, 50 * 3600):
        out += order.push(unit)
    out += order.drain()
    assert [u.dts for u in out] == sorted(u.dts for u in out)
    assert len(out) == 80 + len(heard)


def test_nobody_waits_for_long() -> None:
    order = Interleaver()
    order.both = True
    out: list[AccessUnit] = []
    for unit in groups([50, 50]):
        out += order.push(unit)
        assert not out or unit.dts - out[-1].dts <= HOLD + 3600
    late = AccessUnit(False, Codec.AAC, 0, 0, True, b"x")
    assert late in order.push(late), "what is too late goes at once"


# -- in the hub ------------------------------------------------------------------------------


def hub_of(viewers: int = 9) -> tuple[Hub, list[int], InlineShop]:
    counted: list[int] = []
    shop = InlineShop(4)
    hub = Hub(
        "s1",
        HubLimits(viewers=viewers),
        on_started=lambda: None,
        on_format=lambda: None,
        on_viewers=counted.append,
        sounds=shop,
    )
    return hub, counted, shop


TONE = sounding.units(sounding.tone(6))


async def test_nothing_is_made_while_nobody_asks() -> None:
    hub, counted, shop = hub_of()
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:60], TONE[:60])])
    assert hub.viewer_count == 0
    player = hub.open_hls(audio="aac")
    other = hub.open_hls(audio="raw")
    assert counted == [1, 2]
    assert shop.running == 1
    hub.feed(merged(PICTURES[60:], TONE[60:]))
    data = await player.init(0) + await player.segment(0)
    judged = judge(data, "mp4")
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    video, audio = (judged.packets[kind] for kind in ("video", "audio"))
    assert abs(video[0][1] - audio[0][1]) <= 64, "the sound was made from the key frame on"
    assert abs(video[-1][1] - audio[-1][1]) <= 128
    assert b"mp4a" not in await other.init(0), "raw G.711 has no place in MP4"
    await player.aclose()
    assert shop.running == 0
    await other.aclose()
    assert counted == [1, 2, 1, 0]
    assert hub.bytes_out > len(data)
    hub.feed(merged(PICTURES[100:], TONE[100:]))


async def test_players_count_among_viewers() -> None:
    hub, _, _ = hub_of(viewers=2)
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:60]])
    hub.open_hls(audio="off")
    hub.open_viewer("flv", audio="off")
    with pytest.raises(ViewersExhausted):
        hub.open_hls(audio="off")
    for now in range(12):
        hub.tick(now)
    assert hub.viewer_count == 1, "the player has asked for nothing"


async def test_sound_whose_format_comes_late_is_a_new_initialisation() -> None:
    hub, _, _ = hub_of()
    player = hub.open_hls(audio="aac")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:20]])
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[50:], TONE[50:])])
    text = await player.playlist("", "", None, None)
    assert re.findall(r'MAP:URI="(.*)"', text) == ["init0.mp4", "init1.mp4"]
    assert FORMAT.config in await player.init(1)


async def test_a_new_sender_and_the_end() -> None:
    hub, counted, _ = hub_of()
    player = hub.open_hls(audio="auto")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:60]])
    hub.interrupt()
    hub.feed(PICTURES[100:])
    assert "#EXT-X-DISCONTINUITY\n" in await player.playlist("", "", None, None)
    hub.close("over")
    assert counted == [1, 0]
    assert player.end_reason == "over"
