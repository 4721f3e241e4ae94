"""Fragmented MP4 as strangers read it: ffprobe and ffmpeg over HTTP, a WebSocket client."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from . import media_source
from .camera import Source
from .kit import MakeCamera
from .live_support import RawViewer, assert_pictures, camera_with
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


def test_ten_seconds_without_a_gap(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["fmp4"]
    assert url.startswith(platform.url + f"/live/{channel_id}.mp4?ticket=")
    (shown, *_) = media_source.probe(url)["streams"]
    assert (shown["codec_name"], shown["codec_tag_string"]) == ("h264", "avc1")
    assert (shown["width"], shown["height"]) == (1920, 1080)
    assert shown["avg_frame_rate"] == "25/1"
    kept = tmp_path / "live.mkv"
    packets = media_source.record(url, str(kept), seconds=10)
    times = [float(p["pts_time"]) for p in packets if p["codec_type"] == "video"]
    assert {round((b - a) * 1000) for a, b in itertools.pairwise(times)} == {40}
    assert len(times) >= 245
    assert_pictures(media_source.codes(kept), 7, 245)


def test_get_starts_the_pull_and_leaving_is_counted(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    viewer = RawViewer(f"{platform.url}/live/{channel_id}.mp4?ticket={_ticket(platform)}")
    assert viewer.status == 200
    assert b"content-type: video/mp4" in viewer.head.lower()
    assert b"ftyp" in viewer.read(2000)[:40]
    (session,) = platform.sessions()
    assert session["viewers"] == 1
    viewer.close()
    wait_for(lambda: platform.session(session["session_id"])["viewers"] == 0, "it left")
    assert len(camera.received("INVITE")) == 1


@pytest.mark.parametrize("tail", [".mp4", ".mp4?ticket=", ".mp4?ticket=wrong"])
def test_no_ticket_no_invite(
    platform: Server, make_camera: MakeCamera, video: Source, tail: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    assert platform.call("GET", f"/live/{channel_id}{tail}", token=False).status == 401
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{platform.url.replace('http', 'ws')}/live/{channel_id}{tail}")
    assert refused.value.response.status_code == 401
    assert camera.received("INVITE") == []


def test_websocket_gives_the_same_bytes(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["ws_fmp4"]
    assert url.startswith("ws://127.0.0.1:")
    with connect(url, max_size=None) as socket:
        data = b""
        while len(data) < 3_000_000:
            message = socket.recv(timeout=10)
            assert isinstance(message, bytes), "nothing but the stream, unless it is asked for"
            data += message
    kept = tmp_path / "socket.mp4"
    kept.write_bytes(data)
    assert_pictures(media_source.codes(kept)[:-1], 7, 40)


def test_the_media_type_comes_as_text_where_it_is_asked_for(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["ws_fmp4"]
    with connect(f"{url}&codecs=1&audio=off", max_size=None) as socket:
        assert socket.recv(timeout=10) == 'video/mp4; codecs="avc1.4d4028"'
        head = socket.recv(timeout=10)
        assert isinstance(head, bytes)
        assert head[4:8] == b"ftyp"
        assert b"moof" not in head, "the header comes alone"
        assert b"moof" in socket.recv(timeout=10)[:8]


def test_an_ending_nobody_knows(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"{platform.url.replace('http', 'ws')}/live/{channel_id}.avi?ticket={_ticket(platform)}"
    with pytest.raises(InvalidStatus) as refused:
        connect(url)
    assert refused.value.response.status_code == 404
    assert camera.received("INVITE") == []


def _ticket(platform: Server) -> str:
    answer = platform.call("POST", "/api/v1/auth/ticket")
    return str(answer.body["ticket"])
