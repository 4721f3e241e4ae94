"""Recordings of a camera: lists in packets, playback with control, the end, gaps."""

from __future__ import annotations

import itertools
import urllib.parse
from datetime import UTC, datetime
from typing import Any

import pytest

from . import media_source
from .camera import Camera, Msg, Record, Source
from .kit import MakeCamera
from .live_support import RawViewer, camera_with
from .server import SERVER_ID, Server, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.7"),
    pytest.mark.clause("GB/T 28181-2022", "9.8"),
    pytest.mark.clause("GB/T 28181-2022", "annex B"),
]

# 2026-11-21 08:00:00 in Beijing; a multiple of the 20 s the source repeats after.
MORNING = 1795219200
GROUP = 50
"""Pictures from one key frame of the source to the next."""


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def frame_of(moment: int) -> int:
    return moment * media_source.FPS % media_source.FRAMES


def ask(server: Server, channel_id: str, start: int, end: int) -> Any:
    body = {"start": iso(start), "end": iso(end)}
    return server.call("POST", f"/api/v1/channels/{channel_id}/playback", body)


def play(server: Server, channel_id: str, start: int, end: int) -> dict[str, Any]:
    answer = ask(server, channel_id, start, end)
    assert answer.status == 200, answer.body
    return dict(answer.body)


def control(server: Server, session_id: str, **body: object) -> Any:
    return server.call("POST", f"/api/v1/sessions/{session_id}/control", body)


def infos(camera: Camera) -> list[str]:
    return [entry.msg.body.decode() for entry in camera.received("INFO")]


def invited(camera: Camera) -> list[tuple[int, int]]:
    """t= of every INVITE."""
    found = []
    for entry in camera.received("INVITE"):
        line = next(x for x in entry.msg.body.decode().split("\r\n") if x.startswith("t="))
        start, end = line[2:].split()
        found.append((int(start), int(end)))
    return found


def test_records_come_in_packets_doubled_and_unsorted(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [
        Record(MORNING + 3600, MORNING + 5400),
        Record(MORNING, MORNING + 3600),
        Record(MORNING + 1800, MORNING + 1860, "alarm"),
        Record(MORNING - 90_000, MORNING - 86_400),
    ]
    camera.faults.arrange_records = lambda packets: [*reversed(packets), packets[0]]
    found = platform.get(
        f"/channels/{channel_id}/records",
        start=iso(MORNING - 1000),
        end=iso(MORNING + 20_000),
    )
    assert found["complete"] is True
    assert [(item["start"], item["type"]) for item in found["items"]] == [
        (iso(MORNING).replace("+00:00", "Z"), "time"),
        (iso(MORNING + 1800).replace("+00:00", "Z"), "alarm"),
        (iso(MORNING + 3600).replace("+00:00", "Z"), "time"),
    ]
    assert found["items"][0]["size"] == 3600 * 250_000
    assert found["items"][0]["file_path"] == f"/d/{MORNING}.ps"
    query = camera.wait_received("MESSAGE", match=lambda m: m.xml("CmdType") == "RecordInfo").msg
    assert query.xml("Type") == "all"
    assert query.xml("StartTime") == "2026-11-21T07:43:20"
    assert query.xml("DeviceID") == channel_id


def test_a_lost_packet_is_told(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [Record(MORNING + n * 60, MORNING + n * 60 + 60) for n in range(5)]
    camera.faults.arrange_records = lambda packets: packets[1:]
    found = platform.get(
        f"/channels/{channel_id}/records", start=iso(MORNING), end=iso(MORNING + 600)
    )
    assert found["complete"] is False
    assert found["total"] == 3


def test_times_without_zone_and_the_wrong_way_round_are_refused(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    path = f"/api/v1/channels/{channel_id}/records"
    for start, end in (("2026-11-21T08:00:00", "2026-11-21T09:00:00"), (iso(MORNING), iso(5))):
        query = urllib.parse.urlencode({"start": start, "end": end})
        assert platform.call("GET", f"{path}?{query}").status == 422
    unescaped = "start=2026-11-21T08:00:00+08:00&end=2026-11-21T09:00:00+08:00"
    assert platform.call("GET", f"{path}?{unescaped}").status == 200


@pytest.mark.clause("GB/T 28181-2022", "annex L")
def test_playback_shows_the_asked_time_and_ends_with_it(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [Record(MORNING - 600, MORNING + 600)]
    view = play(platform, channel_id, MORNING, MORNING + 4)
    assert view["stream_id"].startswith("playback-")
    assert f"/play/{view['stream_id']}.flv?ticket=" in view["urls"]["flv"]
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=20) if code]
    first = frame_of(MORNING)
    assert [code.frame for code in found] == list(range(first, first + 100))
    (session,) = platform.sessions(state="ended")[:1]
    assert (session["kind"], session["reason"]) == ("playback", "finished")
    invite = camera.wait_received("INVITE").msg
    text = invite.body.decode().split("\r\n")
    assert "s=Playback" in text
    assert f"u={channel_id}:0" in text
    assert f"t={MORNING} {MORNING + 4}" in text
    ssrc = next(line for line in text if line.startswith("y="))[2:]
    assert ssrc.startswith("110000")
    assert invite.header("Subject") == f"{channel_id}:{ssrc},{SERVER_ID}:0"
    camera.wait_received("BYE")
    (answered,) = [
        e.msg for e in camera.received("MESSAGE", 200) if e.msg.call_id == invite.call_id
    ]
    assert answered.status == 200


@pytest.mark.parametrize("how", ["device", "channel", "dialog"])
@pytest.mark.clause("GB/T 28181-2022", "9.8.2")
def test_the_end_is_understood_however_it_is_told(
    platform: Server, make_camera: MakeCamera, video: Source, how: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.faults.media_status = how
    view = play(platform, channel_id, MORNING, MORNING + 2)
    viewer = RawViewer(view["urls"]["flv"], receive_buffer=1 << 20)
    camera.wait_received("BYE", timeout=8)
    viewer.close()
    wait_for(
        lambda: platform.session(view["session_id"])["state"] == "ended", "the session is over"
    )
    assert platform.session(view["session_id"])["reason"] == "finished"


def test_control(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    view = play(platform, channel_id, MORNING, MORNING + 600)
    session_id = view["session_id"]
    viewer = RawViewer(view["urls"]["flv"], receive_buffer=1 << 20)
    answer = control(platform, session_id, action="pause")
    assert (answer.status, answer.body["paused"]) == (200, True)
    assert infos(camera)[-1] == "PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"
    assert not camera.open_calls()[0].sending
    assert control(platform, session_id, action="resume").status == 200
    assert infos(camera)[-1] == "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"
    answer = control(platform, session_id, action="speed", speed=2)
    assert answer.body["speed"] == 2
    assert infos(camera)[-1] == "PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n"
    answer = control(platform, session_id, action="seek", position_s=100)
    assert 100 <= answer.body["position_s"] < 103
    assert infos(camera)[-1] == "PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n\r\n"
    numbers = [e.msg.cseq for e in camera.received("INFO")]
    assert numbers == sorted(set(numbers))
    assert camera.received("INFO")[0].msg.header("Content-Type").lower() == "application/mansrtsp"
    for bad in ({"action": "speed", "speed": 99}, {"action": "seek"}, {"action": "dance"}):
        assert control(platform, session_id, **bad).status == 422
    assert platform.session(session_id)["state"] == "running"
    assert control(platform, session_id, action="stop").status == 200
    camera.wait_received("BYE")
    assert infos(camera)[-1].startswith("TEARDOWN")
    assert control(platform, session_id, action="pause").status == 409
    viewer.close()


def test_a_refused_speed_is_told_and_the_stream_goes_on(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.faults.info_status = 400
    view = play(platform, channel_id, MORNING, MORNING + 600)
    answer = control(platform, view["session_id"], action="speed", speed=4)
    assert answer.status == 502
    assert answer.error["code"] == "device_refused"
    assert answer.error["sip_status"] == 400
    assert platform.session(view["session_id"])["state"] == "running"
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=1.5) if code][:-1]
    assert len(found) > 20


def groups_of(found: list[int]) -> list[list[int]]:
    """Pictures cut where a group begins: at frames that a key frame shows."""
    out: list[list[int]] = []
    for number in found:
        if number % GROUP == 0 or not out:
            out.append([])
        out[-1].append(number)
    return out


def test_backwards_shows_the_groups_in_reverse(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    view = play(platform, channel_id, MORNING, MORNING + 600)
    session_id = view["session_id"]
    viewer = RawViewer(view["urls"]["flv"], receive_buffer=1 << 20)
    assert control(platform, session_id, action="seek", position_s=100).status == 200
    answer = control(platform, session_id, action="speed", speed=-1)
    assert (answer.status, answer.body["speed"]) == (200, -1)
    assert infos(camera)[-1] == "PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: -1.0\r\n\r\n"
    begun = answer.body["position_s"]
    found = [code.frame for code in media_source.codes(view["urls"]["flv"], seconds=7) if code]
    whole = groups_of(found)[1:-1]
    assert len(whole) >= 2
    for group in whole:
        assert group == list(range(group[0], group[0] + GROUP)), "forwards inside a group"
    begins = [group[0] for group in whole]
    steps = {(one - two) % media_source.FRAMES for one, two in itertools.pairwise(begins)}
    assert steps == {GROUP}, "and each group is the one before"
    answer = control(platform, session_id, action="speed", speed=1)
    assert answer.body["position_s"] < begun - 4
    found = [code.frame for code in media_source.codes(view["urls"]["flv"], seconds=2) if code][:-1]
    steps = {(two - one) % media_source.FRAMES for one, two in itertools.pairwise(found[-20:])}
    assert steps == {1}, "and forwards again"
    viewer.close()


def test_backwards_ends_where_the_recording_begins(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [Record(MORNING, MORNING + 600)]
    view = play(platform, channel_id, MORNING, MORNING + 600)
    viewer = RawViewer(view["urls"]["flv"], receive_buffer=1 << 20)
    assert control(platform, view["session_id"], action="speed", speed=-2).status == 200
    camera.wait_received("BYE", timeout=10)
    viewer.close()
    wait_for(
        lambda: platform.session(view["session_id"])["state"] == "ended", "the session is over"
    )
    assert platform.session(view["session_id"])["reason"] == "finished"
    assert len(invited(camera)) == 1, "it is not asked for again"


def test_a_device_that_runs_back_slower_says_so_and_one_that_cannot_plays_on(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.faults.backwards = "slow"
    view = play(platform, channel_id, MORNING, MORNING + 600)
    session_id = view["session_id"]
    assert control(platform, session_id, action="seek", position_s=60).status == 200
    answer = control(platform, session_id, action="speed", speed=-4)
    assert (answer.status, answer.body["speed"]) == (200, -1)
    assert infos(camera)[-1].endswith("Scale: -4.0\r\n\r\n")
    assert control(platform, session_id, action="speed", speed=1).status == 200

    camera.faults.backwards = "refused"
    answer = control(platform, session_id, action="speed", speed=-1)
    assert answer.status == 502
    assert answer.error["code"] == "device_refused"
    assert answer.error["detail"]["mansrtsp_status"] == 400
    found = [code.frame for code in media_source.codes(view["urls"]["flv"], seconds=2) if code][:-1]
    assert len(found) > 20
    steps = {(two - one) % media_source.FRAMES for one, two in itertools.pairwise(found)}
    assert steps == {1}, "forwards as before"


def test_a_gap_in_the_recording_is_passed_over(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [
        Record(MORNING + 100, MORNING + 103),
        Record(MORNING, MORNING + 2),
        Record(MORNING + 2, MORNING + 3),
    ]
    view = play(platform, channel_id, MORNING, MORNING + 1000)
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=30) if code]
    first, second = frame_of(MORNING), frame_of(MORNING + 100)
    wanted = [*range(first, first + 75), *range(second, second + 75)]
    assert [code.frame for code in found] == wanted
    assert invited(camera) == [(MORNING, MORNING + 3), (MORNING + 100, MORNING + 103)]
    calls = [e.msg.call_id for e in camera.received("INVITE")]
    assert len(set(calls)) == 2
    both = sorted([*camera.received("INVITE"), *camera.received("BYE")], key=lambda e: e.at)
    order = [entry.msg.method for entry in both]
    assert order == ["INVITE", "BYE", "INVITE", "BYE"]


def test_a_device_that_stops_at_the_end_of_its_file_is_asked_for_the_next(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [Record(MORNING - 60, MORNING + 6), Record(MORNING + 6, MORNING + 600)]
    camera.faults.file_end = MORNING + 6
    view = play(platform, channel_id, MORNING, MORNING + 12)
    viewer = RawViewer(view["urls"]["flv"], receive_buffer=1 << 20)

    def second(message: Msg) -> bool:
        camera.faults.file_end = 0
        return f"t={MORNING + 6} {MORNING + 12}" in message.body.decode()

    camera.wait_received("INVITE", match=second, timeout=12)
    viewer.close()


def test_wrong_ticket_unknown_stream_and_offline(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    view = play(platform, channel_id, MORNING, MORNING + 600)
    path = f"/play/{view['stream_id']}.flv"
    assert platform.call("GET", f"{path}?ticket=wrong").status == 401
    assert platform.call("GET", path, token=False).status == 401
    assert control(platform, "unknown", action="pause").status == 404
    live = platform.play(channel_id)
    assert control(platform, live["session_id"], action="pause").status == 409
    camera.unregister()
    platform.wait_online(camera.device_id, False)
    answer = ask(platform, channel_id, MORNING, MORNING + 60)
    assert (answer.status, answer.error["leg"]) == (409, "device_offline")
