"""What RTMP messages of pictures and sound hold, and what is kept of a publication."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from media.errors import StreamFormatError
from media.output import flv
from media.rtmp.chunks import AUDIO, VIDEO, Message
from media.rtmp.flv_reader import FlvReader
from media.rtmp.publications import (
    SILENT_S,
    CacheLimits,
    NotAdmitted,
    Publication,
    Publications,
)
from media.rtmp.tags import (
    Configured,
    Heard,
    Item,
    Malformed,
    NotCarried,
    Picture,
    TagReader,
    is_configuration,
    is_key,
    read_audio_config,
)
from media.unit import AccessUnit, Codec
from media.video.config_reader import annex_b, read_config
from media.video.decoder_config import decoder_config
from tests.unit.media.samples import aac, g711, nal_units, pictures


def messages(tags: bytes) -> list[Message]:
    return [Message(tag.kind, 1, tag.time, tag.body) for tag in FlvReader().feed(tags)]


def tags_of(codec: Codec, count: int = 12) -> tuple[list[AccessUnit], list[Message]]:
    video, units = pictures(codec, count=count, gop=6)
    head = flv.video_sequence_header(video, 0)
    return list(units), messages(head + b"".join(map(flv.video_tag, units)))


def legacy(message: Message) -> Message:
    """As encoders in China write H.265: number 12 of FLV, and the rest like AVC."""
    kind, frame = message.data[0] & 0x0F, message.data[0] >> 4 & 7
    head = bytes((frame << 4 | 12, kind))
    rest = message.data[5:] if kind else b"\0\0\0" + message.data[5:]
    return Message(VIDEO, 1, message.time, head + rest)


def without_offset(message: Message) -> Message:
    """Enhanced RTMP leaves the offset out where it is 0."""
    if message.data[0] & 0x0F != 1 or any(message.data[5:8]):
        return message
    head = bytes((message.data[0] & 0xF0 | 3,))
    return Message(VIDEO, 1, message.time, head + message.data[1:5] + message.data[8:])


def read(some: Iterable[Message]) -> list[Item]:
    reader = TagReader()
    return [item for message in some if (item := reader.read(message)) is not None]


@pytest.mark.parametrize(
    ("codec", "form"),
    [
        (Codec.H264, None),
        (Codec.H265, None),
        (Codec.H265, legacy),
        (Codec.H265, without_offset),
    ],
)
def test_pictures_come_back_as_they_were(codec: Codec, form: object) -> None:
    units, some = tags_of(codec)
    if callable(form):
        some = [form(message) for message in some]
    assert [is_configuration(message) for message in some] == [True] + [False] * len(units)
    assert [is_key(message) for message in some] == [False] + [unit.key for unit in units]
    configured, *shown = read(some)
    assert isinstance(configured, Configured)
    sets = set(configured.config.parameter_sets)
    for picture, unit in zip(shown, units, strict=True):
        assert isinstance(picture, Picture)
        assert picture.codec is codec
        assert (picture.dts, picture.pts) == (unit.dts, unit.pts)
        assert nal_units(picture.data) == [u for u in nal_units(unit.data) if u not in sets]


def test_sound() -> None:
    told, frames = aac()
    head = flv.audio_sequence_header(told, 0)
    found = read(messages(head + b"".join(map(flv.audio_tag, frames))))
    assert found == [Heard(told, f.data, f.dts // 90 * 90) for f in frames]
    narrow, samples = g711()
    found = read(messages(b"".join(map(flv.audio_tag, samples))))
    assert found == [Heard(narrow, s.data, s.dts // 90 * 90) for s in samples]
    enhanced = [
        Message(AUDIO, 1, 0, b"\x90mp4a" + told.config),
        Message(AUDIO, 1, 9, b"\x91mp4axy"),
    ]
    assert read(enhanced) == [Heard(told, b"xy", 810)]


@pytest.mark.parametrize(
    ("kind", "body", "item"),
    [
        (VIDEO, b"\x90av01\0\0", NotCarried(True, "av01")),
        (VIDEO, b"\x90\0\1\2\3\0\0", NotCarried(True, "00010203")),
        (VIDEO, b"\x14\0\0\0\0", NotCarried(True, "vp6")),
        (AUDIO, b"\x2f\0", NotCarried(False, "mp2" if False else "mp3")),
        (AUDIO, b"\x90Opus", NotCarried(False, "Opus")),
        (VIDEO, b"\x27\1\0\0\0\0", Malformed("a picture before its decoder configuration")),
        (AUDIO, b"\xaf\1\0", Malformed("sound before its decoder configuration")),
        (VIDEO, b"\x17\0\0\0\0\1\2", Malformed("a decoder configuration that is cut off")),
        (VIDEO, b"\x57\0\0\0\0", None),
        (VIDEO, b"\x17\2\0\0\0", None),
        (VIDEO, b"", None),
        (AUDIO, b"\xaf", None),
        (18, b"\x02", None),
    ],
)
def test_what_is_no_picture_and_no_sound(kind: int, body: bytes, item: Item | None) -> None:
    assert TagReader().read(Message(kind, 1, 0, body)) == item


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_records_that_lie(codec: Codec) -> None:
    video, _ = pictures(codec, count=6)
    record = decoder_config(video)
    config = read_config(codec, record)
    assert tuple(config.parameter_sets) == video.parameter_sets
    assert config.length_size == 4
    for cut in range(len(record) - 4):
        with pytest.raises(StreamFormatError):
            read_config(codec, record[:cut])
    place = 4 if codec is Codec.H264 else 21
    three = record[:place] + bytes((record[place] & 0xFC | 2,)) + record[place + 1 :]
    with pytest.raises(StreamFormatError, match="three"):
        read_config(codec, three)


def test_lengths() -> None:
    assert annex_b(b"\2ab\1c", 0, 1) == b"\0\0\0\1ab\0\0\0\1c"
    assert annex_b(b"xx\0\2ab\0\0", 2, 2) == b"\0\0\0\1ab"
    for broken in (b"\3ab", b"\0\0\0", b"\xff\xff\xff\xffab"):
        with pytest.raises(StreamFormatError):
            annex_b(broken, 0, 4 if len(broken) != 3 else 2)
    with pytest.raises(StreamFormatError):
        annex_b(b"\1x" * 5000, 0, 1)


@pytest.mark.parametrize(
    ("config", "rate", "channels"),
    [("1210", 44100, 2), ("1408", 16000, 1), ("121056e500", 44100, 2)],
)
def test_audio_configurations(config: str, rate: int, channels: int) -> None:
    found = read_audio_config(bytes.fromhex(config))
    assert (found.sample_rate, found.channels, found.config) == (
        rate,
        channels,
        bytes.fromhex(config),
    )


@pytest.mark.parametrize("config", ["", "12", "16 90", "00" * 65])
def test_no_audio_configurations(config: str) -> None:
    with pytest.raises(StreamFormatError):
        read_audio_config(bytes.fromhex(config))


# --- publications -------------------------------------------------------------------------------


class Ear:
    def __init__(self) -> None:
        self.got: list[Message] = []
        self.reason = ""

    def take(self, messages: Iterable[Message], now: float) -> None:
        self.got += messages

    def ended(self, reason: str) -> None:
        self.reason = reason


def admitted(limits: CacheLimits | None = None) -> Publication:
    publications = Publications(limits)
    publications.permit("a", "key")
    return publications.admit("key", ("192.0.2.1", 1), 0.0, lambda _: None)


def test_who_joins_gets_all_since_the_last_key_frame() -> None:
    _, some = tags_of(Codec.H264)
    sound = Message(AUDIO, 1, 1, b"\xaf\0\x12\x10")
    publication = admitted()
    publication.push([sound, *some[:10]], 1.0)
    early, late = Ear(), Ear()
    publication.join(early, 1.0)
    assert early.got == [sound, some[0], *some[7:10]]
    publication.push(some[10:], 2.0)
    publication.join(late, 2.0)
    assert late.got == early.got == [sound, some[0], *some[7:]]
    publication.leave(late)
    publication.end("gone")
    assert (early.reason, late.reason) == ("gone", "")


@pytest.mark.parametrize("limits", [CacheLimits(gop_bytes=100), CacheLimits(gop_s=0.1)])
def test_what_is_kept_is_bounded(limits: CacheLimits) -> None:
    _, some = tags_of(Codec.H264)
    publication = admitted(limits)
    publication.push(some[:6], 1.0)
    ear = Ear()
    publication.join(ear, 1.0)
    assert len(ear.got) <= 4
    publication.push(some[6:8], 2.0)
    assert ear.got[-2:] == some[6:8], "who listens gets everything all the same"


def test_keys() -> None:
    publications = Publications()
    news: list[str] = []
    publications.listen(lambda p: news.append(f"+{p.source_id}"), lambda p, why: news.append(why))
    publications.permit("a", "one")
    publications.permit("b", "two")
    cuts: list[str] = []
    with pytest.raises(NotAdmitted):
        publications.admit("three", ("192.0.2.1", 1), 0.0, cuts.append)
    publications.admit("one", ("192.0.2.1", 1), 0.0, cuts.append)
    publications.permit("a", "one")
    assert cuts == []
    with pytest.raises(NotAdmitted, match="already"):
        publications.admit("one", ("192.0.2.1", 2), SILENT_S - 0.1, cuts.append)
    second = publications.admit("one", ("192.0.2.1", 2), SILENT_S, cuts.append)
    publications.permit("a", "four")
    assert cuts == ["another publisher took its place", "its key was changed"]
    publications.leave(second, "late")
    assert news == ["+a", "another publisher took its place", "+a", "its key was changed"]
    publications.forbid("b", "removed")
    assert not publications.knows("b")
    with pytest.raises(NotAdmitted):
        publications.admit("two", ("192.0.2.1", 2), 0.0, cuts.append)
    assert publications.count == 0
