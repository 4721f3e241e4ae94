"""Calls for recordings: pauses, the end of a recording, what is still on its way, the next part."""

from __future__ import annotations

import pytest

from gb28181.session.call import DRAIN_S, Call, CallTimes
from gb28181.session.call_words import (
    Accepted,
    ByeDone,
    CloseReceiver,
    Drain,
    Drained,
    Failed,
    Held,
    MediaBegan,
    MediaFlows,
    MediaLost,
    PeerBye,
    PeerFinished,
    Running,
    SendBye,
    Tick,
)
from gb28181.session.model import (
    Ask,
    EndReason,
    Failure,
    SessionKind,
    SessionState,
    Span,
    StreamKey,
)
from gb28181.session.offer import offer, read_answer
from gb28181.session.pull import (
    CallFailed,
    CallOver,
    CallRunning,
    Closed,
    Pull,
    PullState,
    PullTimes,
    StartCall,
    Viewers,
)

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "9.8"),
    pytest.mark.clause("GB/T 28181-2022", "9.9"),
    pytest.mark.clause("GB/T 28181-2022", "annex G"),
]

CHANNEL = "64010600001320000001"
SERVER = "64010000002000000001"
SPAN = Span(1795219200, 1795221000)


def running() -> Call:
    call = Call(0.0, CallTimes(8, 6, 14))
    call.handle(Accepted(), 1.0)
    assert Running() in call.handle(MediaBegan(), 2.0)
    return call


def reason(effects: list) -> EndReason:
    (failed,) = [effect for effect in effects if isinstance(effect, Failed)]
    return failed.failure.reason


def test_the_end_of_a_recording_is_drained_before_the_bye() -> None:
    call = running()
    assert call.handle(PeerFinished(), 10.0) == [Drain()]
    assert call.state is SessionState.RUNNING
    assert call.handle(PeerFinished(), 10.1) == []  # told twice
    effects = call.handle(Drained(), 10.8)
    assert reason(effects) is EndReason.FINISHED
    assert effects[-2:] == [SendBye(), CloseReceiver()]
    call.handle(ByeDone(), 10.9)
    assert call.state is SessionState.ENDED


def test_draining_has_an_end() -> None:
    call = running()
    call.handle(PeerFinished(), 10.0)
    assert call.deadline == 10.0 + DRAIN_S
    assert reason(call.handle(Tick(), 10.0 + DRAIN_S)) is EndReason.FINISHED


def test_a_bye_or_a_closed_connection_after_the_end_is_the_end() -> None:
    for last in (PeerBye(), MediaLost("the sender closed its connection")):
        call = running()
        call.handle(PeerFinished(), 10.0)
        assert reason(call.handle(last, 10.1)) is EndReason.FINISHED


def test_a_recording_without_a_picture_is_not_finished() -> None:
    call = Call(0.0)
    assert call.handle(PeerFinished(), 0.5) == []  # before the 200: not of this call
    call.handle(Accepted(), 1.0)
    assert call.handle(PeerFinished(), 1.1) == [Drain()]
    assert reason(call.handle(Drained(), 2.0)) is EndReason.NO_MEDIA


def test_the_picture_may_come_while_draining() -> None:
    call = Call(0.0)
    call.handle(Accepted(), 1.0)
    call.handle(PeerFinished(), 1.1)
    assert Running() in call.handle(MediaBegan(), 1.2)
    assert call.deadline == 1.1 + DRAIN_S
    assert reason(call.handle(Drained(), 2.0)) is EndReason.FINISHED


def test_silence_of_a_paused_call_is_no_fault() -> None:
    call = running()
    call.handle(Held(True), 10.0)
    assert call.handle(MediaLost("no packet", silence=True), 20.0) == []
    assert call.deadline is None
    assert not call.expects_media
    call.handle(Held(False), 100.0)
    assert call.expects_media
    assert call.deadline == 106.0
    assert call.handle(MediaFlows(), 101.0) == []
    assert call.deadline is None
    assert reason(call.handle(MediaLost("no packet", silence=True), 200.0)) is (
        EndReason.MEDIA_STOPPED
    )


def test_nothing_after_a_pause_is_media_that_stopped() -> None:
    call = running()
    call.handle(Held(True), 10.0)
    call.handle(MediaLost("no packet", silence=True), 20.0)
    call.handle(Held(False), 30.0)
    assert reason(call.handle(Tick(), 36.0)) is EndReason.MEDIA_STOPPED


def test_a_connection_that_closes_during_a_pause_is_lost() -> None:
    call = running()
    call.handle(Held(True), 10.0)
    assert reason(call.handle(MediaLost("closed"), 12.0)) is EndReason.MEDIA_STOPPED


def test_a_short_pause_leaves_no_deadline() -> None:
    call = running()
    call.handle(Held(True), 10.0)
    call.handle(Held(False), 11.0)
    assert call.deadline is None


def test_the_next_part_is_called_at_once_even_without_viewers() -> None:
    pull = Pull(0.0, PullTimes(30, 30))
    pull.start()
    pull.handle(CallRunning(), 1.0)
    assert pull.handle(CallOver(), 5.0) == [StartCall()]
    assert pull.state is PullState.RUNNING
    pull.handle(CallRunning(), 6.0)
    assert pull.deadline == 31.0  # the linger still counts from the first picture


def test_a_next_part_that_fails_is_called_again_while_somebody_looks() -> None:
    pull = Pull(0.0, PullTimes(30, 30))
    pull.start()
    pull.handle(CallRunning(), 1.0)
    pull.handle(Viewers(1), 2.0)
    pull.handle(CallOver(), 5.0)
    gone = Failure(EndReason.INVITE_TIMEOUT, "no answer")
    assert pull.handle(CallFailed(gone), 13.0) == []
    assert pull.state is PullState.PAUSED
    assert Closed(gone) in pull.handle(Viewers(0), 14.0)


def lines(ask: Ask, transport: str = "udp") -> list[str]:
    body = offer(
        server_id=SERVER,
        media=("192.0.2.20", 30004),
        transport=transport,
        ssrc=1100000003,
        stream="main",
        channel=CHANNEL,
        ask=ask,
    )
    return body.decode().split("\r\n")


def test_offer_of_a_playback() -> None:
    found = lines(Ask(SessionKind.PLAYBACK, SPAN))
    assert [line[:1] for line in found[:7]] == ["v", "o", "s", "u", "c", "t", "m"]
    assert found[2:4] == ["s=Playback", f"u={CHANNEL}:0"]
    assert "t=1795219200 1795221000" in found
    assert not any("downloadspeed" in line for line in found)
    assert found[-3:] == ["y=1100000003", "f=v/////a///", ""]


def test_offer_of_a_download() -> None:
    found = lines(Ask(SessionKind.DOWNLOAD, SPAN, 4), "tcp-passive")
    assert "s=Download" in found
    assert found.index("a=downloadspeed:4") < found.index("y=1100000003")
    assert "a=setup:passive" in found


def test_the_answer_tells_the_size_of_the_file() -> None:
    text = (
        "v=0\r\ns=Download\r\nc=IN IP4 192.0.2.64\r\nt=1 2\r\nm=video 9 RTP/AVP 96\r\n"
        "a=filesize:{}\r\n"
    )
    for told, size in (("123456", 123456), ("0", None), ("big", None), ("9" * 30, None)):
        assert read_answer(text.format(told).encode(), "udp").file_size == size


def test_names_of_streams() -> None:
    assert StreamKey(CHANNEL).stream_id == CHANNEL
    assert StreamKey(CHANNEL, "sub").stream_id == f"{CHANNEL}-sub"
    assert StreamKey(CHANNEL, "main", "playback-1").stream_id == "playback-1"
