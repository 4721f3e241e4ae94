"""Downloads on a fake SIP and a fake media node: turns, limits, full disks, what is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gb28181.cluster.bus import Bus
from gb28181.errors import Busy, Conflict, LegFailed, NotFound
from gb28181.playback.archive import Archive
from gb28181.playback.downloads import DownloadService
from gb28181.playback.progress import DownloadLimits, DownloadState
from gb28181.store.downloads import DownloadRecord
from media.node import MediaStarted, NodeEvent, RecordingFailed, RecordingImpossible, RecordingInfo
from media.record.spool import MAGIC, encode
from media.unit import FormatChanged
from tests.unit.media.samples import pictures

from .test_playback_service import END, START, FakeControl
from .test_session_service import CHANNEL, DEVICE, Bench

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "9.9"),
]

VIDEO, PICTURES = pictures(count=25)


class FakeBook:
    def __init__(self) -> None:
        self.rows: dict[str, DownloadRecord] = {}

    async def all(self) -> list[DownloadRecord]:
        return [replace(row) for row in self.rows.values()]

    async def add(self, record: DownloadRecord) -> None:
        self.rows[record.download_id] = replace(record)

    async def save(self, record: DownloadRecord) -> None:
        self.rows[record.download_id] = replace(record)

    async def remove(self, download_id: str) -> None:
        del self.rows[download_id]


class Stage(Bench):
    """A bench with downloads on top; the node writes what `spool` holds."""

    def __init__(self, folder: Path, limits: DownloadLimits, book: FakeBook | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.book = book or FakeBook()
        self.seconds = 0.0
        self.recorded: dict[str, str] = {}
        self.impossible = False
        node: Any = self.node
        node.record, node.stop_recording, node.recording = self.record, self.stop, self.told
        heard: list[Callable[[NodeEvent], None]] = []
        node.listen = heard.append
        node._tell = lambda event: [callback(event) for callback in heard]
        numbers = count(1)
        self.downloads = DownloadService(
            self.service,
            Archive(self.directory, FakeControl()),
            self.directory,
            self.node,
            self.book,
            Bus(),
            folder,
            lambda: f"d{next(numbers)}",
            limits,
        )

    async def record(self, stream_id: str, path: str) -> None:
        if self.impossible:
            raise RecordingImpossible("no room")
        self.recorded[stream_id] = path

    async def stop(self, stream_id: str) -> RecordingInfo | None:
        path = self.recorded.pop(stream_id, None)
        if path is not None:
            parts = [FormatChanged(VIDEO, None), *PICTURES]
            Path(path).write_bytes(MAGIC + b"".join(encode(part) for part in parts))
        return None

    def told(self, stream_id: str) -> RecordingInfo | None:
        if stream_id not in self.recorded:
            return None
        return RecordingInfo(stream_id, "", 1000, 1, self.seconds, None)

    def order(self) -> asyncio.Task[Any]:
        return asyncio.create_task(self.downloads.order(CHANNEL, START, END))

    async def begin(self) -> Any:
        before = len(self.sip.invites)
        asked = self.order()
        await self.until(lambda: len(self.sip.invites) > before)
        self.sip.invites[-1].accept()
        info = list(self.node.open.values())[-1]
        self.node._tell(MediaStarted(info.stream_id, info.receiver_id, None, None))
        return await asked

    def state(self, download_id: str) -> DownloadState:
        return self.downloads.view(download_id).state

    async def finish(self) -> None:
        """The device sent all of the newest call."""
        session = self.service.of_call(self.sip.invites[-1].request.call_id)
        assert session is not None
        self.seconds = (END - START).total_seconds()
        self.service.finished(session)


@contextlib.asynccontextmanager
async def staged(folder: Path, book: FakeBook | None = None, **limits: Any) -> AsyncIterator[Stage]:
    made = Stage(folder, DownloadLimits(**{"reserve": 0, **limits}), book)
    await made.service.start()
    await made.downloads.start()
    yield made
    await made.service.aclose()
    await made.downloads.aclose()


async def test_a_download_from_order_to_file(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        view = await stage.begin()
        assert (view.state, view.session_id) == (DownloadState.RUNNING, "session-1")
        stage.seconds = 900.0
        assert stage.downloads.view(view.download_id).progress == 0.25
        with pytest.raises(Conflict):
            stage.downloads.file(view.download_id)
        await stage.finish()
        await stage.until(lambda: stage.state(view.download_id) is DownloadState.DONE)
        done = stage.downloads.view(view.download_id)
        file = stage.downloads.file(view.download_id)
        assert done.size == file.stat().st_size
        assert (done.progress, done.video, done.audio) == (1.0, "h264", None)
        assert stage.book.rows[view.download_id].sha256 == done.sha256
        await stage.until(lambda: not list(tmp_path.glob("*.spool")))
        await stage.downloads.remove(view.download_id)
        assert list(tmp_path.iterdir()) == []
        assert stage.book.rows == {}
        with pytest.raises(NotFound):
            stage.downloads.view(view.download_id)


async def test_a_device_sends_so_many_at_a_time_and_so_many_may_wait(tmp_path: Path) -> None:
    async with staged(tmp_path, per_device=1, queued=1) as stage:
        first = await stage.begin()
        second = await stage.downloads.order(CHANNEL, START, END)
        assert second.state is DownloadState.QUEUED
        with pytest.raises(Busy) as caught:
            await stage.downloads.order(CHANNEL, START, END)
        assert caught.value.http_status == 503
        await stage.downloads.remove(first.download_id)
        await stage.until(lambda: len(stage.sip.invites) == 2)
        assert stage.state(second.download_id) is DownloadState.RUNNING
        assert len(stage.sip.byes) == 1


async def test_a_refusal_is_told_and_stays_in_the_list(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        asked = stage.order()
        await stage.until(lambda: stage.sip.invites)
        stage.sip.invites[0].refuse(488)
        with pytest.raises(LegFailed) as caught:
            await asked
        assert (caught.value.leg, caught.value.sip_status) == ("invite_rejected", 488)
        await stage.until(lambda: stage.downloads.views()[0].state is DownloadState.FAILED)
        (failed,) = stage.downloads.views()
        assert failed.reason == "invite_rejected"


async def test_an_offline_device_breaks_it_and_a_device_that_is_back_goes_on(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        stage.service._times = replace(stage.service._times, offline_s=0.05)
        view = await stage.begin()
        stage.seconds = 600.0
        stage.directory.routes[CHANNEL].online = False
        stage.service.device_changed(DEVICE, "offline", "expired")
        await stage.until(lambda: stage.state(view.download_id) is DownloadState.BROKEN)
        broken = stage.downloads.view(view.download_id)
        assert (broken.reason, broken.progress) == ("device_offline", pytest.approx(1 / 6, 0.01))
        with pytest.raises(LegFailed):
            await stage.downloads.resume(view.download_id)
        stage.directory.routes[CHANNEL].online = True
        stage.downloads.device_changed(DEVICE, "online")
        await stage.until(lambda: len(stage.sip.invites) == 2)
        again = stage.sip.invites[1].request.body.decode()
        assert f"t={int(START.timestamp()) + 600} {int(END.timestamp())}" in again


async def test_a_disk_that_fills_ends_it_with_a_reason(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        view = await stage.begin()
        stage.node._tell(RecordingFailed(f"download-{view.download_id}", "No space left"))
        await stage.until(lambda: stage.state(view.download_id) is DownloadState.FAILED)
        failed = stage.downloads.view(view.download_id)
        assert (failed.reason, failed.message) == ("disk_full", "No space left")
        await stage.until(lambda: stage.sip.byes)
        stage.impossible = True
        with pytest.raises(Busy):
            await stage.downloads.order(CHANNEL, START, END)


async def test_no_room_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    async with staged(tmp_path, reserve=1 << 62) as stage:
        with pytest.raises(Busy) as caught:
            await stage.downloads.order(CHANNEL, START, END)
        assert (caught.value.code, caught.value.http_status) == ("disk_full", 503)
        assert stage.sip.invites == []
        assert stage.book.rows == {}


async def test_a_device_that_does_not_say_the_end(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        view = await stage.begin()
        stage.seconds = (END - START).total_seconds() - 1
        stage.node.silence()
        await stage.until(lambda: stage.state(view.download_id) is DownloadState.DONE)
        done = stage.downloads.view(view.download_id)
        assert done.reason is None
        assert done.message == "the device sent 1 s of the 3600 s asked for"


async def test_what_earlier_runs_left(tmp_path: Path) -> None:
    book = FakeBook()
    now = datetime.now(UTC)
    old, new = now - timedelta(days=40), now - timedelta(days=1)
    for name, state, ended in (
        ("old", "done", old),
        ("new", "done", new),
        ("cut", "running", None),
    ):
        book.rows[name] = DownloadRecord(
            name, CHANNEL, DEVICE, START, END, state=state, ended_at=ended, position=1795219300.0
        )
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
    (tmp_path / "unknown.spool").write_bytes(b"x")
    async with staged(tmp_path, book) as stage:
        await stage.until(lambda: len(stage.sip.invites) == 1)
        assert "t=1795219300 " in stage.sip.invites[0].request.body.decode()
        await stage.until(lambda: "old" not in book.rows)
        await stage.until(lambda: not (tmp_path / "unknown.spool").exists())
        await stage.until(lambda: not (tmp_path / "old.mp4").exists())
        assert (tmp_path / "new.mp4").exists()
        assert stage.state("new") is DownloadState.DONE
    assert book.rows["cut"].state == "broken"
    assert book.rows["cut"].reason in ("shutdown", "previous_run")
