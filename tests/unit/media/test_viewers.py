"""A viewer's queue and its waiting."""

from __future__ import annotations

import asyncio

import pytest

from media.output.viewers import MAX_READ_BYTES, StreamViewer, ViewerQueue, ViewerState


def started(max_bytes: int = 10) -> ViewerQueue:
    queue = ViewerQueue(max_bytes)
    queue.start(b"head", [], 1)
    assert queue.read() == b"head"
    return queue


def test_a_lone_chunk_is_handed_out_as_the_same_object() -> None:
    queue = started()
    chunk = bytes(5)
    queue.offer(chunk)
    assert queue.read() is chunk
    assert queue.read() == b""


def test_sound_and_picture_of_one_moment_are_one_read() -> None:
    queue = started()
    queue.offer(b"pic")
    queue.offer(b"snd")
    assert queue.read() == b"picsnd"
    assert queue.bytes_out == 10


def test_a_read_has_a_size_limit() -> None:
    queue = started(10 * MAX_READ_BYTES)
    half = MAX_READ_BYTES // 2 + 1
    for _ in range(3):
        queue.offer(bytes(half))
    assert len(queue.read()) == 2 * half
    assert len(queue.read()) == half


def test_overflow_skips_and_keeps_what_is_queued_until_the_key_frame() -> None:
    queue = started(10)
    assert queue.offer(b"1234567")
    assert not queue.offer(b"1234567")
    assert queue.state is ViewerState.SKIPPING
    assert queue.overflows == 1
    assert queue.read() == b"1234567", "what came before stays readable"


def test_discard_continues_live_and_counts() -> None:
    queue = started(10)
    queue.offer(b"a")
    queue.offer(b"b")
    queue.discard()
    assert queue.state is ViewerState.LIVE
    assert queue.dropped == 2
    assert (queue.size, len(queue)) == (0, 0)
    assert queue.format_version == 1, "the headers were read before"


def test_discard_before_the_header_was_read_starts_anew() -> None:
    queue = ViewerQueue(10)
    queue.start(b"head", [b"key"], 3)
    queue.discard()
    assert queue.state is ViewerState.WAITING
    assert queue.format_version == 0
    assert queue.dropped == 1, "the header is no frame"


def test_discarded_sequence_headers_must_come_again() -> None:
    queue = started()
    queue.offer_format(b"new", 2)
    assert queue.format_version == 2
    queue.discard()
    assert queue.state is ViewerState.LIVE
    assert queue.format_version == 0
    assert queue.dropped == 0


def test_the_first_burst_does_not_count_against_the_bound() -> None:
    queue = ViewerQueue(10)
    queue.start(b"h" * 8, [b"k" * 20], 1)
    assert queue.offer(b"0123456789")
    assert not queue.offer(b"x")


def test_a_key_frame_beyond_the_bound_is_taken_when_nothing_is_queued() -> None:
    queue = started(10)
    assert queue.offer(bytes(50))
    assert not queue.offer(b"x")


async def test_the_reader_waits_and_is_woken() -> None:
    viewer = StreamViewer(100, audio="off", on_close=lambda _: None)
    reader = asyncio.ensure_future(anext(viewer))
    await asyncio.sleep(0)
    assert not reader.done()
    viewer.queue.start(b"head", [], 1)
    viewer.wake()
    assert await reader == b"head"


async def test_an_ended_viewer_reads_what_is_queued_and_stops() -> None:
    viewer = StreamViewer(100, audio="off", on_close=lambda _: None)
    viewer.queue.start(b"head", [], 1)
    viewer.end("stream_closed")
    viewer.end("later")
    assert [chunk async for chunk in viewer] == [b"head"]
    assert viewer.end_reason == "stream_closed"


async def test_aclose_wakes_the_reader_and_tells_the_hub_once() -> None:
    closed: list[StreamViewer] = []
    viewer = StreamViewer(100, audio="off", on_close=closed.append)
    reader = asyncio.ensure_future(anext(viewer, None))
    await asyncio.sleep(0)
    await viewer.aclose()
    await viewer.aclose()
    assert await reader is None
    assert viewer.end_reason == "closed"
    assert closed == [viewer]


async def test_a_cancelled_reader_can_read_again() -> None:
    viewer = StreamViewer(100, audio="off", on_close=lambda _: None)
    reader = asyncio.ensure_future(anext(viewer))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    viewer.queue.start(b"head", [], 1)
    viewer.wake()
    assert await anext(viewer) == b"head"


async def test_two_readers_are_a_defect() -> None:
    viewer = StreamViewer(100, audio="off", on_close=lambda _: None)
    reader = asyncio.ensure_future(anext(viewer, None))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await anext(viewer)
    await viewer.aclose()
    await reader


def test_stalled_is_no_read_while_something_is_queued() -> None:
    viewer = StreamViewer(100, audio="off", on_close=lambda _: None)
    assert not viewer.is_stalled(0, 30)
    assert not viewer.is_stalled(100, 30), "nothing queued is no stall"
    viewer.queue.start(b"head", [], 1)
    assert not viewer.is_stalled(129, 30)
    assert not viewer.is_stalled(158, 30)
    assert viewer.is_stalled(159, 30)
    viewer.queue.read()
    viewer.queue.offer(b"x")
    assert not viewer.is_stalled(160, 30)
