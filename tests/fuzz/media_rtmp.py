"""RTMP chunks: the same messages and one refusal however they are cut, within their bound."""

from __future__ import annotations

from collections.abc import Callable

from media.errors import StreamFormatError
from media.rtmp.amf import decode, encode
from media.rtmp.chunks import (
    AUDIO,
    COMMAND,
    MAX_COMMAND,
    SET_CHUNK_SIZE,
    VIDEO,
    Broken,
    ChunkReader,
    ChunkWriter,
    Message,
)
from media.rtmp.commands import read_command
from media.rtmp.tags import Configured, Picture, TagReader, is_configuration, is_key

from .cutting import however_cut
from .vectors import PPS, SPS

CONFIG = b"\x01\x42\x00\x0a\xff\xe1\0" + bytes((len(SPS),)) + SPS + b"\1\0\4" + PPS


def seeds() -> list[bytes]:
    writer = ChunkWriter()
    connect = writer.write(Message(COMMAND, 0, 0, encode("connect", 1, {"app": "live", "n": None})))
    small = writer.write(Message(VIDEO, 1, 40, b"\x17\0\0\0\0" + CONFIG), 6)
    picture = writer.write(Message(VIDEO, 1, 0x1000000, b"\x17\1\0\0\0\0\0\0\5\x65\x88\x84\0\x1f"))
    enhanced = writer.write(Message(VIDEO, 1, 40, b"\x93hvc1\0\0\0\3\x26\1\xaf"), 6)
    sound = writer.write(Message(AUDIO, 1, 23, b"\xaf\0\x12\x10"), 4)
    long = writer.write(Message(COMMAND, 0, 0, encode("@setDataFrame", ["a" * 300, True, 1.5])))
    size = writer.write(Message(SET_CHUNK_SIZE, 0, 0, b"\0\0\x10\0"), 2)
    continued = b"\xc6" * 3
    abort = b"\2\0\0\0\0\0\4\2\0\0\0\0\0\0\0\3"
    return [
        connect + small + picture + sound,
        connect + size + long,
        enhanced + continued + abort,
        b"\0\0" + sound[1:] + b"\1\0\0" + small[1:] + b"\x41\0\0\x09\0\0\4\x09\0\0\0\0",
    ]


def check(data: bytes) -> None:
    items = however_cut(_reader, data)
    assert sum(isinstance(item, Broken) for item in items) <= 1
    tags = TagReader()
    for item in items:
        if isinstance(item, Message):
            _look(item, tags)


def _look(message: Message, tags: TagReader) -> None:
    try:
        command = read_command(message)
    except StreamFormatError:
        command = None
    if command is not None:
        written = command.message().data
        # Not a number is not equal to itself: the bytes are compared.
        assert encode(*decode(written)) == written
    if message.kind in (AUDIO, VIDEO):
        found = tags.read(message)
        if isinstance(found, Configured):
            assert is_configuration(message)
        if isinstance(found, Picture):
            assert found.pts >= found.dts
            assert len(found.data) <= 4 * len(message.data)
        is_key(message)


def _reader() -> Callable[[bytes], list[Message | Broken]]:
    reader = ChunkReader()

    def feed(piece: bytes) -> list[Message | Broken]:
        items = list(reader.feed(piece))
        assert reader.held <= 2 * MAX_COMMAND + len(piece) + 32
        return items

    return feed
