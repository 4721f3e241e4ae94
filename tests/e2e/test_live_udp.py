"""A live picture over UDP: the INVITE as a camera reads it, the FLV as ffprobe reads it."""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
import time
from typing import Any

import pytest

from . import media_source
from .camera import Faults, Source
from .kit import Launch, MakeCamera, new_id
from .live_support import RawViewer, assert_pictures, camera_with, watch
from .server import SERVER_ID, Server, wait_for
from .views import assert_three_views

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.2"),
    pytest.mark.clause("GB/T 28181-2022", "annex C"),
    pytest.mark.clause("GB/T 28181-2022", "annex G"),
]


def _measured(platform: Server, live: dict[str, Any]) -> dict[str, Any] | None:
    """What arrives, once there was a second and a group of pictures to measure."""
    media: dict[str, Any] | None = platform.session(live["session_id"])["media"]
    assert media is not None
    return media if media["gop_frames"] and media["fps"] and media["reports_sent"] else None


def test_picture_over_udp(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    assert live["state"] == "running"
    assert live["stream_id"] == channel_id
    assert live["video"] == {"codec": "h264", "width": 1920, "height": 1080, "fps": 25}
    flv = live["urls"]["flv"]
    assert flv.startswith(platform.url + f"/live/{channel_id}.flv")
    assert live["urls"]["ws_flv"].startswith("ws://127.0.0.1:")
    views = assert_three_views(platform, [camera])
    (session,) = views.sessions.values()
    (call,) = views.calls.values()
    assert session["transport"] == call.transport == "udp"
    assert session["state"] == "running"
    assert int(str(session["ssrc"])) == call.ssrc
    assert session["channel_id"] == channel_id
    assert session["device_id"] == camera.device_id
    assert call.platform == ("127.0.0.1", int(str(session["local"]).rpartition(":")[2]))
    found = media_source.probe(flv)
    (stream,) = found["streams"]  # and no audio: G.711 is never put into FLV
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 1920, 1080)
    assert stream["avg_frame_rate"] == "25/1"
    assert_pictures(watch(flv), 7, 40)
    with contextlib.closing(RawViewer(flv)):
        arrives = wait_for(lambda: _measured(platform, live), "a second measured", timeout=30)
    assert (arrives["container"], arrives["video"]) == ("ps", "h264")
    assert (arrives["width"], arrives["height"]) == (1920, 1080)
    assert arrives["bitrate_bps"] > 100_000
    assert (arrives["lost"], arrives["loss"]) == (0, 0)
    platform.end(live["session_id"])
    camera.wait_received("BYE")
    assert camera.open_calls() == []


@pytest.mark.clause("GB/T 28181-2022", "annex L")
def test_form_of_the_invite(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    platform.play(channel_id)
    invite = camera.wait_received("INVITE").msg
    assert invite.uri.startswith(f"sip:{channel_id}@127.0.0.1:{camera.local[1]}")
    assert f"sip:{SERVER_ID}@" in invite.header("From")
    assert f"sip:{channel_id}@" in invite.header("To")
    assert f"sip:{SERVER_ID}@127.0.0.1:{platform.ports.sip}" in invite.header("Contact")
    assert invite.header("Content-Type").lower() == "application/sdp"
    ssrc = re.search(r"y=(\d{10})\r\n", invite.text)
    assert ssrc is not None
    assert ssrc[1].startswith("010000")  # live, then digits 4 to 8 of the domain's id
    assert invite.header("Subject") == f"{channel_id}:{ssrc[1]},{SERVER_ID}:0"
    lines = invite.body.decode().split("\r\n")
    assert lines[-1] == ""
    assert [line[0] for line in lines[:6]] == ["v", "o", "s", "c", "t", "m"]
    assert "s=Play" in lines
    assert "a=recvonly" in lines
    assert "a=rtpmap:96 PS/90000" in lines
    assert re.search(r"m=video \d+ RTP/AVP 96", invite.text)
    ack = camera.wait_received("ACK").msg
    assert ack.cseq == invite.cseq
    assert ack.tag("To")
    assert ack.branch != invite.branch


def test_one_pull_for_many_viewers(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(platform.play(channel_id)["session_id"]))
        for _ in range(5)
    ]
    platform.token()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 5
    assert len(set(answers)) == 1
    url = platform.play(channel_id)["urls"]["flv"]
    viewers = [RawViewer(url) for _ in range(3)]
    wait_for(lambda: platform.session(answers[0])["viewers"] == 3, "three viewers are counted")
    for viewer in viewers:
        viewer.close()
    wait_for(lambda: platform.session(answers[0])["viewers"] == 0, "they are gone")
    assert len(camera.received("INVITE")) == 1


def test_a_running_pull_is_returned_with_its_own_transport(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    first = platform.play(channel_id)
    again = platform.play(channel_id, transport="tcp-passive")
    assert again["session_id"] == first["session_id"]
    assert platform.session(first["session_id"])["transport"] == "udp"


def test_linger_then_bye(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    viewer = RawViewer(live["urls"]["flv"])
    viewer.read(1000)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2.5 or camera.received("BYE"), "linger passes")
    assert camera.received("BYE") == []  # somebody looks
    viewer.close()
    left = time.monotonic()
    bye = camera.wait_received("BYE", timeout=6)
    assert 1.5 < bye.at - left < 5
    wait_for(
        lambda: platform.session(live["session_id"])["state"] == "ended", "the session is over"
    )
    assert platform.session(live["session_id"])["reason"] == "no_viewers"
    assert platform.sessions() == []


def test_get_of_the_stream_starts_the_pull(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"{platform.url}/live/{channel_id}.flv"
    header = f"Authorization: Bearer {platform.token()}\r\n"
    found = media_source.codes(url, seconds=1.5, headers=header)[:-1]
    assert_pictures(found, 7, 25)
    assert len(camera.received("INVITE")) == 1


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=wrong"])
def test_no_ticket_no_invite(
    platform: Server, make_camera: MakeCamera, video: Source, query: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    answer = platform.call("GET", f"/live/{channel_id}.flv{query}", token=False)
    assert answer.status == 401
    assert camera.received("INVITE") == []
    assert platform.sessions() == []


@pytest.mark.parametrize(("method", "tail"), [("GET", ".ts"), ("POST", "/whip")])
def test_outputs_that_do_not_exist_yet_say_so(
    platform: Server, make_camera: MakeCamera, video: Source, method: str, tail: str
) -> None:
    """401 without a ticket as for any stream, 404 with one; no camera is called for it."""
    camera, channel_id = camera_with(make_camera, platform, video)
    path = f"/live/{channel_id}{tail}"
    assert platform.call(method, path, token=False).status == 401
    answer = platform.call(method, path)
    assert (answer.status, answer.error["code"]) == (404, "output_unavailable")
    assert camera.received("INVITE") == []


def test_delete_ends_at_once_whoever_watches(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    viewer = RawViewer(live["urls"]["flv"])
    viewer.read(1000)
    platform.end(live["session_id"])
    camera.wait_received("BYE", timeout=2)
    viewer.socket.settimeout(3)
    while viewer.socket.recv(65536):
        pass  # the viewer's stream comes to its end
    viewer.close()


def test_two_channels_show_their_own_pictures(
    platform: Server, make_camera: MakeCamera, video: Source, other_video: Source
) -> None:
    _one, first = camera_with(make_camera, platform, video)
    _two, second = camera_with(make_camera, platform, other_video)
    urls = {7: platform.play(first)["urls"]["flv"], 8: platform.play(second)["urls"]["flv"]}
    results: dict[int, list[object]] = {}

    def look(number: int, url: str) -> None:
        results[number] = list(watch(url, 10))

    threads = [threading.Thread(target=look, args=item) for item in urls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (7, 8):
        assert_pictures(results[number], number, 240)  # type: ignore[arg-type]


def test_flv_times_rise_by_one_frame(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: object
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    viewer = RawViewer(platform.play(channel_id)["urls"]["flv"], 1 << 20)
    head = viewer.read(2000)
    at = head.index(b"FLV\x01")
    assert head[at + 4] == 0x01  # video, no audio
    viewer.close()
    path = f"{tmp_path}/live.flv"
    answer = media_source.record(platform.play(channel_id)["urls"]["flv"], path, seconds=2)
    times = [float(packet["pts_time"]) for packet in answer]
    steps = {round((b - a) * 1000) for a, b in itertools.pairwise(times)}
    assert steps == {40}
    assert answer[0]["flags"].startswith("K")


def test_linger_counts_from_the_post_when_nobody_comes(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    platform.play(channel_id)
    asked = time.monotonic()
    bye = camera.wait_received("BYE", timeout=6)
    assert 1.0 < bye.at - asked < 4.5


# -- what cameras do differently, and still get a picture ----------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(ssrc=0), id="rtp ssrc 0"),
        pytest.param(Faults(ssrc=703001718), id="rtp with another ssrc"),
        pytest.param(Faults(y="none"), id="no y="),
        pytest.param(Faults(y="0703001718", ssrc=703001718), id="y= of its own"),
        pytest.param(Faults(provisional=(100, 101, 180)), id="101 Dialog Establishment"),
        pytest.param(Faults(provisional=()), id="no 100"),
        pytest.param(Faults(media_other_port=True), id="another source port"),
        pytest.param(Faults(sdp_host="192.168.1.64"), id="private c="),
        pytest.param(Faults(no_psm=True), id="no stream map"),
        pytest.param(Faults(private_stream=True), id="private stream BD"),
        pytest.param(Faults(no_sound=True), id="no sound"),
        pytest.param(Faults(burst=True), id="whole frames in a burst"),
        pytest.param(Faults(dup="...d"), id="every fourth packet doubled"),
        pytest.param(Faults(swap="....s"), id="every fifth packet late by one"),
    ],
)
def test_odd_cameras_give_a_whole_picture(
    platform: Server, make_camera: MakeCamera, video: Source, faults: Faults
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    live = platform.play(channel_id)
    assert_pictures(watch(live["urls"]["flv"], 1.5), 7, 25)
    assert_three_views(platform, [camera])


def test_lost_packets_cost_pictures_not_the_stream(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    faults = Faults(loss="." * 199 + "x")
    _camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    found = watch(platform.play(channel_id)["urls"]["flv"], 4)
    good = [code for code in found if code is not None]
    assert len(good) > 30
    frames = [code.frame for code in good]
    assert frames == sorted(set(frames))  # late or missing, but never backwards or twice


def test_provisional_answers_do_not_count_as_the_answer(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    faults = Faults(provisional=(100, 183), answer_delay_s=1)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    platform.play(channel_id)
    (ack,) = camera.received("ACK")
    assert ack.at > camera.sent("INVITE", 200)[0].at


# -- the ledger ----------------------------------------------------------------------------


def test_ports_and_ssrcs_rest(launch: Launch, make_camera: MakeCamera, video: Source) -> None:
    """A port and an SSRC are not used again right after BYE, because cameras go on sending."""
    server = launch(GB28181_SESSIONS__REST="30")
    camera, channel_id = camera_with(make_camera, server, video)
    seen_ports, seen_ssrcs = [], []
    for _ in range(4):
        live = server.play(channel_id)
        call = camera.open_calls()[0]
        seen_ports.append(call.platform[1])
        seen_ssrcs.append(call.ssrc)
        server.end(live["session_id"])
        camera.wait_received("BYE", count=len(seen_ports))
        assert_three_views(server, [camera])
    assert len(set(seen_ports)) == 4
    assert len(set(seen_ssrcs)) == 4
    assert seen_ssrcs[0] % 10000 == 1  # serials start at 1


def test_no_port_left_is_said(launch: Launch, make_camera: MakeCamera, video: Source) -> None:
    server = launch()
    first = server.ports.media[0]
    server.env["GB28181_MEDIA__PORTS"] = f"{first}-{first}"
    server.restart()
    _one, one = camera_with(make_camera, server, video)
    camera, two = camera_with(make_camera, server, video)
    server.play(one)
    answer = server.live(two)
    assert (answer.status, answer.error["leg"]) == (503, "no_port")
    assert camera.received("INVITE") == []


def test_offline_device_is_said_at_once(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id = camera_with(make_camera, platform, None)
    camera.unregister()
    platform.wait_online(camera.device_id, online=False)
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (409, "device_offline")
    assert camera.received("INVITE") == []


def test_unknown_channel_is_404(platform: Server) -> None:
    answer = platform.live(new_id())
    assert answer.status == 404
    assert answer.error["leg"] is None
