"""RTMP of encoders over real sockets: who may publish, what is borne, and what becomes of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from media.inprocess import InProcessNode, NodeOptions
from media.node import MediaSilent, MediaStarted, MediaUnsupported, NodeEvent, ReceiverSpec
from media.pulling import NotPublishing, PublishSpec
from media.rtmp import connection as connections
from media.rtmp import publish as publishes
from media.rtmp.amf import Amf, encode
from media.rtmp.chunks import AUDIO, COMMAND, VIDEO, ChunkWriter, Message
from media.rtmp.handshake import PACKET
from media.rtmp.publications import Publication, Publications
from media.rtmp.server import PublisherCut, PublisherRefused, RtmpOptions, RtmpServer
from tests.unit.media.samples import judge_flv

BOTH_LOOPS = True

HOST = "127.0.0.1"
SOURCE = "64010400001329000001"
KEY = "nobody-guesses-this"
HELLO = b"\x03" + bytes(2 * PACKET)


class Bench:
    """A server, what it told, and who publishes."""

    def __init__(self) -> None:
        self.told: list[PublisherRefused | PublisherCut] = []
        self.changes: list[tuple[str, str]] = []
        self.changed = asyncio.Event()
        self.publications = Publications()
        self.publications.permit(SOURCE, KEY)
        self.publications.listen(self._began, self._ended)
        options = RtmpOptions(HOST, 0, connections=6, connections_per_address=4)
        self.server = RtmpServer(options, self.publications, self._tell)

    def _tell(self, told: PublisherRefused | PublisherCut) -> None:
        self.told.append(told)
        self.changed.set()

    def _began(self, publication: Publication) -> None:
        self.changes.append(("online", publication.remote[0]))
        self.changed.set()

    def _ended(self, publication: Publication, reason: str) -> None:
        self.changes.append(("offline", reason))
        self.changed.set()

    async def until(self, count: int) -> None:
        """So many times somebody came, went or was refused."""
        async with asyncio.timeout(20):
            while len(self.changes) + len(self.told) < count:
                self.changed.clear()
                await self.changed.wait()

    @property
    def url(self) -> str:
        assert self.server.bound is not None
        return f"rtmp://{HOST}:{self.server.bound[1]}/live"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.server.start()
    yield made
    await made.server.aclose()


class Encoder:
    """A connection, said by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.chunks = ChunkWriter()

    @classmethod
    async def connect(cls, bench: Bench) -> Encoder:
        assert bench.server.bound is not None
        return cls(*await asyncio.open_connection(*bench.server.bound))

    @classmethod
    async def publish(cls, bench: Bench, key: str = KEY) -> Encoder:
        encoder = await cls.connect(bench)
        encoder.writer.write(HELLO)
        encoder.say("connect", 1, {"app": "live"})
        encoder.say("createStream", 2, None)
        encoder.say("publish", 3, None, key, "live")
        return encoder

    def say(self, name: str, number: float, *values: Amf) -> None:
        self.media(Message(COMMAND, 0, 0, encode(name, number, *values)))

    def media(self, message: Message) -> None:
        self.writer.write(self.chunks.write(message))

    async def ends(self) -> bytes:
        """What is still said before the connection is closed."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""
            finally:
                self.writer.close()


async def test_a_wrong_key_is_refused_and_told_once(bench: Bench) -> None:
    encoder = await Encoder.publish(bench, "wrong")
    said = await encoder.ends()
    assert b"NetStream.Publish.BadName" in said
    (refused,) = bench.told
    assert isinstance(refused, PublisherRefused)
    assert refused.reason == "no source has this key"
    assert "wrong" not in repr(refused)
    assert bench.changes == []


async def test_encoders_write_a_key_in_several_places(bench: Bench) -> None:
    with_query = await Encoder.publish(bench, f"{KEY}?user=x")
    await bench.until(1)
    with_query.writer.close()
    await bench.until(2)
    in_app = await Encoder.connect(bench)
    in_app.writer.write(HELLO)
    in_app.say("connect", 1, {"app": f"live/{KEY}"})
    in_app.say("publish", 3, None, "", "live")
    await bench.until(3)
    assert [state for state, _ in bench.changes] == ["online", "offline", "online"]
    in_app.writer.close()


async def test_the_first_keeps_its_key_unless_it_is_silent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await Encoder.publish(bench)
    await bench.until(1)
    second = await Encoder.publish(bench)
    assert b"NetStream.Publish.BadName" in await second.ends()
    assert isinstance(bench.told[0], PublisherRefused)
    assert bench.told[0].reason == "it is published already"
    running = bench.publications.running(SOURCE)
    assert running is not None
    running.last_at -= 6.0
    third = await Encoder.publish(bench)
    await first.ends()
    await bench.until(4)
    assert bench.changes == [
        ("online", HOST),
        ("offline", "another publisher took its place"),
        ("online", HOST),
    ]
    third.say("FCUnpublish", 4, None, KEY)
    assert b"NetStream.Unpublish.Success" in await third.ends()
    await bench.until(5)
    assert bench.changes[-1] == ("offline", "it stopped publishing")


async def test_a_key_that_is_taken_back_cuts_who_uses_it(bench: Bench) -> None:
    encoder = await Encoder.publish(bench)
    await bench.until(1)
    bench.publications.permit(SOURCE, "another")
    await encoder.ends()
    assert bench.changes[-1] == ("offline", "its key was changed")
    assert b"BadName" in await (await Encoder.publish(bench)).ends()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no RTMP"),
        (HELLO + b"\xff" * 40, "continues nothing"),
        (HELLO + b"\x03" + bytes(3) + b"\xff\xff\xff\x14" + bytes(4), "a message of 16777215"),
        (HELLO + ChunkWriter().write(Message(COMMAND, 0, 0, b"\x07")), "AMF"),
        (HELLO + ChunkWriter().write(Message(VIDEO, 1, 0, b"\x17\x01")), "before it may publish"),
    ],
)
async def test_what_is_no_encoder_is_cut(bench: Bench, data: bytes, reason: str) -> None:
    stranger = await Encoder.connect(bench)
    stranger.writer.write(data)
    await stranger.ends()
    (cut,) = bench.told
    assert isinstance(cut, PublisherCut)
    assert reason in cut.reason


async def test_who_says_nothing_or_says_it_slowly_is_cut(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishes, "SETUP_S", 0.5)
    silent, slow = await Encoder.connect(bench), await Encoder.connect(bench)
    slow.writer.write(HELLO[:100])
    await silent.ends()
    await slow.ends()
    await bench.until(2)
    assert all(isinstance(told, PublisherCut) for told in bench.told)


async def test_a_publisher_without_media_is_gone_after_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "GONE_S", 0.5)
    encoder = await Encoder.publish(bench)
    await encoder.ends()
    await bench.until(2)
    assert bench.changes[-1][0] == "offline"
    assert "no media" in bench.changes[-1][1]


async def test_connections_are_bounded(bench: Bench) -> None:
    ones = [await Encoder.connect(bench) for _ in range(5)]
    await ones[4].ends()
    (cut,) = bench.told
    assert cut.reason == "too many connections"
    for one in ones:
        one.writer.close()


async def test_an_encoder_that_reads_no_answers_is_cut(bench: Bench) -> None:
    encoder = await Encoder.publish(bench)
    await bench.until(1)
    encoder.writer.transport.pause_reading()  # type: ignore[attr-defined]
    ask = ChunkWriter().write(Message(COMMAND, 0, 0, encode("createStream", 9, None)))
    async with asyncio.timeout(60):
        while not bench.told:
            encoder.writer.write(ask * 1000)
            try:
                await encoder.writer.drain()
            except ConnectionError:
                break
    await bench.until(3)
    (cut,) = bench.told
    assert cut.reason == "it reads no answers"
    assert bench.changes[-1] == ("offline", "it reads no answers")
    encoder.writer.transport.abort()  # type: ignore[attr-defined]


# --- what becomes of it -------------------------------------------------------------------------


class Node:
    """A media node that takes what is published."""

    def __init__(self, bench: Bench) -> None:
        options = NodeOptions(bind_host=HOST, first_port=21000, last_port=21009)
        self.node = InProcessNode(options, publications=bench.publications)
        self.events: list[NodeEvent] = []
        self.more = asyncio.Event()
        self.node.listen(self._heard)

    def _heard(self, event: NodeEvent) -> None:
        self.events.append(event)
        self.more.set()

    async def wait(self, kind: type[NodeEvent]) -> NodeEvent:
        async with asyncio.timeout(20):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                self.more.clear()
                await self.more.wait()

    async def take(self) -> str:
        info = await self.node.open_receiver(ReceiverSpec(SOURCE, "rtmp"))
        await self.node.pull(info.receiver_id, PublishSpec(SOURCE))
        return info.receiver_id


@pytest.fixture
async def node(bench: Bench) -> AsyncIterator[Node]:
    made = Node(bench)
    await made.node.start()
    yield made
    await made.node.aclose()


@pytest.mark.parametrize(
    ("video", "audio", "found"),
    [
        ("libx264", "aac", {"video": "h264", "audio": "aac"}),
        ("libx265", "aac", {"video": "hevc", "audio": "aac"}),
        ("libx264", "pcm_alaw", {"video": "h264", "audio": "aac"}),
    ],
)
async def test_what_is_published_is_seen_and_heard(
    bench: Bench, node: Node, video: str, audio: str, found: dict[str, str]
) -> None:
    command = (sys.executable, "-m", "tests.support.rtmp_encoder", f"{bench.url}/{KEY}")
    encoder = await asyncio.create_subprocess_exec(
        *command, video, audio, stdin=asyncio.subprocess.PIPE
    )
    await bench.until(1)
    receiver_id = await node.take()
    viewer = node.node.open_viewer(SOURCE, "flv", audio="aac")
    started = await node.wait(MediaStarted)
    assert isinstance(started, MediaStarted)
    assert started.video is not None
    assert (started.video.width, started.video.height) == (320, 240)
    async with asyncio.timeout(60):
        await encoder.communicate(b"\n")
    await bench.until(2)
    silent = await node.wait(MediaSilent)
    assert isinstance(silent, MediaSilent)
    statistics = node.node.statistics(SOURCE)
    assert statistics is not None
    assert statistics.container == "flv"
    assert statistics.receiver_id == receiver_id
    await node.node.close_stream(SOURCE, "over")
    data = b"".join([chunk async for chunk in viewer])
    judged = judge_flv(data)
    assert judged.codecs == found
    assert judged.decoded == len(judged.packets["video"])
    assert judged.decoded >= 75, "all since the last key frame before it was looked at"
    for times in judged.packets.values():
        dts = [one for _, one, _ in times]
        assert dts == sorted(dts)
    with pytest.raises(NotPublishing):
        await node.take()


async def test_a_codec_that_is_not_carried_is_named(bench: Bench, node: Node) -> None:
    encoder = await Encoder.publish(bench)
    await bench.until(1)
    await node.take()
    encoder.media(Message(VIDEO, 1, 0, b"\x90av01" + bytes(8)))
    encoder.media(Message(AUDIO, 1, 0, b"\x2f" + bytes(8)))
    told = await node.wait(MediaUnsupported)
    assert isinstance(told, MediaUnsupported)
    assert told.codec == "av01"
    encoder.writer.close()
