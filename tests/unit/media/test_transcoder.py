"""H.264 made of H.265: the pictures, their times, and what goes through untouched."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import av

from media.transcode.transcoder import MOST_WIDTH, Transcoder, _fitting
from media.unit import AccessUnit, Codec
from tests.unit.media.samples import TICKS, g711, pictures


def decoded(units: list[AccessUnit]) -> list[Any]:
    codec: Any = av.CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in codec.decode(av.Packet(unit.data))]
    return [*frames, *codec.decode(None)]


def test_pictures_one_by_one_and_in_time() -> None:
    _, units = pictures(Codec.H265, count=45, gop=15)
    transcoder = Transcoder()
    made = [one for unit in units for one in transcoder.feed([unit])]
    frames = decoded(made)
    assert len(made) == len(frames) >= len(units) - 3  # what the decoder holds back
    assert {one.codec for one in made} == {Codec.H264}
    steps = {two.dts - one.dts for one, two in itertools.pairwise(made)}
    assert steps == {TICKS}
    assert all(one.pts == one.dts for one in made), "no B frames: the least delay"
    assert [at for at, one in enumerate(made) if one.key] == [0, 15, 30]
    # The source gets brighter by three a picture.
    shades = [bytes(frame.planes[0])[160] for frame in frames]
    assert 80 <= shades[30] - shades[0] <= 100


def test_sound_and_other_pictures_go_through() -> None:
    sound = g711(0.2)[1]
    assert Transcoder().feed(sound) == list(sound)
    h264 = pictures(count=3)[1]
    assert Transcoder().feed(h264) == list(h264)


def test_it_begins_at_a_key_frame_and_again_after_damage() -> None:
    _, units = pictures(Codec.H265, count=30, gop=10)
    transcoder = Transcoder()
    assert transcoder.feed(units[1:10]) == []
    assert transcoder.feed(units[10:15])
    damaged = replace(units[15], data=units[15].data[:6] + bytes(len(units[15].data) - 6))
    made = transcoder.feed([damaged, *units[16:30]])
    assert decoded(transcoder.feed([]) + made) or transcoder.broken
    assert any(one.key for one in made)


def test_large_pictures_are_made_smaller() -> None:
    assert _fitting(3840, 2160) == (MOST_WIDTH, 720)
    assert _fitting(704, 576) == (704, 576)
    assert _fitting(321, 241) == (320, 240)
