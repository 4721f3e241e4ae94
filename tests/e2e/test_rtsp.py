"""Pictures over RTSP as ffmpeg reads them: over TCP and UDP, with sound, and only for some."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import Any

import pytest

from tests.support import depacketize

from . import media_source
from .camera import Source
from .kit import MakeCamera, new_id
from .live_support import assert_pictures, camera_with, watch
from .rtsp_client import RtspClient, basic, controls
from .server import ADMIN_PASSWORD, Server, wait_for
from .views import assert_three_views

pytestmark = pytest.mark.e2e


def ffprobe(url: str, transport: str, seconds: float) -> tuple[dict[str, Any], str]:
    """Streams and packets of the first seconds, and what ffprobe complained of."""
    command = [
        "ffprobe", "-v", "warning", "-rtsp_transport", transport, "-show_streams", "-show_packets",
        "-read_intervals", f"%+{seconds}", "-of", "json", url,
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout), run.stderr.decode()


def times_of(found: dict[str, Any], stream: dict[str, Any]) -> list[float]:
    """Decoding times of a stream's packets; ffprobe gives the very first picture none."""
    packets = [one for one in found["packets"] if one["stream_index"] == stream["index"]]
    assert all("dts_time" in one for one in packets[1:])
    return [float(one["dts_time"]) for one in packets if "dts_time" in one]


def codes(url: str, transport: str, seconds: float) -> list[Any]:
    """What is to be seen, as block codes."""
    return media_source.codes(url, seconds=seconds, options=("-rtsp_transport", transport))[:-1]


# udp is slow: the kernel throws away what a player that gets no processor time does not fetch.
@pytest.mark.parametrize("transport", ["tcp", pytest.param("udp", marks=pytest.mark.slow)])
def test_ten_seconds_without_an_error(
    platform: Server, make_camera: MakeCamera, video: Source, transport: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    url = live["urls"]["rtsp"]
    assert url.startswith(f"rtsp://127.0.0.1:{platform.ports.rtsp}/live/{channel_id}?ticket=")
    found, complaints = ffprobe(url, transport, 10)
    assert complaints == ""
    picture, sound = sorted(
        found["streams"], key=lambda stream: str(stream["codec_type"]) != "video"
    )
    assert (picture["codec_name"], picture["width"], picture["height"]) == ("h264", 1920, 1080)
    assert picture["avg_frame_rate"] == "25/1"
    assert (sound["codec_name"], sound["sample_rate"]) == ("pcm_alaw", "8000")
    for stream in (picture, sound):
        times = times_of(found, stream)
        assert times[-1] - times[0] > 9
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(steps) > 0
        assert max(steps) < 0.2
    assert_pictures(codes(url, transport, 2), 7, 40)
    assert_three_views(platform, [camera])
    platform.wait_log("viewer.ended", stream_id=channel_id)
    platform.end(live["session_id"])
    assert_three_views(platform, [camera])
    assert platform.complaints() == []


def test_sound_is_the_tone_and_stands_beside_the_picture(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url]
    command += ["-t", "3", "-vn", "-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"]
    run = subprocess.run(command, capture_output=True, timeout=40, check=True)
    assert run.stderr == b""
    samples = memoryview(run.stdout[: len(run.stdout) // 2 * 2]).cast("h")
    assert len(samples) >= 2.5 * 8000
    crossings = sum(1 for one, two in itertools.pairwise(samples) if one < 0 <= two)
    assert crossings / (len(samples) / 8000) == pytest.approx(440, rel=0.03)
    found, _ = ffprobe(url, "tcp", 3)
    picture, sound = (times_of(found, stream) for stream in found["streams"])
    assert abs(picture[0] - sound[0]) < 0.2
    assert abs(picture[-1] - sound[-1]) < 0.2


def test_asking_over_rtsp_starts_the_pull_and_leaving_ends_it(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"rtsp://127.0.0.1:{platform.ports.rtsp}/live/{channel_id}"
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        assert client.ask("DESCRIBE", url).status == 401
        assert camera.received("INVITE") == []
        described = client.ask("DESCRIBE", url, Authorization=basic("admin", ADMIN_PASSWORD))
        assert described.status == 200
        picture, sound = controls(described.body)
        agreed = client.ask("SETUP", picture, Transport="RTP/AVP/TCP;unicast;interleaved=4-5")
        assert "interleaved=4-5" in agreed.headers["transport"]
        told = {"Session": agreed.session}
        client.ask("SETUP", sound, Transport="RTP/AVP/TCP;unicast;interleaved=6-7", **told)
        played = client.ask("PLAY", url, **told)
        assert played.status == 200
        (session,) = platform.sessions()
        wait_for(lambda: platform.session(session["session_id"])["viewers"] == 1, "one viewer")
        frames = client.read_frames(400)
        info = dict(
            part.partition("=")[::2] for part in played.headers["rtp-info"].split(",")[0].split(";")
        )
        first = next(depacketize.rtp(data) for channel, data in frames if channel == 4)
        assert (str(first[2]), str(first[3])) == (info["seq"], info["rtptime"])
        reports = [data for channel, data in frames if channel in (5, 7)]
        assert {data[1] for data in reports} == {200}
        assert client.ask("GET_PARAMETER", url, **told).status == 200
        assert client.ask("PAUSE", url, **told).status == 200
        wait_for(lambda: platform.session(session["session_id"])["viewers"] == 0, "no viewer")
        seen = len(client.frames)
        assert client.ask("PLAY", url, **told).status == 200
        frames = client.read_frames(seen + 100)
        numbers = [depacketize.rtp(data)[2] for channel, data in frames if channel == 4]
        assert all((two - one) % 65536 == 1 for one, two in itertools.pairwise(numbers))
        assert client.ask("TEARDOWN", url, **told).status == 200
        assert client.ask("GET_PARAMETER", url, **told).status == 454
    camera.wait_received("BYE")
    assert_three_views(platform, [camera])
    assert platform.complaints() == []


def test_many_ways_at_once_are_one_pull(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    urls = platform.play(channel_id)["urls"]
    commands = [
        ["ffprobe", "-v", "error", "-rtsp_transport", way, "-read_intervals", "%+4",
         "-show_packets", "-of", "json", urls["rtsp"]]
        for way in ("tcp", "udp", "udp")
    ]  # fmt: skip
    runs = [subprocess.Popen(one, stdout=subprocess.PIPE) for one in commands]
    assert_pictures(watch(urls["flv"]), 7, 40)
    for run in runs:
        out, _ = run.communicate(timeout=40)
        assert run.returncode == 0
        assert len(json.loads(out)["packets"]) > 100
    assert len(camera.received("INVITE")) == 1
    assert_three_views(platform, [camera])


@pytest.mark.parametrize(
    ("path", "credentials", "status"),
    [
        ("/live/{channel}", None, 401),
        ("/live/{channel}", ("admin", "wrong"), 401),
        ("/live/{channel}", ("nobody", "x"), 401),
        ("/live/{channel}?ticket=forged", None, 401),
        ("/live/{channel}?ticket=forged", ("admin", ADMIN_PASSWORD), 401),
        ("/live/64019900001310000001", ("admin", ADMIN_PASSWORD), 404),
        ("/else/{channel}", ("admin", ADMIN_PASSWORD), 404),
        ("/live/{channel}?stream=third", ("admin", ADMIN_PASSWORD), 404),
        ("/play/playback-of-nobody", ("admin", ADMIN_PASSWORD), 404),
    ],
)
def test_who_may_not_or_asks_for_nothing_sends_no_invite(
    platform: Server,
    make_camera: MakeCamera,
    video: Source,
    path: str,
    credentials: tuple[str, str] | None,
    status: int,
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"rtsp://127.0.0.1:{platform.ports.rtsp}" + path.format(channel=channel_id)
    headers = {"Authorization": basic(*credentials)} if credentials else {}
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        assert client.ask("DESCRIBE", url, **headers).status == status
        answer = client.ask("SETUP", url, Transport="RTP/AVP/TCP;interleaved=0-1", **headers)
        assert answer.status == status
    assert camera.received("INVITE") == []
    assert platform.sessions() == []
    assert_three_views(platform, [camera])


def test_a_ticket_of_one_stream_opens_no_other(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    other, other_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        assert client.ask("DESCRIBE", url.replace(channel_id, other_id)).status == 401
        assert client.ask("DESCRIBE", url + "&stream=sub").status == 401
        assert client.ask("DESCRIBE", url).status == 200
    assert other.received("INVITE") == []
    assert_three_views(platform, [camera, other])


def test_a_device_that_is_away_is_503_and_one_that_refuses_502(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.unregister()
    platform.wait_online(camera.device_id, online=False)
    url = f"rtsp://127.0.0.1:{platform.ports.rtsp}/live/{channel_id}"
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        answer = client.ask("DESCRIBE", url, Authorization=basic("admin", ADMIN_PASSWORD))
        assert answer.status == 503
    platform.wait_log("viewer.refused", channel_id=channel_id, status=409)


@pytest.mark.parametrize(
    "transport",
    [
        "RTP/AVP;multicast",
        "RTP/AVP;unicast",
        "RTP/AVP;unicast;client_port=0-1",
        "RTP/AVP;unicast;client_port=53-54",
        "RTP/AVP;unicast;client_port=40000-40001;destination=198.51.100.7",
        "RTP/SAVP;unicast;client_port=40000-40001",
        "nonsense",
    ],
)
def test_packets_go_nowhere_but_to_who_asks(
    platform: Server, make_camera: MakeCamera, video: Source, transport: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        picture = controls(client.ask("DESCRIBE", url).body)[0]
        assert client.ask("SETUP", picture, Transport=transport).status == 461
        held = {sock.local[1] for sock in platform.sockets() if sock.state == "udp"}
        assert not held & set(platform.ports.players)
    assert_three_views(platform, [camera])


def test_methods_out_of_their_order(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        assert "DESCRIBE" in client.ask("OPTIONS", "*").headers["public"]
        assert client.ask("PLAY", url, Session="0123456789abcdef").status == 454
        assert client.ask("RECORD", url).status == 405
        assert client.ask("OPTIONS", "*", Require="com.example.future").status == 551
        assert client.ask("SETUP", url, Transport="RTP/AVP/TCP;interleaved=0-1").status == 459
        picture = controls(client.ask("DESCRIBE", url).body)[0]
        agreed = client.ask("SETUP", picture, Transport="RTP/AVP/TCP;unicast")
        assert client.ask("PLAY", url, Session=agreed.session).status == 200
        again = client.ask("SETUP", picture, Transport="RTP/AVP/TCP", Session=agreed.session)
        assert again.status == 455
        # Another connection cannot touch the session.
        with RtspClient(("127.0.0.1", platform.ports.rtsp)) as other:
            assert other.ask("TEARDOWN", url, Session=agreed.session).status == 454
        assert client.ask("TEARDOWN", url, Session=agreed.session).status == 200


def test_requests_glued_and_torn(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    _, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        data = client.request("OPTIONS", "*") + client.request("DESCRIBE", url)
        for at in range(0, len(data), 3):
            client.socket.sendall(data[at : at + 3])
        assert client.answer().status == 200
        assert client.answer().headers["content-type"] == "application/sdp"


def test_nonsense_is_answered_and_cut(platform: Server) -> None:
    for data in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n",
        b"OPTIONS * RTSP/1.0\r\n" + b"X: y\r\n" * 5000,
        b"A" * 100_000,
    ):
        with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
            client.socket.sendall(data)
            assert client.is_closed()
    platform.wait_log("viewer.cut", protocol="rtsp")
    assert platform.complaints() == []


def test_guessing_passwords_ends_the_connection_and_then_the_guessing(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"rtsp://127.0.0.1:{platform.ports.rtsp}/live/{channel_id}"
    user = f"guess-{new_id()}"
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 40:
        with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
            for _ in range(5):
                answer = client.ask("DESCRIBE", url, Authorization=basic(user, "x"))
                statuses.append(answer.status)
                if answer.status == 429:
                    break
            else:
                assert client.is_closed()
    assert statuses == [401] * 10 + [429]
    assert camera.received("INVITE") == []


def test_a_reader_that_stops_is_cut_to_a_key_frame_and_then_off(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """It reads nothing for a while and then everything: what comes is whole again."""
    camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["rtsp"]
    with RtspClient(("127.0.0.1", platform.ports.rtsp)) as client:
        picture = controls(client.ask("DESCRIBE", url).body)[0]
        agreed = client.ask("SETUP", picture, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert client.ask("PLAY", url, Session=agreed.session).status == 200
        wait_for(
            lambda: platform.log_events("media.reader_dropped", stream_id=channel_id),
            "the reader is dropped",
            timeout=60,
            every=0.5,
        )
        frames = client.read_frames(len(client.frames) + 6000)
        numbers = [depacketize.rtp(data)[2] for channel, data in frames if channel == 0]
        assert all((two - one) % 65536 == 1 for one, two in itertools.pairwise(numbers))
    assert_three_views(platform, [camera])


def test_a_viewer_over_udp_that_vanishes_leaves_no_port_behind(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "udp"]
    command += ["-i", live["urls"]["rtsp"], "-f", "null", "-"]
    with subprocess.Popen(command) as player:
        wait_for(lambda: platform.session(live["session_id"])["viewers"] == 1, "it looks")
        player.kill()
    wait_for(lambda: platform.session(live["session_id"])["viewers"] == 0, "it is gone")
    held = {sock.local[1] for sock in platform.sockets() if sock.state == "udp"}
    assert not held & set(platform.ports.players)
    assert_three_views(platform, [camera])


def test_the_end_of_the_stream_ends_the_player(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp"]
    command += ["-i", live["urls"]["rtsp"], "-map", "0:v", "-c", "copy", "-f", "h264", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as player:
        assert player.stdout is not None
        assert player.stdout.read(10_000), "it plays"
        platform.end(live["session_id"])
        player.stdout.read()
        assert player.wait(10) == 0
    camera.wait_received("BYE")
    assert_three_views(platform, [camera])
