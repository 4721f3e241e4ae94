"""Memory bounds of the GOP cache and of viewer queues, and what a dropped stream looks like."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from media.output.gop import GopCache
from media.output.viewers import ViewerQueue, ViewerState
from media.unit import AccessUnit, Codec

units = st.lists(
    st.tuples(
        st.sampled_from(["key", "picture", "sound"]), st.integers(0, 60), st.integers(1, 40_000)
    ),
    max_size=60,
)


@given(units, st.integers(1, 200), st.integers(1, 5))
def test_gop_is_decodable_and_within_its_bounds(
    feed: list[tuple[str, int, int]], max_bytes: int, max_s: int
) -> None:
    gop = GopCache(max_bytes, max_s)
    dts = 0
    history: list[AccessUnit] = []
    for kind, size, step in feed:
        dts += step
        codec = Codec.AAC if kind == "sound" else Codec.H264
        unit = AccessUnit(kind != "sound", codec, dts, dts, kind != "picture", b"x" * size)
        gop.push(unit)
        history.append(unit)
        held = list(gop)
        assert gop.size == sum(len(u.data) for u in held) <= max_bytes
        if held:
            assert held[0].video
            assert held[0].key
            assert not any(u.video and u.key for u in held[1:])
            assert held[-1].dts - held[0].dts <= max_s * 90_000
            assert held == history[-len(held) :], "a gap in the middle"


actions = st.lists(
    st.one_of(
        st.just("read"),
        st.tuples(st.sampled_from(["key", "picture"]), st.integers(0, 50)),
    ),
    max_size=80,
)
FRAME = struct.Struct(">BBB")
"""Group, place in the group, bytes of padding behind."""


def frames_in(data: bytes) -> list[tuple[int, int]]:
    found, position = [], 0
    while position < len(data):
        group, place, padding = FRAME.unpack_from(data, position)
        found.append((group, place))
        position += FRAME.size + padding
    return found


@given(actions, st.integers(1, 120))
def test_viewer_queue_is_bounded_and_never_cuts_a_group(
    feed: list[str | tuple[str, int]], max_bytes: int
) -> None:
    """The viewer reads whole groups or beginnings of groups, and every frame is accounted for."""
    queue = ViewerQueue(max_bytes)
    queue.start(b"", [FRAME.pack(0, 0, 0)], 1)
    read = bytearray(queue.read())
    offered, group, place, largest = 1, 0, 0, 0
    for action in feed:
        if isinstance(action, str):
            read += queue.read()
            continue
        kind, padding = action
        group, place = (group + 1, 0) if kind == "key" else (group, place + 1)
        offered += 1
        if queue.state is ViewerState.SKIPPING:
            if kind != "key":
                queue.dropped += 1
                continue
            queue.discard()
        chunk = FRAME.pack(group, place, padding) + bytes(padding)
        largest = max(largest, len(chunk))
        if not queue.offer(chunk):
            queue.dropped += 1
        assert queue.size <= max(max_bytes, largest)
    while piece := queue.read():
        read += piece
    seen = frames_in(bytes(read))
    assert len(seen) + queue.dropped == offered
    assert seen == sorted(set(seen)), "out of order or twice"
    for of_group in range(group + 1):
        places = [p for g, p in seen if g == of_group]
        assert places == list(range(len(places))), "a group was cut in the middle"
