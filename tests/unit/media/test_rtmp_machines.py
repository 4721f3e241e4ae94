"""Both ends of RTMP without a socket: who publishes to us, and our pushing to others."""

from __future__ import annotations

import pytest

from media.errors import LocalError, StreamFormatError
from media.rtmp import publish as publishes
from media.rtmp import push as pushes
from media.rtmp.amf import Amf, decode, encode
from media.rtmp.chunks import (
    AGGREGATE,
    AUDIO,
    COMMAND,
    DATA,
    MAX_COMMAND,
    VIDEO,
    ChunkReader,
    ChunkWriter,
    Message,
)
from media.rtmp.commands import read_command
from media.rtmp.flv_reader import FlvReader, Tag
from media.rtmp.handshake import PACKET, RANDOM
from media.rtmp.publish import MOST_COMMANDS, SETUP_S, Over, PublishState, Refusal, RtmpPublish
from media.rtmp.push import ANSWER_S, PushState, RtmpPush
from media.rtmp.target import read_target

PICTURE = b"\x17\x01\x00\x00\x00\x00\x00\x00\x01\x65"


class Encoder:
    """The other end of a connection: says what it is told, reads what comes."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self.effects: list[publishes.Effect] = []
        self.machine = RtmpPublish(bytes(RANDOM), 100.0, self.judge)
        self.refusal = refusal
        self.writer = ChunkWriter()
        self.reader = ChunkReader()
        self.greeted = False
        self.feed(b"\x03" + bytes(2 * PACKET))

    def judge(self, app: str, name: str) -> Refusal | None:
        self.asked.append((app, name))
        return self.refusal

    def feed(self, data: bytes) -> None:
        self.effects += self.machine.feed(data)

    def say(self, name: str, number: float, *values: Amf) -> None:
        self.feed(self.writer.write(Message(COMMAND, 0, 0, encode(name, number, *values))))

    def media(self, *messages: Message) -> None:
        self.feed(b"".join(self.writer.write(message, 6) for message in messages))

    def begin(self) -> None:
        self.say("connect", 1, {"app": "live", "tcUrl": "rtmp://h/live"})
        self.say("releaseStream", 2, None, "key")
        self.say("FCPublish", 3, None, "key")
        self.say("createStream", 4, None)
        self.say("publish", 5, None, "key", "live")

    def heard(self) -> list[list[Amf]]:
        """Commands that came, as values."""
        sent = b"".join(e.data for e in self.effects if isinstance(e, publishes.Send))
        found = []
        for item in ChunkReader().feed(sent[1 + 2 * PACKET :]):
            assert isinstance(item, Message)
            if item.kind == COMMAND:
                found.append(decode(item.data))
        return found

    def took(self) -> list[Message]:
        return [m for e in self.effects if isinstance(e, publishes.Media) for m in e.messages]

    def over(self) -> Over | None:
        return next((e for e in self.effects if isinstance(e, Over)), None)


def test_an_encoder_publishes() -> None:
    encoder = Encoder()
    encoder.begin()
    assert encoder.asked == [("live", "key")]
    assert encoder.machine.state is PublishState.PUBLISHING
    assert encoder.machine.deadline is None
    connected, created, started = encoder.heard()
    assert connected[0] == "_result"
    assert isinstance(connected[3], dict)
    assert connected[3]["code"] == "NetConnection.Connect.Success"
    assert created == ["_result", 4.0, None, 1.0]
    assert isinstance(started[3], dict)
    assert started[3]["code"] == "NetStream.Publish.Start"
    picture, sound = Message(VIDEO, 1, 40, PICTURE), Message(AUDIO, 1, 41, b"\xaf\x01x")
    encoder.media(picture, sound, Message(DATA, 1, 0, encode("@setDataFrame", "onMetaData", {})))
    assert encoder.took() == [picture, sound]
    encoder.say("FCUnpublish", 6, None, "key")
    assert encoder.over() == Over("it stopped publishing", fault=False)


def test_what_is_said_at_once_is_read_at_once() -> None:
    """Some encoders wait for no answer; a picture behind `publish` may be larger than commands."""
    encoder = Encoder()
    picture = Message(VIDEO, 1, 0, PICTURE + bytes(2 * MAX_COMMAND))
    said = [
        Message(COMMAND, 0, 0, encode("connect", 1, {"app": "live"})),
        Message(COMMAND, 0, 0, encode("createStream", 2, None)),
        Message(COMMAND, 1, 0, encode("publish", 3, None, "key", "live")),
        picture,
    ]
    encoder.feed(b"".join(encoder.writer.write(message) for message in said))
    assert encoder.took() == [picture]


def test_an_aggregate_is_taken_apart() -> None:
    encoder = Encoder()
    encoder.begin()
    tag = b"\x09\x00\x00\x0a\x00\x00\x28\x00\x00\x00\x00" + PICTURE + b"\x00\x00\x00\x15"
    later = tag[:6] + b"\x3c" + tag[7:]
    encoder.media(Message(AGGREGATE, 1, 1000, tag + later))
    assert [(m.kind, m.time, m.data) for m in encoder.took()] == [
        (VIDEO, 1000, PICTURE),
        (VIDEO, 1020, PICTURE),
    ]


def test_a_refusal_has_a_code_and_is_the_end() -> None:
    encoder = Encoder(Refusal("NetStream.Publish.BadName", "no such key"))
    encoder.begin()
    assert encoder.over() == Over("no such key", fault=False)
    told = encoder.heard()[-1]
    assert told[0] == "onStatus"
    assert isinstance(told[3], dict)
    assert (told[3]["level"], told[3]["code"]) == ("error", "NetStream.Publish.BadName")
    encoder.media(Message(VIDEO, 1, 0, PICTURE))
    assert encoder.took() == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([("publish", None, "key")], "publish while greeting"),
        ([("connect", {}), ("connect", {})], "connect while connected"),
        ([("connect", {}), ("publish", None, "k"), ("publish", None, "k")], "while publishing"),
        ([("connect", {}), ("play", None, "key")], "it wants to play"),
        ([("connect", {})] + [("what", None)] * MOST_COMMANDS, "too many commands"),
    ],
)
def test_commands_out_of_their_place(said: list[tuple[str, Amf]], reason: str) -> None:
    encoder = Encoder()
    for number, (name, *values) in enumerate(said):
        encoder.say(name, number, *values)
    over = encoder.over()
    assert over is not None
    assert over.fault
    assert reason in over.reason


def test_media_before_it_may_publish() -> None:
    encoder = Encoder()
    encoder.say("connect", 1, {})
    encoder.media(Message(VIDEO, 1, 0, PICTURE))
    assert encoder.over() == Over("media before it may publish", fault=True)


def test_who_does_not_publish_in_time_is_cut() -> None:
    encoder = Encoder()
    assert encoder.machine.tick(100.0 + SETUP_S - 0.1) == []
    (over,) = encoder.machine.tick(100.0 + SETUP_S)
    assert isinstance(over, Over)
    assert encoder.machine.tick(1000.0) == []


# --- pushing ------------------------------------------------------------------------------------


class Server:
    """What a push talks to."""

    def __init__(self, url: str = "rtmp://192.0.2.1/live/secret?a=b") -> None:
        self.machine = RtmpPush(read_target(url), bytes(RANDOM))
        self.effects: list[pushes.Effect] = self.machine.start(0.0)
        self.writer = ChunkWriter()
        self.reader = ChunkReader()
        self.reader.most = 1 << 22
        self.said: list[list[Amf]] = []
        hello = self.sent()
        assert len(hello) == 1 + PACKET
        self.feed(b"\x03" + bytes(PACKET) + hello[1:])
        self.read(self.sent()[PACKET:])

    def sent(self) -> bytes:
        data = b"".join(e.data for e in self.effects if isinstance(e, pushes.Send))
        self.effects = [e for e in self.effects if not isinstance(e, pushes.Send)]
        return data

    def feed(self, data: bytes, now: float = 0.0) -> None:
        self.effects += self.machine.feed(data, now)

    def read(self, data: bytes) -> list[Message]:
        found = [item for item in self.reader.feed(data) if isinstance(item, Message)]
        for message in found:
            command = read_command(message)
            if command is not None:
                self.said.append([command.name, command.number, *command.values])
        return found

    def answer(self, name: str, number: float, *values: Amf) -> None:
        self.feed(self.writer.write(Message(COMMAND, 0, 0, encode(name, number, *values))))
        self.read(self.sent())

    def begin(self) -> None:
        self.answer("_result", 1, {}, {"code": "NetConnection.Connect.Success"})
        self.answer("_error", 2, None, {"code": "NetConnection.Call.Failed"})
        self.answer("onFCPublish", 0)
        self.answer("_result", 4, None, 7.0)
        self.answer("onStatus", 0, None, {"level": "status", "code": "NetStream.Publish.Start"})


def test_a_stream_is_pushed() -> None:
    server = Server()
    assert server.machine.send([Tag(9, 0, PICTURE)]) == b"", "nothing before it is taken"
    server.begin()
    assert server.effects == [pushes.Publishing()]
    assert [words[0] for words in server.said] == [
        *("connect", "releaseStream", "FCPublish", "createStream", "publish")
    ]
    about = server.said[0][2]
    assert isinstance(about, dict)
    assert (about["app"], about["tcUrl"]) == ("live", "rtmp://192.0.2.1/live")
    assert server.said[4] == ["publish", 5.0, None, "secret?a=b", "live"]
    tags = [Tag(18, 5000, encode("onMetaData", {})), Tag(9, 5000, PICTURE), Tag(8, 4990, b"\xaf")]
    data, picture, sound = server.read(server.machine.send([*tags, Tag(9, 5040, PICTURE)]))[:3]
    assert decode(data.data)[:2] == ["@setDataFrame", "onMetaData"]
    assert (picture.kind, picture.time, picture.stream, picture.data) == (9, 0, 7, PICTURE)
    assert (sound.kind, sound.time) == (8, 0), "never before the begin"
    server.read(server.machine.stop())
    assert [words[0] for words in server.said[-2:]] == ["FCUnpublish", "deleteStream"]
    assert server.machine.stop() == b""


def test_a_refusal_ends_a_push_wherever_it_comes() -> None:
    server = Server()
    server.answer("_error", 1, None, {"code": "NetConnection.Connect.Rejected"})
    assert server.effects == [pushes.Refused("NetConnection.Connect.Rejected", "")]
    server = Server()
    server.begin()
    told: dict[str, Amf] = {"level": "error", "code": "x.Y", "description": "go away"}
    server.answer("onStatus", 0, None, told)
    assert server.effects[-1] == pushes.Refused("x.Y", "go away")
    assert server.machine.state is PushState.OVER


def test_a_server_that_does_not_answer() -> None:
    server = Server()
    assert server.machine.tick(ANSWER_S - 0.1) == []
    (over,) = server.machine.tick(ANSWER_S)
    assert over == pushes.Unanswered("no answer while connecting")


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"\x03" + bytes(2 * PACKET) + b"\xc4" * 9]
)
def test_a_server_that_speaks_something_else(data: bytes) -> None:
    machine = RtmpPush(read_target("rtmp://192.0.2.1/live/x"), bytes(RANDOM))
    machine.start(0.0)
    found = machine.feed(data, 0.0)
    assert isinstance(found[-1], pushes.Unanswered)


def test_flv_of_our_viewers_becomes_tags() -> None:
    header = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
    tag = b"\x09\x00\x00\x01\x01\x02\x03\xff\x00\x00\x00\xaa\x00\x00\x00\x0c"
    reader = FlvReader()
    found = [one for at in range(60) for one in reader.feed((header + tag + tag)[at : at + 1])]
    assert found == [Tag(9, 0xFF010203, b"\xaa")] * 2
    with pytest.raises(StreamFormatError):
        reader.feed(b"\x07" * 20)


@pytest.mark.parametrize(
    ("url", "app", "name", "place"),
    [
        ("rtmp://h/live/key", "live", "key", "rtmp://h/live/…"),
        ("rtmp://h:1936/a/b/key?t=1", "a/b", "key?t=1", "rtmp://h:1936/a/b/…"),
        ("rtmp://[2001:db8::1]/x/y", "x", "y", "rtmp://[2001:db8::1]/x/…"),
    ],
)
def test_targets(url: str, app: str, name: str, place: str) -> None:
    target = read_target(url)
    assert (target.app, target.name, target.place) == (app, name, place)
    assert name not in repr(target)


@pytest.mark.parametrize(
    "url",
    ["rtsp://h/a/b", "rtmp:///a/b", "rtmp://h/a", "rtmp://h", "rtmp://h:0/a/b", "rtmp://h/a b/c"],
)
def test_no_targets(url: str) -> None:
    with pytest.raises(LocalError):
        read_target(url)
