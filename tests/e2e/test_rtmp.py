"""Cameras that publish by RTMP: a channel in the tree like the others, there while it publishes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from . import media_source
from .kit import Launch
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(launch: Launch) -> Server:
    return launch()


def entered(server: Server) -> dict[str, Any]:
    body = {"name": "南门 RTMP", "civil_code": "640104", "kind": "rtmp"}
    answer = server.call("POST", "/api/v1/sources", body)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.body
    return found


@contextmanager
def encoder(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg, which shares nothing with the product, publishes a picture and a tone."""
    command = [
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-re"),
        *("-f", "lavfi", "-i", "testsrc=size=640x360:rate=25"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", url),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def online(server: Server, channel_id: str, wanted: bool = True) -> bool:
    return bool(server.get(f"/channels/{channel_id}")["online"] == wanted)


def test_a_camera_from_its_key_to_its_end(server: Server) -> None:
    source = entered(server)
    channel_id, publish = source["channel_id"], source["publish"]
    assert publish["url"] == f"{publish['server']}/{publish['key']}"
    again = server.get(f"/sources/{channel_id}")
    assert again["publish"]["server"] == publish["server"]
    assert again["publish"]["key"] is None
    assert publish["key"] not in str(again)
    offline = server.live(channel_id)
    assert (offline.status, offline.error["leg"]) == (409, "device_offline")

    with encoder(publish["url"]) as process:
        wait_for(lambda: online(server, channel_id), "online")
        live = server.play(channel_id)
        assert live["video"] == {"codec": "h264", "width": 640, "height": 360, "fps": 25}
        assert live["audio"]["codec"] == "aac"
        assert live["transport"] == "rtmp"
        for output in ("flv", "rtsp"):
            probed = media_source.probe(live["urls"][output])
            found = {s["codec_name"]: s.get("width") for s in probed["streams"]}
            assert found == {"h264": 640, "aac": None}, output
        process.kill()
        wait_for(lambda: online(server, channel_id, False), "offline")
    reason = server.get(f"/sources/{channel_id}")["reason"]
    assert reason == "the encoder closed the connection"

    renewed = server.call("POST", f"/api/v1/sources/{channel_id}/key").body["publish"]
    with encoder(publish["url"]) as stale:
        assert stale.wait(20) != 0, "the key before opens nothing"
    server.restart()
    with encoder(renewed["url"]):
        wait_for(lambda: online(server, channel_id), "online with the new key")
        assert server.play(channel_id)["video"]["codec"] == "h264"
        assert server.call("DELETE", f"/api/v1/sources/{channel_id}").status == 204
        assert server.live(channel_id).status == 404
