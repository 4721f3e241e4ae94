"""Recordings of a media node: everything that came, continued files, full disks."""

from __future__ import annotations

import resource
from pathlib import Path

import av
import pytest

from media.node import MediaStarted, RecordingBusy, RecordingFailed, RecordingImpossible
from media.record import mp4
from media.record.spool import Break
from media.unit import AccessUnit
from tests.unit.media.samples import g711, pictures

from .media_bench import STREAM, Bench, merged
from .media_cameras import packets_of

VIDEO, PICTURES = pictures(count=60)


def units_of(path: Path) -> list[AccessUnit]:
    return [entry for entry in mp4.entries(path) if isinstance(entry, AccessUnit)]


async def test_all_units_of_a_stream_that_comes_later(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.spool"
    await bench.node.record(STREAM, str(path))
    with pytest.raises(RecordingBusy):
        await bench.node.record(STREAM, str(path))
    _, sounds = g711()
    sent = merged(PICTURES, sounds[:50])
    camera = await bench.camera(await bench.receive())
    await camera.send(packets_of(sent))
    await bench.until(lambda s: s.frames == len(PICTURES))
    found = bench.node.recording(STREAM)
    assert found is not None
    assert found.failure is None
    info = await bench.node.stop_recording(STREAM)
    assert info is not None
    assert info.size == path.stat().st_size
    assert bench.node.recording(STREAM) is None
    assert await bench.node.stop_recording(STREAM) is None
    recorded = units_of(path)
    assert [u.data for u in recorded if u.video] == [u.data for u in PICTURES]
    assert sum(not u.video for u in recorded) >= 48
    assert 2.2 < info.seconds < 2.5
    told = mp4.write(path, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(list(container.decode(video=0))) == len(PICTURES)
    assert told["audio"] == "aac"


async def test_a_running_stream_is_recorded_from_its_last_key_frame(
    bench: Bench, tmp_path: Path
) -> None:
    camera = await bench.camera(await bench.receive())
    await camera.send(packets_of(PICTURES[:35]))
    await bench.until(lambda s: s.frames == 35)
    await bench.node.record(STREAM, str(tmp_path / "a"))
    await bench.node.stop_recording(STREAM)
    recorded = units_of(tmp_path / "a")
    assert recorded[0].key
    assert [u.data for u in recorded] == [u.data for u in PICTURES[30:35]]


async def test_another_sender_is_marked_and_a_file_is_continued(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    for number in range(2):
        await bench.node.record(STREAM, str(path))
        for _ in range(2):
            before = (await bench.statistics()).frames if bench.node.streams() else 0
            info = await bench.receive()
            camera = await bench.camera(info)
            await camera.send(packets_of(PICTURES[:20], ssrc=7))
            await bench.until(lambda s, before=before: s.frames == before + 20)
            await bench.node.close_receiver(info.receiver_id, rest_s=0)
        told = await bench.node.stop_recording(STREAM)
        await bench.node.close_stream(STREAM, "over")
        assert told is not None
        assert told.units == 40 * (number + 1)
        assert told.seconds == pytest.approx(2 * (number + 1) * 19 * 0.04, abs=0.01)
        with path.open("ab") as file:
            file.write(b"\x02\x00\x00\xff")  # cut in the middle of an entry
    kinds = [isinstance(entry, Break) for entry in mp4.entries(path)]
    assert kinds.count(True) == 3
    assert len(units_of(path)) == 80


async def test_a_file_that_cannot_be_opened(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(RecordingImpossible):
        await bench.node.record(STREAM, str(tmp_path))
    await bench.node.record(STREAM, str(tmp_path / "a"))
    await bench.node.stop_recording(STREAM)


async def test_a_full_disk_ends_the_recording_and_not_the_stream(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    await bench.node.record(STREAM, str(path))
    info = await bench.receive()
    camera = await bench.camera(info)
    before = resource.prlimit(bench.pid, resource.RLIMIT_FSIZE)
    try:
        resource.prlimit(bench.pid, resource.RLIMIT_FSIZE, (2_000, before[1]))
        await camera.send(packets_of(PICTURES[:30]))
        failed = await bench.events.wait(RecordingFailed)
    finally:
        resource.prlimit(bench.pid, resource.RLIMIT_FSIZE, before)
    assert "too large" in failed.reason
    await camera.send(packets_of(PICTURES[30:], sequence=len(packets_of(PICTURES[:30]))))
    await bench.until(lambda s: s.frames >= 50)
    assert len(bench.events.of(MediaStarted)) == 1
    stopped = await bench.node.stop_recording(STREAM)
    assert stopped is not None
    assert stopped.failure is not None
