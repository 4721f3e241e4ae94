"""Playback on a fake SIP and a fake media node: control, pauses, whose recording ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from gb28181.control.collect import Collected
from gb28181.errors import BadInput, Conflict, DeviceRefused, DeviceTimeout, NotFound
from gb28181.manscdp import MediaStatus, RecordInfoQuery, RecordItem, write
from gb28181.playback.archive import Archive
from gb28181.playback.control import Action
from gb28181.playback.ending import Endings
from gb28181.playback.service import PlaybackService
from gb28181.session.model import SessionState
from media.node import ViewersChanged
from sip.errors import TransactionTimeout
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, build_response

from .test_session_service import CHANNEL, DEVICE, FLOW, SERVER, Bench

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "9.8"),
    pytest.mark.clause("GB/T 28181-2022", "annex B"),
]

START = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
END = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


class FakeControl:
    """Answers RecordInfo."""

    def __init__(self) -> None:
        self.asked: list[RecordInfoQuery] = []
        self.answer: Collected | Exception = Collected((), (), 0, True)

    async def query(self, device_id: str, message: Any, **patience: Any) -> Collected:
        self.asked.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class FakeTransaction:
    def __init__(self, request: Request, flow: Flow = FLOW) -> None:
        self.request, self.flow = request, flow
        self.statuses: list[int] = []

    def respond(self, status: int, *_: Any, **__: Any) -> None:
        self.statuses.append(status)


class Stage(Bench):
    """A bench with playback on top."""

    def __init__(self) -> None:
        super().__init__()
        self.control = FakeControl()
        self.archive = Archive(self.directory, self.control)
        numbers = count(1)
        self.playback = PlaybackService(self.service, self.archive, lambda: f"p{next(numbers)}")
        self.endings = Endings(self.service, self.directory)
        self.answer_info: Any = 200
        send = self.sip.send_request

        def answer(request: Request, flow: Flow, on_result: Any) -> None:
            if request.method != "INFO":
                send(request, flow, on_result)
                return
            self.sip.sent.append(request)
            result = self.answer_info
            if isinstance(result, int):
                request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKi")
                result = build_response(request, result)
            asyncio.get_running_loop().call_soon(on_result, result)

        self.sip.send_request = answer  # type: ignore[method-assign]

    @property
    def infos(self) -> list[str]:
        return [r.body.decode() for r in self.sip.sent if r.method == "INFO"]

    async def play(self) -> Any:
        before = len(self.sip.invites)
        asked = asyncio.create_task(self.playback.play(CHANNEL, START, END))
        await self.until(lambda: len(self.sip.invites) > before)
        self.sip.invites[-1].accept()
        self.node.begin()
        view = await asked
        self.node._tell(ViewersChanged(view.session.stream_id, 1))
        return view.session


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await made.service.start()
    yield made
    await made.playback.aclose()
    await made.service.aclose()
    assert not made.ledger.open()
    assert not made.node.open


async def test_the_invite_of_a_playback_and_its_name(stage: Stage) -> None:
    session = await stage.play()
    assert (session.stream_id, session.kind, session.ssrc[0]) == ("playback-p1", "playback", "1")
    text = stage.sip.invites[0].request.body.decode()
    assert f"s=Playback\r\nu={CHANNEL}:0\r\n" in text
    assert f"t={int(START.timestamp())} {int(END.timestamp())}\r\n" in text
    assert stage.store.saved[0].kind == "playback"


async def test_two_playbacks_and_the_live_picture_are_three_streams(stage: Stage) -> None:
    first, second = await stage.play(), None
    live = asyncio.create_task(stage.service.live(CHANNEL))
    await stage.until(lambda: len(stage.sip.invites) == 2)
    stage.sip.invites[1].refuse(486)
    with pytest.raises(Exception, match="486"):
        await live
    assert stage.service.view(first.session_id).state is SessionState.RUNNING
    assert second is None


async def test_a_paused_stream_is_not_called_stopped(stage: Stage) -> None:
    session = await stage.play()
    view = await stage.playback.control(session.session_id, Action.PAUSE)
    assert view.paused
    stage.node.silence()
    assert stage.service.view(session.session_id).state is SessionState.RUNNING
    view = await stage.playback.control(session.session_id, Action.RESUME)
    assert not view.paused
    assert [info.split(" ")[0] for info in stage.infos] == ["PAUSE", "PLAY"]


async def test_every_info_counts_on_and_is_stored_for_the_bye(stage: Stage) -> None:
    session = await stage.play()
    for speed in (2, 4, 0.5):
        await stage.playback.control(session.session_id, Action.SPEED, speed=speed)
    numbers = [r.cseq.number for r in stage.sip.sent if r.method == "INFO"]
    assert numbers == [2, 3, 4]
    await stage.until(lambda: stage.store.saved[-1].cseq == 4)
    contact = stage.sip.sent[0].headers.get("Contact")
    assert contact == f"<sip:{SERVER}@192.0.2.10:5060>"


@pytest.mark.parametrize("status", [400, 405, 488])
async def test_a_refusal_leaves_the_stream_as_it_was(stage: Stage, status: int) -> None:
    session = await stage.play()
    stage.answer_info = status
    with pytest.raises(DeviceRefused) as caught:
        await stage.playback.control(session.session_id, Action.SPEED, speed=2)
    assert (caught.value.http_status, caught.value.sip_status) == (502, status)
    assert stage.playback.view(session.session_id).speed == 1.0
    assert stage.service.view(session.session_id).state is SessionState.RUNNING


async def test_a_device_that_does_not_answer(stage: Stage) -> None:
    session = await stage.play()
    stage.answer_info = TransactionTimeout("INFO")
    with pytest.raises(DeviceTimeout):
        await stage.playback.control(session.session_id, Action.PAUSE)
    assert not stage.playback.view(session.session_id).paused


async def test_what_makes_no_sense_is_refused_before_anything_is_sent(stage: Stage) -> None:
    session = await stage.play()
    for wrong in ({"speed": 0.0}, {"speed": 9.0}, {"speed": float("nan")}, {}):
        with pytest.raises(BadInput):
            await stage.playback.control(session.session_id, Action.SPEED, **wrong)
    for position in (None, -1.0, 3600.0):
        with pytest.raises(BadInput):
            await stage.playback.control(session.session_id, Action.SEEK, position_s=position)
    with pytest.raises(NotFound):
        await stage.playback.control("nobody", Action.PAUSE)
    with pytest.raises(BadInput):
        await stage.playback.play(CHANNEL, END, START)
    assert stage.infos == []


async def test_stop_says_teardown_and_bye(stage: Stage) -> None:
    session = await stage.play()
    await stage.playback.control(session.session_id, Action.STOP)
    await stage.until(lambda: stage.sip.byes)
    assert stage.infos[0].startswith("TEARDOWN")
    await stage.until(lambda: not stage.service.views())
    with pytest.raises(Conflict):
        await stage.playback.control(session.session_id, Action.PAUSE)


async def test_a_gap_is_another_call_after_the_bye_of_the_first(stage: Stage) -> None:
    stage.control.answer = Collected(
        (),
        (
            RecordItem(CHANNEL, "2026-11-21T08:30:00", "2026-11-21T08:40:00"),
            RecordItem(CHANNEL, "2026-11-21T08:00:00", "2026-11-21T08:10:00"),
        ),
        2,
        True,
    )
    stage.sip.answers_bye = False
    session = await stage.play()
    stage.service.finished(stage.ledger.by_call(session.call_id))
    await stage.until(lambda: stage.sip.byes)
    await asyncio.sleep(0.05)
    assert len(stage.sip.invites) == 1  # its BYE is not answered yet
    (current,) = [v for v in stage.service.views() if v.state is SessionState.INVITING]
    stage.sip.answers_bye = True
    old = stage.ledger.get(session.session_id)
    from gb28181.session.call_words import ByeDone

    stage.caller.feed(old, ByeDone())
    await stage.until(lambda: len(stage.sip.invites) == 2)
    base = int(START.timestamp())
    assert f"t={base + 1800} {base + 2400}\r\n" in stage.sip.invites[1].request.body.decode()
    stage.sip.invites[1].accept()
    stage.node.begin()
    await stage.until(lambda: stage.service.view(current.session_id).state is SessionState.RUNNING)
    await stage.playback.control(session.session_id, Action.PAUSE)  # the first id still names it
    assert stage.playback.view(current.session_id).position_s >= 1800


def message(device_id: str, sender: str, call_id: str = "other") -> FakeTransaction:
    headers = Headers(
        [
            ("From", f"<sip:{sender}@x>;tag=q"),
            ("To", f"<sip:{SERVER}@x>"),
            ("Call-ID", call_id),
            ("CSeq", "20 MESSAGE"),
        ]
    )
    return FakeTransaction(Request("MESSAGE", "sip:x", headers, write(MediaStatus("8", device_id))))


@pytest.mark.parametrize("how", ["call", "channel", "device", "stranger"])
async def test_whose_recording_ended(stage: Stage, how: str) -> None:
    session = await stage.play()
    match how:
        case "call":
            tx = message(CHANNEL, "somebody", session.call_id)
            assert stage.endings.in_call(tx)
            assert tx.statuses == [200]
        case "stranger":
            tx = message("64010600001320000077", "64010600001320000077")
            assert not stage.endings.in_call(tx)
            assert stage.endings.from_stranger(tx)
        case _:
            device: Any = type("D", (), {"device_id": DEVICE})()
            named = CHANNEL if how == "channel" else DEVICE
            stage.endings.on_message(device, MediaStatus("8", named))
    await stage.until(lambda: stage.service.view(session.session_id).reason == "finished")
    await stage.until(lambda: stage.sip.byes)


async def test_a_stranger_from_elsewhere_ends_nothing(stage: Stage) -> None:
    session = await stage.play()
    tx = message(CHANNEL, CHANNEL)
    tx.flow = Flow("udp", ("203.0.113.9", 5060), ("192.0.2.10", 5060))
    assert not stage.endings.from_stranger(tx)
    assert tx.statuses == []
    assert stage.service.view(session.session_id).state is SessionState.RUNNING


async def test_records_are_asked_day_by_day_and_remembered(stage: Stage) -> None:
    found = await stage.archive.records(CHANNEL, START, datetime(2026, 11, 22, 20, tzinfo=UTC))
    assert found.complete
    assert [(q.start_time, q.end_time) for q in stage.control.asked] == [
        ("2026-11-21T08:00:00", "2026-11-22T00:00:00"),
        ("2026-11-22T00:00:00", "2026-11-23T00:00:00"),
        ("2026-11-23T00:00:00", "2026-11-23T04:00:00"),
    ]
    assert await stage.archive.lately(CHANNEL, START, END, 0.1) == ()
    assert len(stage.control.asked) == 3
    with pytest.raises(BadInput):
        await stage.archive.records(CHANNEL, START, datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFound):
        await stage.archive.records("64010600001320000099", START, END)


async def test_a_device_that_tells_no_records_plays_all_the_same(stage: Stage) -> None:
    stage.control.answer = DeviceTimeout("silent")
    with pytest.raises(DeviceTimeout):
        await stage.archive.records(CHANNEL, START, END)
    session = await stage.play()
    assert session.state is SessionState.RUNNING
