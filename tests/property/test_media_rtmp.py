"""RTMP whatever comes: values and messages survive, cuts do not matter, nothing grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.errors import StreamFormatError
from media.rtmp.amf import Amf, decode, encode
from media.rtmp.chunks import MAX_COMMAND, Broken, ChunkReader, ChunkWriter, Message
from media.rtmp.flv_reader import FlvReader
from media.rtmp.handshake import RANDOM
from media.rtmp.publish import PublishState, RtmpPublish
from media.rtmp.push import RtmpPush
from media.rtmp.tags import TagReader
from media.rtmp.target import read_target
from tests.fuzz import media_rtmp, media_rtmp_publish

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)
messages = st.builds(
    Message,
    st.sampled_from([8, 9, 18, 20]),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=700),
)


@given(values)
def test_values_come_back(value: Amf) -> None:
    assert decode(encode(value)) == [value]


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_refused(data: bytes) -> None:
    try:
        found = decode(data)
    except StreamFormatError:
        return
    assert len(encode(*found)) <= 4 * len(data) + 16


@given(
    st.lists(st.tuples(messages, st.integers(3, 63)), max_size=8),
    st.integers(64, 4000),
    st.integers(1, 50),
)
def test_messages_come_back(said: list[tuple[Message, int]], size: int, cut: int) -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    data = writer.resize(size) + b"".join(writer.write(message, n) for message, n in said)
    found = [item for at in range(0, len(data), cut) for item in reader.feed(data[at : at + cut])]
    assert found == [message for message, _ in said]
    assert reader.held == 0


@given(
    st.lists(st.sampled_from(media_rtmp.seeds()) | st.binary(max_size=60), max_size=6),
    st.binary(max_size=30),
)
def test_any_chunks(parts: list[bytes], noise: bytes) -> None:
    media_rtmp.check(b"".join(parts) + noise)


@given(st.lists(st.sampled_from(media_rtmp_publish.seeds()) | st.binary(max_size=60), max_size=4))
def test_any_encoder(parts: list[bytes]) -> None:
    media_rtmp_publish.check(b"".join(parts))


@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_any_server(parts: list[bytes]) -> None:
    machine = RtmpPush(read_target("rtmp://192.0.2.1/a/b"), bytes(RANDOM))
    machine.start(0.0)
    for number, part in enumerate(parts):
        machine.feed((b"\3" if not number else b"") + part, float(number))
        machine.tick(float(number))
    machine.stop()


@given(st.sampled_from([8, 9]), st.binary(max_size=80), st.integers(0, 0xFFFFFFFF))
def test_any_tag(kind: int, body: bytes, time: int) -> None:
    TagReader().read(Message(kind, 1, time, body))


@given(st.lists(st.tuples(st.sampled_from([8, 9, 18]), st.binary(max_size=99)), max_size=5))
def test_tags_of_flv_come_back(tags: list[tuple[int, bytes]]) -> None:
    data = b"FLV\1\5\0\0\0\x09\0\0\0\0" + b"".join(
        bytes((kind,)) + len(body).to_bytes(3, "big") + bytes(7) + body + bytes(4)
        for kind, body in tags
    )
    reader = FlvReader()
    found = [tag for at in range(0, len(data), 7) for tag in reader.feed(data[at : at + 7])]
    assert [(tag.kind, tag.body) for tag in found] == tags


def test_a_stranger_holds_no_more_than_its_bound() -> None:
    reader = ChunkReader()
    for number in range(3, 60):
        head = bytes((number,)) + bytes(3) + (MAX_COMMAND // 2).to_bytes(3, "big") + bytes(5)
        if any(isinstance(item, Broken) for item in reader.feed(head + bytes(128))):
            break
        assert reader.held <= MAX_COMMAND
    else:
        raise AssertionError("nobody was refused")
    machine = RtmpPublish(bytes(RANDOM), 0.0, lambda app, name: None)
    machine.feed(b"\3" * 100)
    assert machine.state is PublishState.GREETING
