"""A live picture brought to another server: what arrives there is read by ffmpeg, which listens."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.rtsp_target import PASSWORD, USER, RtspTarget

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import assert_pictures, camera_with
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def push(server: Server, channel_id: str, url: str) -> dict[str, Any]:
    answer = server.call("POST", f"/api/v1/channels/{channel_id}/pushes", {"url": url})
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.body
    return found


def state(server: Server, push_id: str) -> str:
    return str(server.get(f"/pushes/{push_id}")["state"])


def wait_state(server: Server, push_id: str, wanted: str) -> None:
    wait_for(lambda: state(server, push_id) == wanted, f"push {wanted}", timeout=40)


@contextmanager
def receiving(options: list[str], url: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """FFmpeg as a server that takes one stream and writes what it gets, uncoded."""
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-y", *options, "-i", url]
    command += ["-map", "0", "-c", "copy", "-t", "5", "-f", "matroska", str(file)]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def listening(port: int) -> bool:
    """Without connecting: the first connection is the only one that is taken."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)


def arrived(run: subprocess.Popen[bytes], file: Path) -> list[dict[str, Any]]:
    """Streams of what was received; it ended well and complained of nothing.

    But of its own file: FFmpeg's RTSP gives the very first picture no decoding time.
    """
    _, told = run.communicate(timeout=60)
    complaints = [line for line in told.decode().splitlines() if "[matroska" not in line]
    assert run.returncode == 0, complaints
    assert complaints == []
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)]
    probed = subprocess.run(command, capture_output=True, check=True)
    streams: list[dict[str, Any]] = json.loads(probed.stdout)["streams"]
    return streams


WAYS = {
    "rtsp": (["-analyzeduration", "1M", "-rtsp_flags", "listen"], "in/cam1", ["h264", "pcm_alaw"]),
    "rtmp": (["-f", "flv", "-listen", "1"], "live/streamkey", ["h264", "aac"]),
}


def test_ffmpeg_takes_it_by_rtsp_and_rtmp(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    server = launch(GB28181_PUSHES__ALLOW="127.0.0.0/8", GB28181_SESSIONS__LINGER="1")
    camera, channel_id = camera_with(make_camera, server, video)
    path = f"/api/v1/channels/{channel_id}/pushes"
    with ExitStack() as stack:
        runs = {}
        for protocol, (options, name, _) in WAYS.items():
            port, file = free_port(), tmp_path / f"{protocol}.mkv"
            url = f"{protocol}://127.0.0.1:{port}/{name}"
            runs[protocol] = stack.enter_context(receiving(options, url, file)), file
            wait_for(lambda port=port: listening(port), "ffmpeg listens", timeout=20)  # type: ignore[misc]
            told = push(server, channel_id, url)
            assert told["target"] == url.replace("streamkey", "***")
            assert told["protocol"] == protocol
            wait_state(server, told["push_id"], "pushing")
        assert len(server.sessions()) == 1, "one pull for both"
        for protocol, (run, file) in runs.items():
            assert [one["codec_name"] for one in arrived(run, file)] == WAYS[protocol][2]
            assert_pictures(media_source.codes(str(file))[:-1], 7, least=90)
    # The servers are gone: the pushes wait and say why, the camera is let go, nothing is lost.
    for one in server.get(f"/channels/{channel_id}/pushes")["items"]:
        wait_state(server, one["push_id"], "waiting")
        waiting = server.get(f"/pushes/{one['push_id']}")
        assert waiting["bytes_out"] > 300_000
        assert waiting["last_error"]
    wait_for(lambda: camera.received("BYE") != [], "BYE: nobody takes it any more", timeout=20)
    assert server.call("DELETE", path).status == 204
    assert server.get(f"/channels/{channel_id}/pushes") == {"items": [], "total": 0}
    assert "streamkey" not in server.log_text()


def test_kept_over_a_restart_and_tried_until_the_server_is_back(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch(GB28181_PUSHES__ALLOW="127.0.0.0/8", GB28181_MEDIA__WORKERS="1")
    camera, channel_id = camera_with(make_camera, server, video)
    with RtspTarget(auth="md5") as target:
        secret = "p%40ss%20%22w0rd"
        url = target.url.replace("rtsp://", f"rtsp://{USER}:{secret}@")
        told = push(server, channel_id, url)
        assert told["target"] == target.url.replace("rtsp://", f"rtsp://{USER}:***@")
        wait_for(lambda: target.packets > 50, "pictures", timeout=40)
        wait_state(server, told["push_id"], "pushing")
        wait_for(lambda: server.get(f"/pushes/{told['push_id']}")["bytes_out"] > 0, "octets")
        target.hang_up()
        wait_state(server, told["push_id"], "waiting")
        before = target.packets
        target.listen()
        wait_for(lambda: target.packets > before + 50, "pictures again", timeout=40)
        server.restart()
        assert camera.register().status == 200
        (kept,) = server.get("/pushes")["items"]
        assert (kept["push_id"], kept["target"]) == (told["push_id"], told["target"])
        before = target.packets
        wait_for(lambda: target.packets > before + 50, "pictures after a restart", timeout=60)
        assert server.call("DELETE", f"/api/v1/pushes/{told['push_id']}").status == 204
        wait_for(lambda: target.requests[-1] == "TEARDOWN", "TEARDOWN")
    assert PASSWORD not in server.log_text()
    assert secret not in server.log_text()


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "rtsp://", "rtmp://192.0.2.1/app", "x" * 99])
def test_what_is_no_target(platform: Server, url: str) -> None:
    channel_id = "64010400001310009999"
    path = f"/api/v1/channels/{channel_id}/pushes"
    assert platform.call("POST", path, {"url": url}).status == 422
    assert platform.call("POST", path, {"url": "rtsp://192.0.2.1/in"}).status == 404
    assert platform.get("/pushes")["items"] == []
