"""The platform's own recordings as streams: a real media node, files on a disk, no device."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gb28181.cluster.bus import Bus
from gb28181.errors import BadInput, Busy, Conflict, LegFailed, NotFound
from gb28181.recording import replay
from gb28181.recording.replays import ReplayService
from gb28181.session.address import MediaAddresses
from gb28181.session.call import CallTimes
from gb28181.session.caller import Caller
from gb28181.session.dialing import Dialer, Identity
from gb28181.session.ledger import Ledger
from gb28181.session.model import SessionState
from gb28181.session.pull import PullTimes
from gb28181.session.service import SessionService
from gb28181.session.ssrc import SsrcPool
from gb28181.store.errors import StoreUnavailable
from media.inprocess import InProcessNode, NodeOptions
from media.node import Who
from tests.contract.media_bench import Watched
from tests.support.recorded import START, Shelf
from tests.unit.media.samples import aac, pictures

from .test_session_service import CHANNEL, DEVICE, SERVER, FakeDirectory, FakeSip, FakeStore

VIDEO, PICTURES = pictures(count=100, gop=25)
SOUND, FRAMES = aac(4.0)
END = START + timedelta(hours=1)


class Stage:
    """Everything around the service."""

    def __init__(self, folder: Path) -> None:
        self.sip, self.store, self.directory = FakeSip(), FakeStore(), FakeDirectory()
        self.directory.routes[CHANNEL].online = False
        self.node = InProcessNode(NodeOptions(bind_host="127.0.0.1"))
        self.ledger = Ledger(SsrcPool(SERVER))
        numbers = count(1)
        dialer = Dialer(
            self.sip,
            Identity(SERVER, SERVER[:10]),
            MediaAddresses(),
            lambda: f"session-{next(numbers)}",
        )
        caller = Caller(
            self.directory, dialer, self.ledger, self.node, self.store, CallTimes(2.0, 2.0, 4.0)
        )
        self.sessions = SessionService(
            self.directory, caller, self.node, Bus(), PullTimes(linger_s=0.5, window_s=2.0)
        )
        self.shelf = Shelf(folder, CHANNEL)
        names = count(1)
        self.replays = ReplayService(
            self.sessions, self.node, self.shelf.archive, 2, lambda: f"r{next(names)}"
        )
        self.watched: list[Watched] = []

    async def start(self) -> None:
        await self.node.start()
        await self.sessions.start()
        self.replays.start()

    async def aclose(self) -> None:
        await self.sessions.aclose()
        await self.replays.aclose()
        for one in self.watched:
            await one.end()
        await self.node.aclose()
        assert not self.ledger.open()
        assert not self.node.receivers()
        assert not self.node.streams()
        assert self.replays.running == 0

    async def play(self) -> str:
        view = await self.replays.play(CHANNEL, START, END)
        assert view.session.state is SessionState.RUNNING
        return view.session.session_id

    def look(self, session_id: str) -> Watched:
        stream_id = self.sessions.view(session_id).stream_id
        self.watched.append(
            watched := Watched(self.node.open_viewer(stream_id, "flv", audio="auto"))
        )
        return watched

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    made.shelf.put(PICTURES, VIDEO, length_s=2)
    await made.start()
    yield made
    await made.aclose()


async def test_it_is_shown_to_its_end_while_the_device_is_offline(stage: Stage) -> None:
    view = await stage.replays.play(CHANNEL, START, END)
    session = view.session
    assert (session.stream_id, session.kind, session.transport) == (
        "replay-r1",
        "playback",
        "platform",
    )
    assert (session.device_id, session.local, session.remote) == (DEVICE, None, None)
    assert view.statistics is not None
    assert view.statistics.video == VIDEO
    stage.replays.run(session.session_id, 8.0)
    viewer = stage.look(session.session_id)
    await viewer.end()
    assert viewer.viewer.end_reason == "finished"
    assert len(viewer.frames()) == 100
    assert viewer.frames()[-1] == pytest.approx(99 * 40 / 8, abs=2)
    await stage.until(lambda: not stage.sessions.views())
    assert stage.sessions.view(session.session_id).reason == "finished"
    # No device was asked anything, and nothing is left for the next run to end.
    assert (stage.sip.invites, stage.sip.sent, stage.store.saved) == ([], [], [])
    with pytest.raises(NotFound):
        await stage.replays.wanted("replay-r1")
    with pytest.raises(Conflict):
        stage.replays.view(session.session_id)
    assert stage.replays.owns(session.session_id)


async def test_it_waits_for_somebody_and_ends_when_nobody_comes(stage: Stage) -> None:
    session_id = await stage.play()
    assert stage.replays.view(session_id).position_s == 0
    await stage.until(lambda: not stage.sessions.views())
    assert stage.sessions.view(session_id).reason == "no_viewers"
    await stage.until(lambda: stage.node.streams() == [])


async def test_it_is_controlled(stage: Stage) -> None:
    session_id = await stage.play()
    viewer = stage.look(session_id)
    await viewer.until(5)
    view = stage.replays.pause(session_id)
    assert (view.paused, view.speed, view.state) == (True, 1.0, "running")
    count = len(viewer.frames())
    view = stage.replays.seek(session_id, 3.2)
    assert not view.paused
    stage.replays.run(session_id, 2.0)
    view = stage.replays.pause(session_id)
    assert view.speed == 2.0
    view = stage.replays.resume(session_id)
    assert (view.paused, view.speed) == (False, 2.0)
    await viewer.end()
    # From the key frame at three seconds on: a second, at twice its speed.
    assert len(viewer.frames()) - count in range(25, 32)
    times = viewer.frames()
    assert times == sorted(set(times))


async def test_what_makes_no_sense_is_refused(stage: Stage) -> None:
    session_id = await stage.play()
    for place in (None, -1.0, 3600.0, float("nan")):
        with pytest.raises(BadInput):
            stage.replays.seek(session_id, place)
    for speed in (None, 0.0, 0.2, 8.1, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput):
            stage.replays.run(session_id, speed)
    with pytest.raises(NotFound):
        stage.replays.pause("nobody")
    with pytest.raises(NotFound):
        await stage.replays.play(CHANNEL, END, END + timedelta(hours=1))
    with pytest.raises(BadInput):
        await stage.replays.play(CHANNEL, END, START)
    with pytest.raises(NotFound):
        await stage.replays.wanted("h264-x")
    await stage.play()
    with pytest.raises(Busy):
        await stage.play()
    for view in list(stage.sessions.views()):
        stage.replays.stop(view.session_id)
    await stage.until(lambda: not stage.sessions.views())
    assert stage.sessions.view(session_id).reason == "stopped"
    await stage.play()


async def test_the_device_does_not_matter(stage: Stage) -> None:
    session_id = await stage.play()
    viewer = stage.look(session_id)
    await viewer.until(3)
    stage.sessions.device_changed(DEVICE, "offline", "missed")
    assert stage.sessions.recordings() == []  # none that a device could say the end of
    await viewer.until(10)
    stage.sessions.end(session_id)
    await viewer.end()
    assert viewer.viewer.end_reason == "stopped"
    del stage.directory.routes[CHANNEL]  # nor whether it is still known
    session_id = await stage.play()
    assert stage.sessions.view(session_id).device_id == ""


async def test_files_that_cannot_be_read_are_passed_over(stage: Stage) -> None:
    first, second = stage.shelf.rows
    (stage.shelf.folder / first.path).write_bytes(b"not ours")
    session_id = await stage.play()
    viewer = stage.look(session_id)
    stage.replays.run(session_id, 8.0)
    await viewer.end()
    assert len(viewer.frames()) == 50
    (stage.shelf.folder / second.path).unlink()
    with pytest.raises(LegFailed) as caught:
        await stage.play()
    assert caught.value.leg == "no_media"


async def test_an_index_that_fails_ends_it_in_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = stage.shelf.index.segments, count()

    async def failing(*arguments: Any) -> Any:
        if next(calls) > 0:
            raise StoreUnavailable("the database is gone")
        return await real(*arguments)

    monkeypatch.setattr(stage.shelf.index, "segments", failing)
    with pytest.raises(LegFailed) as caught:
        await stage.play()
    assert "the database is gone" in caught.value.message


async def test_a_defect_in_reading_ends_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> bytes:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(stage.shelf.storage, "read", broken)
    with pytest.raises(LegFailed) as caught:
        await stage.play()
    assert "a defect of the platform" in caught.value.message
    await stage.until(lambda: stage.replays.running == 0)


async def test_what_is_recorded_meanwhile_is_shown_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index is asked again at the end of what it knew."""
    rows = list(stage.shelf.rows)
    del stage.shelf.rows[1]
    real = stage.shelf.index.segments
    asked = count()

    async def growing(*arguments: Any) -> Any:
        if next(asked) == 2:
            stage.shelf.rows.append(rows[1])
        return await real(*arguments)

    monkeypatch.setattr(stage.shelf.index, "segments", growing)
    session_id = await stage.play()
    stage.replays.run(session_id, 8.0)
    viewer = stage.look(session_id)
    await viewer.end()
    assert len(viewer.frames()) == 100


async def test_a_player_of_hls_gets_the_last_segment_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TAIL_S", 2.0)
    session_id = await stage.play()
    stage.replays.run(session_id, 8.0)
    player = stage.node.open_hls("replay-r1", who=Who("hls"))

    async def length() -> float:
        text = await player.playlist("", "", None, None)
        return sum(map(float, re.findall(r"#EXTINF:([0-9.]+)", text)))

    async with asyncio.timeout(20):
        while (lasts := await length()) < 0.49:
            await asyncio.sleep(0.01)
    assert lasts == pytest.approx(0.5, abs=0.01)
    # Another place may be wanted until the end of the end.
    stage.replays.seek(session_id, 3.5)
    async with asyncio.timeout(20):
        while (lasts := await length()) < 0.6:
            await asyncio.sleep(0.01)
    assert lasts == pytest.approx(0.5 + 0.125, abs=0.01)
    await stage.until(lambda: not stage.sessions.views())
    assert stage.sessions.view(session_id).reason == "finished"
    await player.aclose()


async def test_sound_is_there_and_the_format_may_change(stage: Stage) -> None:
    other, large = pictures(count=50, width=640, height=480, gop=25)
    stage.shelf.rows.clear()
    stage.shelf.put([*PICTURES, *FRAMES], VIDEO, SOUND)
    stage.shelf.put(large, other, at_s=4)
    session_id = await stage.play()
    stage.replays.run(session_id, 4.0)
    viewer = stage.look(session_id)
    await viewer.until(30)
    stage.replays.run(session_id, 1.0)
    stage.replays.run(session_id, 8.0)
    await viewer.end()
    assert len(viewer.frames()) == 150
    heads = [body for _, body in viewer.tags() if body[1] == 0]
    assert len(heads) == 2
    assert viewer.sounds()
