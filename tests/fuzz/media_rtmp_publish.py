"""An encoder's connection: the same effects however its bytes are cut, and one end."""

from __future__ import annotations

from collections.abc import Callable

from media.rtmp.amf import Amf, encode
from media.rtmp.chunks import AGGREGATE, COMMAND, USER_CONTROL, VIDEO, ChunkWriter, Message
from media.rtmp.handshake import PACKET, RANDOM
from media.rtmp.publish import Effect, Media, Over, PublishState, RtmpPublish, Send

from .cutting import however_cut

GREETING = b"\3" + bytes(2 * PACKET)
LONGEST = 8192


def seeds() -> list[bytes]:
    def command(name: str, number: float, *values: Amf, stream: int = 0) -> Message:
        return Message(COMMAND, stream, 0, encode(name, number, *values))

    begin = [
        command("connect", 1, {"app": "live"}),
        command("releaseStream", 2, None, "key"),
        command("createStream", 3, None),
        command("publish", 4, None, "key", "live", stream=1),
    ]
    tag = b"\x09\0\0\6\0\0\x28\0\0\0\0\x17\1\0\0\0\0\0\0\0\x11"
    media = [Message(VIDEO, 1, 0, b"\x17\1\0\0\0\0"), Message(AGGREGATE, 1, 9, tag + tag)]
    ping = Message(USER_CONTROL, 0, 0, b"\0\6\0\0\0\1")
    end = command("deleteStream", 5, None, 1.0)
    writer = ChunkWriter()
    return [
        b"".join(writer.write(message) for message in messages)
        for messages in (
            [*begin, *media, ping, end],
            [*begin, *begin],
            [*begin[:1], command("play", 2, None, "x")],
            media,
        )
    ]


def check(data: bytes) -> None:
    effects = however_cut(_machine, GREETING + data)
    assert sum(isinstance(effect, Over) for effect in effects) <= 1


def _machine() -> Callable[[bytes], list[Effect]]:
    """Whoever asks may publish."""
    machine = RtmpPublish(bytes(RANDOM), 0.0, lambda app, name: None)

    def feed(piece: bytes) -> list[Effect]:
        found = machine.feed(piece)
        over = any(isinstance(effect, Over) for effect in found)
        assert not over or machine.state is PublishState.OVER
        return [part for effect in found for part in _parts(effect)]

    return feed


def _parts(effect: Effect) -> list[Effect]:
    """What was sent depends on the cuts: acknowledgements. Media comes in other portions."""
    if isinstance(effect, Media):
        return [Media([message]) for message in effect.messages]
    return [] if isinstance(effect, Send) else [effect]
