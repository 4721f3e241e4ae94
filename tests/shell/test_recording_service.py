"""Recording as a viewer of the sessions, on a fake SIP and a fake media node, with a real index."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gb28181.alarms.linkage import Action
from gb28181.cluster.bus import Bus
from gb28181.errors import BadInput, NotFound
from gb28181.filming import Filming
from gb28181.recording import entries
from gb28181.recording.machine import State
from gb28181.recording.options import RecordingOptions
from gb28181.store.errors import StoreUnavailable
from gb28181.store.recordings import SegmentRecord
from gb28181.store.records import AlarmRecord, AlarmRuleRecord, utc_now
from gb28181.store.store import Store
from media.node import NodeEvent, RecordingBusy
from media.record.segment import (
    SegmentClosed,
    SegmentOpened,
    SegmentsFailed,
    SegmentsInfo,
    SegmentsMoved,
    SegmentSpec,
)

from .test_session_service import CHANNEL, DEVICE, Bench

ALWAYS = [[[0, 1440]]] * 7
NOW = utc_now()


class Studio(Bench):
    """A bench whose node records, and what records on it."""

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__()
        self.database = store
        self.specs: dict[str, SegmentSpec] = {}
        self.files = 0
        node: Any = self.node
        node.record_segments, node.stop_segments = self.record, self.stop
        node.segments = self.told
        heard: list[Callable[[NodeEvent], None]] = []
        node.listen = heard.append
        node._tell = lambda event: [callback(event) for callback in heard]
        numbers = count(1)
        self.filming = Filming(
            self.service,
            self.directory,
            self.node,
            store,
            Bus(),
            RecordingOptions(folder, reserve=0),
            lambda: f"id{next(numbers)}",
        )
        self.now = time.time()

    async def record(self, stream_id: str, spec: SegmentSpec) -> None:
        if stream_id in self.specs:
            raise RecordingBusy(stream_id)
        self.specs[stream_id] = spec

    async def stop(self, stream_id: str) -> SegmentsInfo | None:
        if self.specs.pop(stream_id, None) is not None and self.path:
            self.close("stopped")
        return None

    def told(self, stream_id: str) -> SegmentsInfo | None:
        if stream_id not in self.specs:
            return None
        return SegmentsInfo(stream_id, 1, 100, 1.0, self.path, self.now, self.now + 1, 100, None)

    path: str | None = None

    def open(self) -> None:
        self.files += 1
        self.path = f"d/{CHANNEL}/{self.files}.mp4"
        self.node._tell(SegmentOpened(CHANNEL, self.path, self.now, "h264 64x64", ""))

    def close(self, reason: str) -> None:
        path, self.path = self.path, None
        assert path is not None
        self.node._tell(SegmentClosed(CHANNEL, path, self.now, self.now + 5, 100, 5.0, 125, reason))

    @property
    def state(self) -> State:
        return self.filming.recordings.view(CHANNEL).state

    async def answer(self) -> None:
        """The device answers the next INVITE, and the picture is there."""
        await self.until(lambda: self.node.open)
        await self.until(lambda: self.sip.invites and not self.sip.byes)
        self.sip.invites[-1].accept()
        self.node.begin()

    async def recording(self) -> None:
        await self.answer()
        await self.until(lambda: CHANNEL in self.specs)
        self.open()
        assert self.state is State.RECORDING

    async def segments(self) -> list[SegmentRecord]:
        hour = timedelta(hours=1)
        at = datetime.fromtimestamp(self.now, UTC)
        await self.filming.recordings._entries.join()
        return await self.filming.archive.segments(CHANNEL, at - hour, at + hour)

    async def gaps(self) -> list[tuple[str, bool]]:
        hour = timedelta(hours=1)
        await self.filming.recordings._entries.join()
        at = datetime.fromtimestamp(self.now, UTC)
        found = await self.filming.archive.gaps(CHANNEL, at - hour, at + hour)
        return [(gap.cause, gap.end_at is None) for gap in found]


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    store = await Store.open(None, tmp_path / "data")
    made = Studio(store, tmp_path / "rec")
    await made.service.start()
    await made.filming.start()
    yield made
    await made.filming.aclose()
    await made.service.aclose()
    await store.aclose()


async def test_the_recorder_is_a_viewer_and_lets_go(studio: Studio) -> None:
    await studio.filming.recordings.record(CHANNEL)
    await studio.recording()
    spec = studio.specs[CHANNEL]
    assert (spec.name, spec.seconds) == (CHANNEL, 600.0)
    (growing,) = await studio.segments()
    assert (growing.state, growing.size, growing.video) == ("growing", 100, "h264 64x64")
    await asyncio.sleep(0.3)  # longer than a stream lingers without a viewer
    assert not studio.sip.byes
    studio.node.viewers(1)
    studio.node.viewers(0)
    await asyncio.sleep(0.3)  # the same: nothing may come, so there is no event to wait for
    assert not studio.sip.byes
    await studio.filming.recordings.stop(CHANNEL)
    await studio.until(lambda: CHANNEL not in studio.specs)
    await studio.until(lambda: studio.sip.byes)
    (done,) = await studio.segments()
    assert (done.state, done.duration_s, done.reason) == ("done", 5.0, "stopped")
    assert studio.state is State.IDLE


async def test_a_device_that_goes_and_comes_back_is_recorded_again(studio: Studio) -> None:
    route = studio.directory.routes[CHANNEL]
    route.online = False
    await studio.filming.recordings.record(CHANNEL)
    await studio.until(lambda: studio.state is State.BROKEN)
    assert studio.filming.recordings.view(CHANNEL).cause == "device_offline"
    route.online = True
    studio.filming.recordings.device_changed(DEVICE, "online")
    await studio.recording()
    assert len(studio.sip.invites) == 1


async def test_a_writer_that_died_leaves_a_file_that_is_closed(studio: Studio) -> None:
    await studio.filming.recordings.record(CHANNEL)
    await studio.recording()
    studio.specs.clear()
    studio.path = None
    studio.node._tell(SegmentsFailed(CHANNEL, "the worker is gone", False))
    assert studio.state is State.BROKEN
    (lost,) = await studio.segments()
    assert lost.state == "lost"  # of a fake node there is no file
    studio.filming.recordings.device_changed(DEVICE, "online")
    await studio.until(lambda: CHANNEL in studio.specs)
    studio.open()
    assert studio.state is State.RECORDING


async def test_a_disk_that_refuses_a_write_pauses_it(studio: Studio) -> None:
    await studio.filming.recordings.record(CHANNEL)
    await studio.recording()
    house = studio.filming.house
    house._options = replace(house._options, overwrite=False)
    studio.close("No space left on device")
    studio.node._tell(SegmentsFailed(CHANNEL, "No space left on device", True))
    await studio.until(lambda: studio.state is State.PAUSED)
    await studio.until(lambda: CHANNEL not in studio.specs)
    assert await studio.gaps() == [("disk_full", True)]
    house._full_until = 0.0
    await house.look()
    assert studio.state is State.STARTING


async def test_an_alarm_records_for_a_while(studio: Studio) -> None:
    offered: dict[str, Action] = {}

    class Rules:
        def offer(self, name: str, action: Action) -> None:
            offered[name] = action

    studio.filming.offer(Rules())  # type: ignore[arg-type]
    action = offered["record_platform"]
    for bad in ({}, {"seconds": 0}, {"seconds": True}, {"seconds": 1, "channel_id": 5}):
        with pytest.raises(ValueError, match="must be"):
            action.check(bad)
    alarm = AlarmRecord("a", DEVICE, CHANNEL, *[utc_now()] * 3, channel_id=CHANNEL)
    rule = AlarmRuleRecord("r", "", True, {}, [])
    action.check({"seconds": 60})
    await action.do(alarm, {"seconds": 60}, rule)
    await studio.recording()
    view = studio.filming.recordings.view(CHANNEL)
    assert view.wanted_by == ["alarm"]
    with pytest.raises(NotFound):
        await action.do(alarm, {"seconds": 60, "channel_id": "nobody"}, rule)


async def test_what_is_wanted_outlives_a_restart(studio: Studio, tmp_path: Path) -> None:
    plan = await studio.filming.plans.create("always", ALWAYS)
    assert await studio.filming.plans.assign(plan.plan_id, [CHANNEL]) == [CHANNEL]
    await studio.recording()
    await studio.filming.aclose()
    assert [one.state for one in await studio.segments()] == ["done"]
    assert await studio.gaps() == [("platform", True)]
    await studio.service.aclose()
    again = Studio(studio.database, tmp_path / "rec")
    await again.service.start()
    await again.filming.start()
    assert again.filming.plans.channels(plan.plan_id) == [CHANNEL]
    await again.recording()
    assert ("platform", True) not in await again.gaps()
    await again.filming.plans.replace(plan.plan_id, "never", [[]] * 7, enabled=True)
    await again.until(lambda: CHANNEL not in again.specs)
    await again.filming.plans.delete(plan.plan_id)
    assert again.filming.recordings.views() == []
    await again.filming.aclose()
    await again.service.aclose()


async def test_what_cannot_be_wanted(studio: Studio) -> None:
    with pytest.raises(NotFound):
        await studio.filming.recordings.record("nobody")
    for seconds in (0, -1, 86_401, float("nan")):
        with pytest.raises(BadInput):
            await studio.filming.recordings.record(CHANNEL, seconds)
    with pytest.raises(BadInput):
        await studio.filming.plans.create("x", [[[5, 4]]] * 7)
    with pytest.raises(NotFound):
        await studio.filming.plans.delete("x")
    assert studio.filming.recordings.by_state() == {}


async def test_an_entry_that_fails_does_not_end_the_index(studio: Studio) -> None:
    """A defect in one file's repair; what is recorded next still stands in the index."""

    async def broken(_: SegmentRecord) -> None:
        raise ValueError("a defect")

    recordings = studio.filming.recordings
    await recordings.record(CHANNEL)
    await studio.recording()
    recordings._entries.add(lambda: broken(SegmentRecord("x", CHANNEL, "x", NOW, NOW)))
    await recordings._entries.join()
    await recordings.stop(CHANNEL)
    await studio.until(lambda: CHANNEL not in studio.specs)
    await recordings._entries.join()
    assert [one.state for one in await studio.segments()] == ["done"]


async def test_the_index_waits_for_a_database_that_is_away(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files that were recorded meanwhile stand in it, as if nothing had been."""
    monkeypatch.setattr(entries, "AGAIN_S", 0.01)
    book, away, tried = studio.database.recordings, True, 0
    through = book._writer.through

    async def refusing(work: Any) -> Any:
        nonlocal tried
        tried += 1
        if away:
            raise StoreUnavailable("away")
        return await through(work)

    recordings = studio.filming.recordings
    await recordings.record(CHANNEL)
    await studio.answer()
    await studio.until(lambda: CHANNEL in studio.specs)
    monkeypatch.setattr(book._writer, "through", refusing)
    studio.open()
    studio.close("length")
    studio.open()
    await studio.until(lambda: tried > 3)
    assert len(recordings._entries) == 2
    away = False
    found = await studio.segments()
    assert [(one.path, one.state, one.reason) for one in found] == [
        (f"d/{CHANNEL}/1.mp4", "done", "length"),
        (f"d/{CHANNEL}/2.mp4", "growing", ""),
    ]


async def test_what_the_database_never_takes_and_what_is_too_much(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    await studio.filming.recordings.record(CHANNEL)
    await studio.recording()
    (record,) = await studio.segments()
    recordings, book = studio.filming.recordings, studio.database.recordings
    recordings._entries.add(lambda: book.add_segment(record))  # it is there already
    await recordings._entries.join()
    assert [one.segment_id for one in await studio.segments()] == [record.segment_id]

    gate = asyncio.Event()
    monkeypatch.setattr(entries, "MOST_ENTRIES", 3)
    small = entries.Entries()
    done: list[int] = []

    async def enter(number: int) -> None:
        await gate.wait()
        done.append(number)

    for number in range(5):
        small.add(partial(enter, number))
    small.start()
    gate.set()
    await small.join()
    assert done == [0, 1, 2]
    await small.aclose()


async def test_a_recording_goes_on_elsewhere_when_its_node_is_taken_out(studio: Studio) -> None:
    await studio.filming.recordings.record(CHANNEL)
    await studio.recording()
    studio.specs.clear()
    studio.close("stopped")
    studio.node._tell(SegmentsMoved(CHANNEL))
    await studio.until(lambda: CHANNEL in studio.specs)
    studio.open()
    assert studio.state is State.RECORDING
    assert [one.state for one in await studio.segments()] == ["done", "growing"]
