"""Recording in segments: every picture in one file or the next, and files that survive anything."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
from pathlib import Path

import av
import pytest

from media.node import MediaStarted, RecordingBusy, RecordingImpossible, SoundUnavailable
from media.record.segment import SegmentClosed, SegmentOpened, SegmentsFailed, SegmentSpec
from tests.unit.media.samples import Judged, g711, judge, pictures

from .media_bench import STREAM, Bench, MakeBench, later, merged
from .media_cameras import packets_of

VIDEO, PICTURES = pictures(count=100, gop=25)
NAME = re.compile(r"\d{4}-\d\d-\d\d/cam/\d{6}-\d{3}(-\d+)?\.mp4")


def spec(folder: Path, seconds: float = 600.0) -> SegmentSpec:
    return SegmentSpec(str(folder), "cam", seconds)


def read(folder: Path, closed: SegmentClosed) -> Judged:
    assert NAME.fullmatch(closed.path)
    file = folder / closed.path
    assert file.stat().st_size == closed.size
    found = judge(file.read_bytes(), "mp4")
    times = [dts for _, dts, _ in found.packets["video"]]
    assert times == sorted(set(times))
    assert found.decoded == closed.pictures
    return found


async def test_every_picture_is_in_one_file_or_the_next(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    await bench.node.record_segments(STREAM, spec(folder, 1.5))
    with pytest.raises(RecordingBusy):
        await bench.node.record_segments(STREAM, spec(folder))
    await bench.node.record(STREAM, str(tmp_path / "spool"))  # both at once are no conflict
    camera = await bench.camera(await bench.receive())
    await camera.send(packets_of(PICTURES))
    await bench.events.wait(SegmentOpened, 2)
    await bench.until(lambda s: s.frames >= 99)
    info = await bench.node.stop_segments(STREAM)
    assert info is not None
    assert await bench.node.stop_segments(STREAM) is None
    assert bench.node.segments(STREAM) is None
    first, second = [await bench.events.wait(SegmentClosed, n) for n in (1, 2)]
    opened = bench.events.of(SegmentOpened)
    assert [one.path for one in opened] == [first.path, second.path]
    assert {(one.video, one.audio) for one in opened} == {("h264 320x240", "")}
    assert (first.reason, second.reason) == ("length", "stopped")
    assert first.end == second.start
    assert [read(folder, one).decoded for one in (first, second)] == [50, second.pictures]
    assert second.pictures >= 49
    assert (info.segments, info.bytes) == (2, first.size + second.size)
    assert info.seconds == pytest.approx(first.seconds + second.seconds)
    assert info.failure is None


async def test_a_running_stream_from_its_last_key_frame_with_its_sound_as_aac(
    bench: Bench, tmp_path: Path
) -> None:
    _, sounds = g711(8.0)
    camera = await bench.camera(await bench.receive())
    sent = merged(tuple(PICTURES), sounds[:100])
    packets = packets_of(sent)
    await camera.send(packets)
    await bench.until(lambda s: s.frames >= 95)
    await bench.node.record_segments(STREAM, spec(tmp_path))
    hears = bench.watch(audio="aac")  # the same sound, made once for both
    following = merged(tuple(later(PICTURES, 100 * 3600)), sounds[100:200])
    await camera.send(packets_of(following, sequence=len(packets)))
    await bench.until(lambda s: s.frames >= 195)
    opened = await bench.events.wait(SegmentOpened)
    await hears.until(40, hears.sounds)
    await bench.node.stop_segments(STREAM)
    closed = await bench.events.wait(SegmentClosed)
    found = read(tmp_path, closed)
    assert found.codecs == {"video": "h264", "audio": "aac"}
    assert opened.audio == "aac"
    assert closed.pictures >= 120
    assert len(found.packets["audio"]) >= 20
    assert bench.events.of(SoundUnavailable) == []


async def test_another_sender_is_another_file_and_the_stream_may_end(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.node.record_segments(STREAM, spec(tmp_path))
    for number in range(2):
        info = await bench.receive()
        camera = await bench.camera(info)
        await camera.send(packets_of(PICTURES[:30], ssrc=7 + number))
        await bench.until(lambda s, wanted=30 * (number + 1): s.frames >= wanted - 1)
        await bench.node.close_receiver(info.receiver_id, rest_s=0)
    await bench.node.close_stream(STREAM, "over")
    assert bench.node.segments(STREAM) is not None
    await bench.node.stop_segments(STREAM)
    closed = [await bench.events.wait(SegmentClosed, n) for n in (1, 2)]
    assert [one.reason for one in closed] == ["interrupted", "stopped"]
    assert all(read(tmp_path, one).decoded >= 29 for one in closed)


async def test_a_full_disk_ends_the_recording_and_not_the_stream(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.node.record_segments(STREAM, spec(tmp_path))
    camera = await bench.camera(await bench.receive())
    before = resource.prlimit(bench.pid, resource.RLIMIT_FSIZE)
    packets = packets_of(PICTURES[:60])
    await camera.send(packets)
    await bench.events.wait(SegmentOpened)
    try:
        # Two fragments are written; the third does not fit.
        resource.prlimit(bench.pid, resource.RLIMIT_FSIZE, (limit_for(), before[1]))
        await camera.send(packets_of(PICTURES[60:], sequence=len(packets)))
        failed = await bench.events.wait(SegmentsFailed)
    finally:
        resource.prlimit(bench.pid, resource.RLIMIT_FSIZE, before)
    assert failed.full
    closed = await bench.events.wait(SegmentClosed)
    assert read(tmp_path, closed).decoded == closed.pictures == 50
    await bench.until(lambda s: s.frames >= 95)
    assert len(bench.events.of(MediaStarted)) == 1
    info = await bench.node.stop_segments(STREAM)
    assert info is not None
    assert info.failure == failed.reason
    await bench.node.record_segments(STREAM, spec(tmp_path))  # when there is room again
    await bench.node.stop_segments(STREAM)


def limit_for() -> int:
    """Bytes that hold two fragments of a second of these pictures, and not three."""
    from media.record.cutter import Closed, Cutter

    cutter = Cutter(600)
    outs = cutter.set_format(VIDEO, None, 0.0)
    outs += [out for unit in PICTURES for out in cutter.push(unit, 0.0)]
    sizes = [len(out.data) for out in outs if not isinstance(out, Closed)]
    return sum(sizes[:3]) + sizes[3] // 2


async def test_folders_and_zones_that_are_none(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for bad in (
        SegmentSpec(str(tmp_path / "file"), "cam"),
        SegmentSpec(str(tmp_path), "cam", zone="Mars/Olympus"),
    ):
        with pytest.raises(RecordingImpossible):
            await bench.node.record_segments(STREAM, bad)
    await bench.node.record_segments(STREAM, spec(tmp_path))
    assert await bench.node.stop_segments(STREAM) is not None
    assert list(tmp_path.rglob("*.mp4")) == []


@pytest.mark.parametrize("make_bench", ["worker"], indirect=True)
async def test_a_worker_that_is_killed_leaves_a_file_that_plays(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = await make_bench()
    await bench.node.record_segments(STREAM, spec(tmp_path))
    camera = await bench.camera(await bench.receive())
    await camera.send(packets_of(PICTURES[:80]))
    await bench.events.wait(SegmentOpened)
    async with asyncio.timeout(20):
        while (info := bench.node.segments(STREAM)) is None or info.seconds < 3:
            await bench.node.refresh()
    os.kill(bench.pid, signal.SIGKILL)
    failed = await bench.events.wait(SegmentsFailed)
    assert (failed.stream_id, failed.full) == (STREAM, False)
    assert bench.node.segments(STREAM) is None
    (file,) = tmp_path.rglob("*.mp4")
    with av.open(str(file)) as container:
        assert len(list(container.decode(video=0))) == 75
    await bench.node.record_segments(STREAM, spec(tmp_path))  # by the next worker
