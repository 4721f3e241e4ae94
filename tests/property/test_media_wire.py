"""Frames between a node and its worker: whole or in pieces, true or not."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import MediaConnectFailed, StreamUnknown
from media.node import MediaSilent, MediaStarted, SilenceReason
from media.unit import AudioFormat, Codec, VideoFormat
from media.worker.messages import TYPES, Call, Chunk, Done, Told, error_of, raised
from media.worker.wire import MAX_FRAME, Wire, WireError

VIDEO = VideoFormat(Codec.H264, 1920, 1080, 25.0, (b"\x67\x00", b"\x68"))
AUDIO = AudioFormat(Codec.G711A, 8000, 1, b"")
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.builds(Done, st.integers(0, 9), inner)
    ),
    max_leaves=8,
)


@given(values=st.lists(VALUES, max_size=5), cuts=st.lists(st.integers(0, 400)))
def test_what_is_written_is_read_however_it_is_cut(values: list[Any], cuts: list[int]) -> None:
    data = b"".join(Wire(TYPES).write(value) for value in values)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    reader, found = Wire(TYPES), []
    for start, end in itertools.pairwise(places):
        found += reader.feed(data[start:end])
    assert found == values


@given(st.binary(max_size=300))
def test_garbage_is_a_wire_error_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(WireError):
        Wire(TYPES).feed(data)
    with contextlib.suppress(WireError):
        Wire(TYPES).feed(len(data).to_bytes(4, "big") + data)


def test_events_keep_their_classes() -> None:
    started = Told(MediaStarted("a", "r", VIDEO, AUDIO))
    silent = Told(MediaSilent("a", "r", 10.0, SilenceReason.GAP))
    wire = Wire(TYPES)
    found = wire.feed(wire.write(started) + wire.write(silent))
    assert found == [started, silent]
    assert type(found[0].event.video.codec) is Codec
    assert type(found[1].event.reason) is SilenceReason
    assert type(found[0].event.video.parameter_sets) is tuple


def test_every_kind_of_value_has_fields_that_can_be_told_apart() -> None:
    """Written by position: a kind without fields, or two of one name, would be a mistake."""
    assert len({kind.__name__ for kind in TYPES}) == len(TYPES)
    assert all(fields(kind) for kind in TYPES)


def test_what_may_not_travel() -> None:
    with pytest.raises(TypeError, match="does not travel"):
        Wire(TYPES).write(Call(1, "x", (object(),), {}))
    with pytest.raises(WireError, match="unknown kind"):
        Wire([Done]).feed(Wire(TYPES).write(Chunk(1, b"x", "")))
    with pytest.raises(WireError, match="a frame of"):
        Wire(TYPES).feed((MAX_FRAME + 1).to_bytes(4, "big"))


def test_errors_come_back_as_what_they_were() -> None:
    for error in (MediaConnectFailed("127.0.0.1", 9, "refused"), StreamUnknown("a")):
        again = error_of(raised(1, error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
