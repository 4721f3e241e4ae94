"""The platform's own recordings as streams: FFmpeg counts every picture, at any speed."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Server, wait_for
from .test_recording import SHORT, assert_follow, frames, record, timeline, wait_segments

pytestmark = [pytest.mark.e2e]


def play(server: Server, channel_id: str, span: dict[str, str], **more: object) -> Any:
    body = {**span, "source": "platform", **more}
    return server.call("POST", f"/api/v1/channels/{channel_id}/playback", body)


def control(server: Server, session_id: str, **body: object) -> Any:
    return server.call("POST", f"/api/v1/sessions/{session_id}/control", body)


def pictures(found: list[dict[str, Any]]) -> list[float]:
    """Times of the pictures among packets, seconds. By RTSP ffprobe gives the very first none: it
    came before the server told what time it is."""
    shown = [one for one in found if one["codec_type"] == "video"]
    times = [float(one["pts_time"]) for one in shown if "pts_time" in one]
    assert len(shown) - len(times) <= 1
    assert times == sorted(set(times))
    step = (times[-1] - times[0]) / (len(times) - 1)
    return [times[0] - step, *times] if len(times) < len(shown) else times


def lasts(times: list[float]) -> float:
    return times[-1] - times[0]


def packets_by_rtsp(url: str) -> list[dict[str, Any]]:
    command = [
        *("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_packets", "-of", "json", url)
    ]
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    found: list[dict[str, Any]] = json.loads(run.stdout)["packets"]
    return found


@pytest.fixture
def recorded(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> tuple[Server, str, list[int], dict[str, str]]:
    """Some seconds in several files, of a camera that is gone: the pictures in each, and when."""
    server = launch(**SHORT, GB28181_MEDIA__WORKERS="1")
    camera, channel_id = camera_with(make_camera, server, video)
    record(server, channel_id)
    wait_segments(server, channel_id, 2)
    record(server, channel_id, "stop")

    def whole() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = timeline(server, channel_id)["segments"]
        return found if found[-1]["reason"] == "stopped" else []

    segments = wait_for(whole, "all files whole")
    assert camera.unregister().status == 200
    wait_for(lambda: not server.get(f"/channels/{channel_id}")["online"], "it is offline")
    folder = server.data_dir / "recordings"
    counts = [len(pictures(media_source.packets(folder / one["path"]))) for one in segments]
    now = datetime.now(UTC)
    span = {
        "start": (now - timedelta(hours=1)).isoformat(),
        "end": (now + timedelta(hours=1)).isoformat(),
    }
    return server, channel_id, counts, span


def test_every_picture_is_shown_at_any_speed_though_the_camera_is_gone(
    recorded: tuple[Server, str, list[int], dict[str, str]], tmp_path: Path
) -> None:
    server, channel_id, counts, span = recorded
    count = sum(counts)
    assert server.call("POST", f"/api/v1/channels/{channel_id}/live", {}).status == 409
    played = play(server, channel_id, span)
    assert played.status == 200, played
    shown = played.body
    assert (shown["transport"], shown["video"]["codec"], shown["state"]) == (
        "platform",
        "h264",
        "running",
    )
    assert shown["audio"]["codec"] == "aac"
    assert shown["urls"]["rtsp"].startswith("rtsp://")
    (session,) = server.sessions()
    assert (session["kind"], session["remote"], session["viewers"]) == ("playback", None, 0)

    # At its own speed, by FLV: the pictures of the files, none twice, at the times they had.
    file = tmp_path / "flv.mkv"
    times = pictures(media_source.record(shown["urls"]["flv"], str(file), seconds=60))
    assert len(times) == count
    assert lasts(times) == pytest.approx((count - 1) / 25, abs=0.1)
    numbers = frames(file)
    assert len(numbers) == count
    assert_follow(numbers)
    kinds = {one["codec_type"] for one in media_source.probe(file)["streams"]}
    assert kinds == {"video", "audio"}
    server.wait_log("session.ended", session_id=shown["session_id"], reason="finished")

    # Eight times as fast, by RTSP: the same pictures in an eighth of the time.
    shown = play(server, channel_id, span).body
    told = control(server, shown["session_id"], action="speed", speed=8)
    assert (told.status, told.body["speed"], told.body["paused"]) == (200, 8.0, False)
    times = pictures(packets_by_rtsp(shown["urls"]["rtsp"]))
    assert len(times) == count
    assert lasts(times) == pytest.approx((count - 1) / 25 / 8, abs=0.1)
    server.wait_log("session.ended", session_id=shown["session_id"], reason="finished")

    # From a place inside on.
    shown = play(server, channel_id, span).body
    last = timeline(server, channel_id)["segments"][-1]
    since = datetime.fromisoformat(last["start"]) - datetime.fromisoformat(span["start"])
    place = since.total_seconds() + 0.1
    assert control(server, shown["session_id"], action="seek", position_s=place).status == 200
    position = server.get(f"/sessions/{shown['session_id']}/playback")
    assert position["position_s"] == pytest.approx(place, abs=0.2)
    assert len(pictures(media_source.packets(shown["urls"]["fmp4"]))) == counts[-1]
    _refusals(server, channel_id, span)


def _refusals(server: Server, channel_id: str, span: dict[str, str]) -> None:
    shown = play(server, channel_id, span).body
    session_id = shown["session_id"]
    assert control(server, session_id, action="speed", speed=-1).status == 422
    assert control(server, session_id, action="speed", speed=16).status == 422
    assert control(server, session_id, action="seek", position_s=7200).status == 422
    assert control(server, session_id, action="pause").body["paused"] is True
    assert control(server, session_id, action="resume").body["paused"] is False
    path = f"/play/{shown['stream_id']}.flv"
    assert server.call("GET", path, token=False).status == 401
    assert server.call("GET", f"{path}?ticket=forged", token=False).status == 401
    assert control(server, session_id, action="stop").status == 200
    server.wait_log("session.ended", session_id=session_id, reason="stopped")
    assert control(server, session_id, action="pause").error["code"] == "session_not_running"
    ago = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T00:00:10Z"}
    assert play(server, channel_id, ago).error["code"] == "recording_unknown"
    assert play(server, channel_id, {**span, "end": span["start"]}).status == 422
    assert play(server, channel_id, span, source="tape").status == 422
    # Of a device, which is the default, it is offline.
    asked = server.call("POST", f"/api/v1/channels/{channel_id}/playback", span)
    assert asked.status == 409
