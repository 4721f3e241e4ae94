"""Pushes as viewers of the sessions, on a fake SIP and a fake media node, with a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gb28181.cluster.bus import Bus, Subscription
from gb28181.errors import BadInput, Busy, Conflict, NotFound
from gb28181.pushes import machine
from gb28181.pushes.service import UNREADABLE, PushOptions, PushService
from gb28181.session.model import StreamKey
from gb28181.store.cipher import KEY_FILE
from gb28181.store.engine import DATABASE_FILE
from gb28181.store.store import Store
from media.errors import MediaConnectFailed, MediaError
from media.node import NodeEvent
from media.pushing import PushEnded, PushInfo, PushRefused, PushSpec, PushStatistics
from tests.support.logs import captured

from .test_session_service import CHANNEL, DEVICE, Bench

KEY = StreamKey(CHANNEL)
URL = "rtsp://pusher:s3cret@192.0.2.50:8554/in/cam1?token=t0ken"
SHOWN = "rtsp://pusher:***@192.0.2.50:8554/in/cam1?***"


class Pushing:
    """A node's pushes; the test says how attempts go."""

    def __init__(self) -> None:
        self.specs: list[PushSpec] = []
        self.reached = 0
        self.failure: MediaError | None = None
        self.unreachable: MediaError | None = None
        self.running: dict[str, PushInfo] = {}
        self.closed: list[str] = []
        self.sent = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._numbers = count(1)

    async def open(self, spec: PushSpec) -> PushInfo:
        self.specs.append(spec)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        push_id = f"p{next(self._numbers)}"
        self.running[push_id] = PushInfo(push_id, spec.stream_id, ("192.0.2.50", 8554))
        return self.running[push_id]

    async def reach(self, spec: PushSpec) -> None:
        self.reached += 1
        if self.unreachable is not None:
            raise self.unreachable

    async def close(self, push_id: str) -> None:
        self.closed.append(push_id)
        self.running.pop(push_id, None)

    def infos(self) -> list[PushInfo]:
        return list(self.running.values())

    def statistics(self, push_id: str) -> PushStatistics:
        return PushStatistics(push_id, self.sent, 2)


class Station(Bench):
    """A bench whose node pushes, and the service of pushes on it."""

    def __init__(self, store: Store, limit: int = 2) -> None:
        super().__init__()
        self.database = store
        self.pushing = Pushing()
        node: Any = self.node
        node.pushing = self.pushing
        heard: list[Callable[[NodeEvent], None]] = []
        node.listen = heard.append
        node._tell = lambda event: [callback(event) for callback in heard]
        numbers = count(1)
        self.changes = Bus()
        self.seen: Subscription = self.changes.subscribe()
        self.pushes = PushService(
            self.service,
            self.directory,
            self.node,
            store.pushes,
            self.changes,
            PushOptions(limit, ("127.0.0.0/8",)),
            lambda: f"id{next(numbers)}",
        )

    async def answer(self) -> None:
        """The device answers the next INVITE, and the picture is there."""
        await self.until(lambda: self.node.open)
        await self.until(lambda: self.sip.invites)
        self.sip.invites[-1].accept()
        self.node.begin()

    async def state(self, wanted: str) -> Any:
        await self.until(lambda: self.pushes.views()[0].state == wanted)
        return self.pushes.views()[0]

    def ends(self, reason: str) -> None:
        (info,) = self.pushing.infos()
        self.node._tell(PushEnded(info.stream_id, info.push_id, reason))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "RETRY_S", 0.01)


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    store = await Store.open(None, tmp_path / "data")
    made = Station(store)
    await made.service.start()
    await made.pushes.start()
    yield made
    await made.pushes.aclose()
    await made.service.aclose()
    made.seen.close()
    await store.aclose()


async def test_from_its_entry_to_its_end(station: Station) -> None:
    with captured() as lines:
        view = await station.pushes.create(KEY, URL)
        assert (view.state, view.target, view.protocol) == ("connecting", SHOWN, "rtsp")
        await station.answer()
        view = await station.state("pushing")
        station.pushing.sent = 500
        view = station.pushes.view(view.push_id)
        assert (view.bytes_out, view.dropped_frames, view.last_error) == (500, 2, None)
        (spec,) = station.pushing.specs
        assert (spec.stream_id, spec.user, spec.password) == (CHANNEL, "pusher", "s3cret")
        assert spec.url == "rtsp://192.0.2.50:8554/in/cam1?token=t0ken"
        assert spec.allow == ("127.0.0.0/8",)
        await station.pushes.remove(view.push_id, CHANNEL)
        await station.until(lambda: station.pushing.closed == ["p1"])
    assert station.pushes.views() == []
    assert await station.database.pushes.all() == []
    assert station.pushes.bytes_out == 500, "what a metric counted does not fall"
    with pytest.raises(NotFound):
        await station.pushes.remove(view.push_id)
    names = [line["event"] for line in lines if line["event"].startswith("push.")]
    assert names == ["push.created", "push.started", "push.removed"]
    assert "s3cret" not in str(lines)
    assert "t0ken" not in str(lines)
    states = []
    async with asyncio.timeout(5):
        async for event in station.seen:
            assert event.type == "push.changed"
            assert "s3cret" not in str(event.data)
            states.append(event.data["state"])
            if event.data["state"] == "over":
                break
    assert states == ["connecting", "pushing", "over"]


async def test_it_is_tried_again_after_its_end(station: Station) -> None:
    await station.pushes.create(KEY, URL)
    await station.answer()
    await station.state("pushing")
    station.pushing.sent = 100
    station.ends("the target closed its connection")
    await station.until(lambda: len(station.pushing.specs) == 2)
    view = await station.state("pushing")
    assert station.pushing.closed == ["p1"]
    assert view.bytes_out == 200, "of both connections"
    assert view.last_error == "the target closed its connection"
    assert view.last_error_at is not None
    assert view.reason is None
    assert len(station.sip.invites) == 1, "the camera went on meanwhile"


async def test_a_target_that_is_away_is_looked_for_before_the_camera_is_called(
    station: Station,
) -> None:
    gone = MediaConnectFailed("192.0.2.50", 8554, "refused, s3cret and t0ken")
    station.pushing.failure = station.pushing.unreachable = gone
    with captured() as lines:
        await station.pushes.create(KEY, URL)
        await station.answer()
        view = await station.state("waiting")
        assert view.waits_for == "target"
        assert "refused" in view.reason
        assert "s3cret" not in view.reason + view.last_error
        assert station.pushing.reached == 0
        await station.until(lambda: station.sip.byes)  # nobody looks: the camera is let go
        tries = station.pushing.reached
        await station.until(lambda: station.pushing.reached > tries)
        assert len(station.sip.invites) == 1
        told = [line for line in lines if line["event"] == "push.waiting"]
        assert len(told) == 1, "the same reason is told once"
    station.pushing.failure = station.pushing.unreachable = None
    await station.until(lambda: len(station.sip.invites) == 2)
    await station.answer()
    await station.state("pushing")


async def test_a_camera_that_is_back_is_pushed_at_once(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "RETRY_S", 60.0)
    station.directory.routes[CHANNEL].online = False
    view = await station.pushes.create(KEY, URL)
    view = await station.state("waiting")
    assert view.waits_for == "source"
    station.directory.routes[CHANNEL].online = True
    station.pushes.device_changed(DEVICE, "offline")
    station.pushes.device_changed("64010600001180000099", "online")
    assert station.pushes.view(view.push_id).state == "waiting"
    station.pushes.device_changed(DEVICE, "online")
    await station.answer()
    await station.state("pushing")


async def test_one_that_is_taken_away_while_it_connects_is_closed_when_it_opens(
    station: Station,
) -> None:
    station.pushing.gate.clear()
    view = await station.pushes.create(KEY, URL)
    await station.answer()
    await station.until(lambda: station.pushing.specs)
    await station.pushes.remove(view.push_id)
    station.pushing.gate.set()
    await station.until(lambda: station.pushing.closed == ["p1"])


async def test_what_is_refused(station: Station) -> None:
    with pytest.raises(BadInput):
        await station.pushes.create(KEY, "http://192.0.2.50/")
    with pytest.raises(NotFound):
        await station.pushes.create(StreamKey("64010600001320000099"), URL)
    with pytest.raises(NotFound):
        station.pushes.views("64010600001320000099")
    one = await station.pushes.create(KEY, URL)
    with pytest.raises(Conflict):
        await station.pushes.create(StreamKey(CHANNEL, "sub"), URL)
    await station.pushes.create(KEY, "rtmp://192.0.2.50/live/streamkey")
    with pytest.raises(Busy):
        await station.pushes.create(KEY, "rtmp://192.0.2.50/live/other")
    with pytest.raises(NotFound):
        await station.pushes.remove(one.push_id, "64010600001320000099")
    assert [view.target for view in station.pushes.views(CHANNEL)] == [
        SHOWN,
        "rtmp://192.0.2.50/live/***",
    ]
    await station.pushes.remove_all(CHANNEL)
    assert station.pushes.views(CHANNEL) == []


async def test_a_refusal_is_told_without_the_secrets_it_repeats(station: Station) -> None:
    station.pushing.failure = PushRefused("406 t0ken s3cret is taken")
    await station.pushes.create(KEY, URL)
    await station.answer()
    view = await station.state("waiting")
    assert (view.waits_for, view.reason) == ("target", "406 *** *** is taken")


async def test_a_defect_does_not_leave_it_where_it_stands(station: Station) -> None:
    station.pushing.failure = RuntimeError("boom")  # type: ignore[assignment]
    with captured() as lines:
        await station.pushes.create(KEY, URL)
        await station.answer()
        await station.state("waiting")
    failed = [line["component"] for line in lines if line["event"] == "app.failed"]
    assert failed[0] == "pushes"
    station.pushing.failure = None
    await station.state("pushing")


async def opened(folder: Path) -> Station:
    station = Station(await Store.open(None, folder))
    await station.service.start()
    await station.pushes.start()
    return station


async def ended(station: Station) -> None:
    await station.pushes.aclose()
    await station.service.aclose()
    station.seen.close()
    await station.database.aclose()


async def test_nothing_that_was_entered_is_lost(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    await first.pushes.create(StreamKey(CHANNEL, "sub"), URL)
    await first.until(lambda: first.sip.invites)
    await ended(first)
    again = await opened(tmp_path)
    await again.until(lambda: again.sip.invites)
    (view,) = again.pushes.views()
    assert (view.channel_id, view.stream, view.target) == (CHANNEL, "sub", SHOWN)
    await ended(again)
    data = b"".join(path.read_bytes() for path in tmp_path.glob(f"{DATABASE_FILE}*"))
    assert b"192.0.2.50" in data
    assert b"s3cret" not in data
    assert b"t0ken" not in data
    (tmp_path / KEY_FILE).unlink()
    other_key = await opened(tmp_path)
    (view,) = other_key.pushes.views()
    assert (view.state, view.reason) == ("waiting", UNREADABLE)
    await other_key.pushes.remove(view.push_id)
    assert await other_key.database.pushes.all() == []
    await ended(other_key)
