"""The hub: where viewers begin, what they get, what happens when formats change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from media.errors import ViewersExhausted
from media.hub import Hub
from media.node import InitSegment
from media.options import HubLimits
from media.output import flv
from media.output.viewers import StreamViewer, ViewerState
from media.sound.maker import FORMAT, AacMaker
from media.sound.shop import Done, SoundShop
from media.unit import AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

from . import sounding
from .samples import aac, g711, judge, judge_flv, pictures
from .test_flv import tags_of


class Heard:
    def __init__(self) -> None:
        self.started = 0
        self.formats = 0
        self.viewers: list[int] = []


def make(limits: HubLimits | None = None) -> tuple[Hub, Heard]:
    heard = Heard()

    def on_started() -> None:
        heard.started += 1

    def on_format() -> None:
        heard.formats += 1

    hub = Hub(
        "s1",
        limits or HubLimits(),
        on_started=on_started,
        on_format=on_format,
        on_viewers=heard.viewers.append,
    )
    return hub, heard


def merged(*tracks: Iterable[AccessUnit]) -> list[AccessUnit]:
    return sorted((u for track in tracks for u in track), key=lambda u: (u.dts, not u.video))


def read_all(viewer: StreamViewer) -> bytes:
    return b"".join(iter(viewer.queue.read, b""))


def kinds(data: bytes) -> list[int]:
    return [kind for kind, _, _ in tags_of(data[13:])]


VIDEO, PICTURES = pictures()
AAC, SOUND = aac()


def test_a_waiting_viewer_gets_its_first_picture_in_the_same_call() -> None:
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[1:5]])
    assert viewer.queue.state is ViewerState.WAITING
    assert heard.started == 0, "nothing decodable yet"
    hub.feed(PICTURES[10:11])
    assert viewer.queue.state is ViewerState.LIVE
    assert heard.started == 1
    assert judge_flv(read_all(viewer)).decoded == 1


def test_a_later_viewer_begins_at_the_last_key_frame() -> None:
    hub, _ = make()
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:17]])
    viewer = hub.open_viewer(audio="off")
    assert read_all(viewer)[:3] == b"FLV"
    hub.feed(PICTURES[17:20])
    late = hub.open_viewer(audio="off")
    judged = judge_flv(read_all(late))
    assert [d for _, d, _ in judged.packets["video"]] == [u.dts // 90 for u in PICTURES[10:20]]
    assert judged.decoded == 10


def test_every_viewer_gets_the_same_objects() -> None:
    hub, _ = make()
    viewers = [hub.open_viewer(audio="off") for _ in range(3)]
    hub.feed([FormatChanged(VIDEO, None), PICTURES[0]])
    for viewer in viewers:
        read_all(viewer)
    hub.feed(PICTURES[1:2])
    tags = [viewer.queue.read() for viewer in viewers]
    assert tags[0] is tags[1] is tags[2]


def test_nothing_is_muxed_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[AccessUnit] = []
    real = flv.video_tag
    monkeypatch.setattr(flv, "video_tag", lambda u: calls.append(u) or real(u))
    hub, _ = make()
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:15]])
    assert calls == []
    first = hub.open_viewer(audio="off")
    assert calls == list(PICTURES[10:15])
    hub.open_viewer(audio="off")
    hub.feed(PICTURES[15:16])
    assert calls == list(PICTURES[10:16]), "once, whoever looks"
    assert first.queue.size


def test_g711_is_never_sent_nor_announced() -> None:
    audio, sound = g711()
    hub, _ = make()
    viewers = [hub.open_viewer(audio="off"), hub.open_viewer(audio="aac")]
    hub.feed([FormatChanged(VIDEO, audio), *merged(PICTURES, sound)])
    for viewer in viewers:
        data = read_all(viewer)
        assert data[4] == 1
        assert flv.TAG_AUDIO not in kinds(data)
        assert judge_flv(data).codecs == {"video": "h264"}


def test_aac_only_for_those_who_ask() -> None:
    hub, _ = make()
    silent, loud = hub.open_viewer(audio="off"), hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, AAC), *merged(PICTURES, SOUND)])
    data = read_all(silent)
    assert data[4] == 1
    assert flv.TAG_AUDIO not in kinds(data)
    data = read_all(loud)
    assert data[4] == 5
    judged = judge_flv(data)
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert len(judged.packets["audio"]) == len(SOUND)
    late = judge_flv(read_all(hub.open_viewer(audio="aac")))
    assert len(late.packets["video"]) == 10
    assert 0 < len(late.packets["audio"]) < len(SOUND)


def test_a_viewer_with_sound_waits_for_the_sound_and_loses_no_picture() -> None:
    hub, _ = make()
    silent, loud = hub.open_viewer(audio="off"), hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:3]])
    assert silent.queue.state is ViewerState.LIVE
    assert loud.queue.state is ViewerState.WAITING
    late_sound = [u for u in SOUND if u.dts >= PICTURES[3].dts]
    hub.feed([FormatChanged(VIDEO, AAC), *merged(PICTURES[3:10], late_sound[:3])])
    judged = judge_flv(read_all(loud))
    assert len(judged.packets["video"]) == 10
    assert judged.codecs["audio"] == "aac"


def test_the_wait_for_sound_ends() -> None:
    hub, _ = make()
    loud = hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:10]])
    assert loud.queue.state is ViewerState.WAITING
    hub.feed(PICTURES[10:14])
    assert loud.queue.state is ViewerState.LIVE
    assert read_all(loud)[4] == 1
    hub.feed([FormatChanged(VIDEO, AAC), *SOUND[-3:], *PICTURES[14:16]])
    tags = [k for k, _, _ in tags_of(read_all(loud))]
    assert flv.TAG_AUDIO not in tags, "it was not announced, so it is not sent"
    assert flv.TAG_VIDEO in tags


def test_sound_alone_begins_after_a_second() -> None:
    hub, heard = make()
    loud, silent = hub.open_viewer(audio="aac"), hub.open_viewer(audio="off")
    hub.feed([FormatChanged(None, AAC), *SOUND[:7]])
    assert heard.started == 0
    hub.feed(SOUND[7:])
    assert heard.started == 1
    data = read_all(loud)
    assert data[4] == 4
    judged = judge_flv(data)
    assert judged.codecs == {"audio": "aac"}
    assert silent.queue.state is ViewerState.WAITING
    hub.feed([FormatChanged(VIDEO, AAC), PICTURES[0]])
    assert loud.end_reason == "format_changed"
    assert silent.queue.state is ViewerState.LIVE


def test_sound_alone_in_g711_counts_as_started() -> None:
    audio, sound = g711(1.2)
    hub, heard = make()
    hub.feed([FormatChanged(None, audio), *sound])
    assert heard.started == 1


def test_a_new_picture_size_is_a_new_sequence_header() -> None:
    small, small_pictures = pictures(width=160, height=120, count=20)
    shift = PICTURES[-1].dts + 3600
    moved = [
        AccessUnit(True, u.codec, u.pts + shift, u.dts + shift, u.key, u.data)
        for u in small_pictures
    ]
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES])
    hub.feed([FormatChanged(small, None), *moved])
    assert heard.formats == 1
    data = read_all(viewer)
    headers = [b for k, _, b in tags_of(data[13:]) if k == 9 and b[1] == 0]
    assert len(headers) == 2
    assert judge_flv(data).decoded == len(PICTURES) + len(moved)
    assert judge_flv(read_all(hub.open_viewer(audio="off"))).width == 160


def test_the_same_format_again_is_no_change() -> None:
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:5], FormatChanged(VIDEO, None)])
    assert heard.formats == 0
    assert len([b for k, _, b in tags_of(read_all(viewer)[13:]) if k == 9 and b[1] == 0]) == 1


def test_a_change_of_sound_alone_does_not_bother_silent_viewers() -> None:
    other, _ = aac(rate=16000)
    hub, _ = make()
    silent, loud = hub.open_viewer(audio="off"), hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, AAC), *PICTURES[:3]])
    read_all(silent), read_all(loud)
    hub.feed([FormatChanged(VIDEO, other), *PICTURES[3:4]])
    assert [k for k, _, _ in tags_of(read_all(silent))] == [9]
    assert [k for k, _, _ in tags_of(read_all(loud))] == [18, 9, 8, 9]


def test_a_slow_viewer_drops_to_a_key_frame_and_the_others_do_not_notice() -> None:
    limits = HubLimits(queue_bytes=3000)
    hub, _ = make(limits)
    slow, fast = hub.open_viewer(audio="off"), hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None)])
    data, slow_data = bytearray(), bytearray()
    for index, unit in enumerate(PICTURES):
        hub.feed([unit])
        data += fast.queue.read()
        if index == 0:
            slow_data += slow.queue.read()
        assert slow.queue.size <= max(3000, len(unit.data) + 100)
    slow_data += read_all(slow)
    assert fast.dropped_frames == 0
    assert judge_flv(bytes(data)).decoded == len(PICTURES)
    judged = judge_flv(bytes(slow_data))
    seen = [d for _, d, _ in judged.packets["video"]]
    assert slow.dropped_frames == len(PICTURES) - len(seen) > 0
    assert judged.decoded == len(seen), "what it got can be decoded"
    every = [u.dts // 90 for u in PICTURES]
    keys = {u.dts // 90 for u in PICTURES if u.key}
    for before, after in pairwise(seen):
        assert after in keys or every.index(after) == every.index(before) + 1
    assert hub.dropped_frames == slow.dropped_frames


def test_a_viewer_that_never_read_its_header_gets_one_at_the_key_frame() -> None:
    hub, _ = make(HubLimits(queue_bytes=100))
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:45]])
    data = read_all(viewer)
    assert data[:3] == b"FLV"
    judged = judge_flv(data)
    assert judged.packets["video"][0][2], "it begins with a key frame"


def test_a_format_change_missed_while_skipping_is_made_up() -> None:
    small, small_pictures = pictures(width=160, height=120, count=20)
    hub, _ = make(HubLimits(queue_bytes=100))
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), PICTURES[0]])
    data = read_all(viewer)
    hub.feed(PICTURES[1:5])
    assert viewer.queue.state is ViewerState.SKIPPING
    hub.feed([FormatChanged(small, None), small_pictures[0]])
    tags = tags_of(read_all(viewer))
    assert data
    assert [(k, b[1]) for k, _, b in tags[-2:]] == [(9, 0), (9, 1)]


def test_a_new_sender_goes_on_at_its_first_key_frame() -> None:
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:12]])
    hub.interrupt()
    late = hub.open_viewer(audio="off")
    assert late.queue.state is ViewerState.WAITING
    hub.feed(PICTURES[13:20])
    hub.feed(PICTURES[20:25])
    judged = judge_flv(read_all(viewer))
    assert [d // 40 for _, d, _ in judged.packets["video"]] == [*range(12), *range(20, 25)]
    assert judged.decoded == 17
    assert judge_flv(read_all(late)).decoded == 5
    assert heard.started == 1


def test_limits_of_viewers() -> None:
    hub, heard = make(HubLimits(viewers=2))
    hub.open_viewer(audio="off")
    hub.open_viewer(audio="off")
    with pytest.raises(ViewersExhausted):
        hub.open_viewer(audio="off")
    assert heard.viewers == [1, 2]


async def test_leaving_and_counting() -> None:
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:3]])
    size = len(read_all(viewer))
    await viewer.aclose()
    await viewer.aclose()
    assert heard.viewers == [1, 0]
    assert hub.bytes_out == size
    assert hub.viewer_count == 0


def test_a_viewer_that_reads_nothing_is_closed() -> None:
    hub, heard = make(HubLimits(stall_s=30))
    viewer = hub.open_viewer(audio="off")
    hub.tick(0)
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:3]])
    hub.tick(1)
    hub.tick(30)
    assert viewer.end_reason is None
    hub.tick(31)
    assert viewer.end_reason == "stalled"
    assert viewer.queue.size == 0
    assert heard.viewers == [1, 0]


async def test_closing_ends_viewers_with_the_reason_and_lets_them_read_on() -> None:
    hub, heard = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:3]])
    hub.close("device_offline")
    assert viewer.end_reason == "device_offline"
    data = b"".join([chunk async for chunk in viewer])
    assert judge_flv(data).decoded == 3
    assert heard.viewers == [1, 0]


def test_a_group_too_large_for_the_cache_lets_new_viewers_wait() -> None:
    hub, _ = make(HubLimits(gop_bytes=len(PICTURES[0].data) + 10))
    first = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:5]])
    assert judge_flv(read_all(first)).decoded == 5
    late = hub.open_viewer(audio="off")
    assert late.queue.state is ViewerState.WAITING
    hub.feed(PICTURES[5:11])
    assert late.queue.state is ViewerState.LIVE
    assert judge_flv(read_all(late)).decoded == 1


def test_h265_end_to_end() -> None:
    video, units = pictures(Codec.H265, count=20)
    hub, _ = make()
    viewer = hub.open_viewer(audio="off")
    hub.feed([FormatChanged(video, None), *units])
    judged = judge_flv(read_all(viewer))
    assert judged.codecs == {"video": "hevc"}
    assert judged.decoded == 20


def test_repr_shows_state() -> None:
    hub, _ = make()
    assert repr(hub) == "<Hub s1 waiting viewers=0 <GopCache units=0 bytes=0>>"


def test_formats_are_the_ones_of_the_stream() -> None:
    audio: AudioFormat = g711()[0]
    hub, _ = make()
    hub.feed([FormatChanged(VIDEO, audio)])
    assert isinstance(hub.video, VideoFormat)
    assert hub.audio is audio, "statistics name what the camera sends, not what FLV carries"


def test_two_containers_of_one_stream() -> None:
    hub, heard = make()
    flv_viewer = hub.open_viewer("flv", audio="aac")
    hub.feed([FormatChanged(VIDEO, AAC), *merged(PICTURES[:20], SOUND)])
    mp4_viewer = hub.open_viewer("fmp4", audio="aac")
    assert heard.viewers == [1, 2]
    hub.feed(PICTURES[20:30])
    assert judge_flv(read_all(flv_viewer)).decoded == 30
    judged = judge(read_all(mp4_viewer), "mp4")
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert judged.decoded == 20, "from its last key frame on"


def test_fmp4_begins_with_its_header_alone_and_has_another_where_formats_change() -> None:
    small, small_pictures = pictures(width=160, height=120, count=20)
    shift = PICTURES[-1].dts + 3600
    hub, _ = make()
    viewer = hub.open_viewer("fmp4", audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES])
    moved = [replace(u, pts=u.pts + shift, dts=u.dts + shift) for u in small_pictures]
    hub.feed([FormatChanged(small, None), *moved])
    chunks = list(iter(viewer.queue.read, b""))
    heads = [index for index, chunk in enumerate(chunks) if isinstance(chunk, InitSegment)]
    assert heads[0] == 0
    assert len(heads) == 2
    first = b"".join(chunks[: heads[1]])
    second = b"".join(chunks[heads[1] :])
    assert (judge(first, "mp4").decoded, judge(first, "mp4").width) == (len(PICTURES), 320)
    assert (judge(second, "mp4").decoded, judge(second, "mp4").width) == (len(moved), 160)


def test_a_header_that_was_read_does_not_come_again_after_a_drop() -> None:
    hub, _ = make(HubLimits(queue_bytes=3000))
    viewer = hub.open_viewer("fmp4", audio="off")
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[:12]])
    chunks = list(iter(viewer.queue.read, b""))
    hub.feed(PICTURES[12:45])
    assert viewer.dropped_frames
    chunks += iter(viewer.queue.read, b"")
    assert [isinstance(chunk, InitSegment) for chunk in chunks].count(True) == 1


def test_nobody_begins_while_parameter_sets_are_missing() -> None:
    hub, _ = make()
    viewer = hub.open_viewer("fmp4", audio="off")
    hub.feed([FormatChanged(replace(VIDEO, parameter_sets=()), None), *PICTURES[:3]])
    assert viewer.queue.state is ViewerState.WAITING
    hub.feed([FormatChanged(VIDEO, None), *PICTURES[10:12]])
    assert judge(read_all(viewer), "mp4").decoded == 2


def test_raw_sound_for_who_asks_for_it_by_name() -> None:
    audio, sound = g711()
    hub, _ = make()
    raw = hub.open_viewer("flv", audio="raw")
    hub.feed([FormatChanged(VIDEO, audio), *merged(PICTURES, sound)])
    data = read_all(raw)
    assert data[4] == 5
    judged = judge_flv(data)
    assert judged.codecs == {"video": "h264", "audio": "pcm_alaw"}
    assert len(judged.packets["audio"]) == len(sound)
    mp4 = hub.open_viewer("fmp4", audio="raw")
    assert judge(read_all(mp4), "mp4").codecs == {"video": "h264"}


# -- sound that is made ----------------------------------------------------------------------


class InlineShop(SoundShop):
    """Makes AAC at once, so that a test need not wait for a thread."""

    def work(self, make: Callable[[], list[AccessUnit]], done: Done) -> None:
        try:
            made = make()
        except Exception as error:
            done([], error)
        else:
            done(made, None)


def listening(most: int = 1) -> tuple[Hub, InlineShop, list[str]]:
    shop, told = InlineShop(most), []
    hub = Hub(
        "s1",
        HubLimits(),
        on_started=lambda: None,
        on_format=lambda: None,
        on_viewers=lambda _: None,
        on_no_sound=told.append,
        sounds=shop,
    )
    return hub, shop, told


TONE = sounding.units(sounding.tone(2))
G711 = g711()[0]


def test_aac_is_made_for_who_listens_and_for_nobody_else() -> None:
    hub, shop, _ = listening()
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:15], TONE[:15])])
    silent, auto = hub.open_viewer(audio="off"), hub.open_viewer(audio="auto")
    assert shop.running == 0
    assert hub.aac is None
    assert hub.promised_aac is FORMAT
    loud = hub.open_viewer(audio="aac")
    assert shop.running == 1
    hub.feed(merged(PICTURES[15:], TONE[15:]))
    for viewer in (silent, auto):
        data = read_all(viewer)
        assert data[4] == 1
        assert flv.TAG_AUDIO not in kinds(data)
    data = read_all(loud)
    assert data[4] == 5
    judged = judge_flv(data)
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert judged.packets["audio"][0][1] == TONE[10].dts // 90, "from its key frame on"


def test_two_listeners_share_what_is_made() -> None:
    hub, shop, _ = listening()
    first = hub.open_viewer("flv", audio="aac")
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:25], TONE[:25])])
    second = hub.open_viewer("fmp4", audio="aac")
    hub.feed(merged(PICTURES[25:], TONE[25:]))
    assert (shop.running, shop.refused) == (1, 0)
    assert judge_flv(read_all(first)).codecs["audio"] == "aac"
    judged = judge(read_all(second), "mp4")
    assert judged.codecs["audio"] == "aac"
    audio = [dts for _, dts, _ in judged.packets["audio"]]
    assert {b - a for a, b in pairwise(audio)} == {64}, "burst and what follows lie end to end"
    ahead = judged.packets["video"][0][1] - audio[0]
    assert 0 <= ahead < 250, "sound comes a little late: some of it is from before the key frame"


async def test_when_the_last_listener_leaves_nothing_is_made_or_kept() -> None:
    hub, shop, _ = listening()
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:5], TONE[:5])])
    silent, loud = hub.open_viewer(audio="off"), hub.open_viewer(audio="aac")
    hub.feed(merged(PICTURES[5:9], TONE[5:9]))
    await loud.aclose()
    assert shop.running == 0
    again = hub.open_viewer(audio="aac")
    audio = judge_flv(read_all(again)).packets["audio"]
    assert {b - a for (_, a, _), (_, b, _) in pairwise(audio)} == {64}, "no hole where it rested"
    read_all(silent)


def test_no_place_is_told_once_and_the_picture_comes_without_sound() -> None:
    hub, shop, told = listening(most=0)
    first, second = hub.open_viewer(audio="aac"), hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES, TONE)])
    hub.open_viewer("fmp4", audio="aac")
    assert told == ["no place to make AAC of g711a"]
    assert shop.refused >= 2
    assert hub.promised_aac is None
    for viewer in (first, second):
        assert judge_flv(read_all(viewer)).codecs == {"video": "h264"}


def test_an_encoder_that_fails_is_a_change_of_format(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, shop, told = listening()
    viewer = hub.open_viewer("fmp4", audio="aac")
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:20], TONE[:20])])
    monkeypatch.setattr(AacMaker, "feed", lambda *_: 1 / 0)
    hub.feed(merged(PICTURES[20:40], TONE[20:40]))
    assert told == ["division by zero"]
    assert shop.running == 0
    chunks = list(iter(viewer.queue.read, b""))
    heads = [chunk for chunk in chunks if isinstance(chunk, InitSegment)]
    assert ["mp4a" in head.mime for head in heads] == [True, False]


def test_recordings_get_what_the_camera_sent() -> None:
    hub, _, _ = listening()
    hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:15], TONE[:15])])
    taken: list[object] = []
    hub.tap(taken.append)
    hub.feed(merged(PICTURES[15:], TONE[15:]))
    assert {u.codec for u in taken if isinstance(u, AccessUnit)} == {Codec.H264, Codec.G711A}


def test_sound_alone_is_made_too() -> None:
    hub, _, _ = listening()
    viewer = hub.open_viewer(audio="aac")
    hub.feed([FormatChanged(None, G711), *TONE])
    judged = judge_flv(read_all(viewer))
    assert judged.codecs == {"audio": "aac"}
    assert len(judged.packets["audio"]) > 8


def test_another_sound_of_the_camera_is_made_anew() -> None:
    hub, shop, _ = listening()
    viewer = hub.open_viewer("fmp4", audio="aac")
    hub.feed([FormatChanged(VIDEO, G711), *merged(PICTURES[:20], TONE[:20])])
    hub.feed([FormatChanged(VIDEO, replace(G711, codec=Codec.G711U))])
    other = [replace(unit, codec=Codec.G711U) for unit in TONE[20:]]
    hub.feed(merged(PICTURES[20:], other))
    assert shop.running == 1
    assert isinstance(viewer.queue.read(), InitSegment)
    hub.feed([FormatChanged(VIDEO, AAC)])
    assert shop.running == 0, "the camera sends AAC itself"
    hub.close("over")
