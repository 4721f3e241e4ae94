"""Recording on the platform, from outside: files judged by FFmpeg, crash, gaps, room, films."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from . import media_source
from .camera import Source, load
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Server, wait_for
from .test_workers import workers

pytestmark = [pytest.mark.e2e]

SHORT = {
    "GB28181_RECORDING__SEGMENT": "2",
    "GB28181_RECORDING__RESERVE": "0",
    "GB28181_RECORDING__LOOK": "0.5",
}


def record(server: Server, channel_id: str, action: str = "start", **more: object) -> Any:
    body = {"action": action, **more}
    answer = server.call("POST", f"/api/v1/channels/{channel_id}/recording", body)
    assert answer.status == 200, answer
    return answer.body


def timeline(server: Server, channel_id: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(hours=1)
    found: dict[str, Any] = server.get(
        f"/channels/{channel_id}/timeline", start=start.isoformat(), end=end.isoformat()
    )
    return found


def wait_segments(server: Server, channel_id: str, count: int) -> list[dict[str, Any]]:
    """So many whole files."""

    def look() -> list[dict[str, Any]]:
        found = [s for s in timeline(server, channel_id)["segments"] if s["state"] == "done"]
        return found if len(found) >= count else []

    return wait_for(look, f"{count} whole segments of {channel_id}", timeout=60)


def frames(path: Path) -> list[int]:
    """Numbers of the pictures in a file, in order; none may be damaged, times rise."""
    found = media_source.codes(str(path), seconds=60)
    assert None not in found
    packets = [p for p in media_source.packets(path) if p["codec_type"] == "video"]
    times = [float(packet["dts_time"]) for packet in packets]
    assert times == sorted(set(times))
    return [code.frame for code in found if code]


def assert_follow(numbers: list[int]) -> None:
    pairs = itertools.pairwise(numbers)
    assert [(a, b) for a, b in pairs if b != (a + 1) % media_source.FRAMES] == []


def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request) as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status, response.read(), headers


def test_recorded_time_has_no_hole_and_comes_back_as_a_film_and_as_a_file(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    server = launch(**SHORT)
    camera, channel_id = camera_with(make_camera, server, video)
    assert record(server, channel_id)["wanted_by"] == ["hand"]
    segments = wait_segments(server, channel_id, 2)
    # The recorder is a viewer: nobody looks, and the picture lasts longer than it lingers.
    (session,) = server.sessions()
    assert (session["channel_id"], session["state"]) == (channel_id, "running")
    assert server.call("POST", f"/api/v1/channels/{channel_id}/live", {}).status == 200
    assert len(server.sessions()) == 1
    record(server, channel_id, "stop")
    camera.wait_received("BYE")
    found = timeline(server, channel_id)
    assert found["gaps"] == []
    segments = found["segments"]
    folder = server.data_dir / "recordings"
    numbers: list[int] = []
    for segment, following in itertools.zip_longest(segments, segments[1:]):
        file = folder / segment["path"]
        assert file.stat().st_size == segment["size"]
        numbers += frames(file)
        if following is not None:
            assert segment["end"] == following["start"]
    assert_follow(numbers)
    kinds = {s["codec_type"]: s["codec_name"] for s in
             media_source.probe(folder / segments[1]["path"], seconds=10)["streams"]}  # fmt: skip
    assert kinds == {"video": "h264", "audio": "aac"}

    start = datetime.fromisoformat(segments[0]["start"]) + timedelta(seconds=1)
    end = datetime.fromisoformat(segments[-1]["end"]) - timedelta(seconds=0.5)
    span = {"start": start.isoformat(), "end": end.isoformat()}
    film = server.call("POST", f"/api/v1/channels/{channel_id}/film", span).body
    status, whole, _ = fetch(film["url"])
    assert (status, len(whole)) == (200, film["size"])
    (tmp_path / "film.mp4").write_bytes(whole)
    shown = frames(tmp_path / "film.mp4")
    assert_follow(shown)
    assert set(shown) <= set(numbers)
    assert len(shown) >= 25 * (film["duration_s"] - 0.2)
    assert film["duration_s"] >= (end - start).total_seconds()
    for spec, part in (
        ("bytes=0-99", whole[:100]),
        ("bytes=1000-70000", whole[1000:70001]),
        ("bytes=-50", whole[-50:]),
    ):
        status, data, headers = fetch(film["url"], {"Range": spec})
        assert (status, data) == (206, part)
        assert headers["content-range"].endswith(f"/{len(whole)}")

    order = server.call("POST", f"/api/v1/channels/{channel_id}/export", span)
    assert order.status == 200, order
    path = f"/exports/{order.body['export_id']}"
    done = wait_for(
        lambda: e if (e := server.get(path))["state"] != "running" else None, "exported"
    )
    assert done is not None
    assert (done["state"], done["progress"]) == ("done", 1.0)
    token = {"Authorization": f"Bearer {server.token()}"}
    _, data, _ = fetch(f"{server.url}/api/v1{path}/file", token)
    assert hashlib.sha256(data).hexdigest() == done["sha256"]
    assert data == whole
    status, part, _ = fetch(f"{server.url}/api/v1{path}/file", {**token, "Range": "bytes=10-19"})
    assert (status, part) == (206, data[10:20])

    _refusals(server, channel_id, segments[0]["segment_id"], span)


def _refusals(server: Server, channel_id: str, segment_id: str, span: dict[str, str]) -> None:
    film = f"/api/v1/channels/{channel_id}/film.mp4?start={span['start'].replace('+', '%2B')}"
    film += f"&end={span['end'].replace('+', '%2B')}"
    assert server.call("GET", film, token=False).status == 401
    assert server.call("GET", f"{film}&ticket=forged", token=False).status == 401
    base = f"/api/v1/channels/{channel_id}"
    back = {"start": span["end"], "end": span["start"]}
    assert server.call("POST", f"{base}/film", back).status == 422
    ago = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T00:00:10Z"}
    assert server.call("POST", f"{base}/film", ago).status == 404
    assert server.call("POST", "/api/v1/channels/1/recording", {"action": "start"}).status == 404
    assert server.call("POST", f"{base}/recording", {"action": "burn"}).status == 422
    assert server.call("GET", "/api/v1/exports/..%2f..%2fetc%2fpasswd").status == 404
    assert server.call("GET", "/api/v1/segments/..%2f..%2fgb28181.db").status == 404
    segment = f"/api/v1/segments/{segment_id}"
    assert server.call("POST", f"{segment}/protect", {}).body["protected"] is True
    assert server.call("DELETE", segment).error["code"] == "segment_protected"
    assert server.call("POST", f"{segment}/protect", {"protected": False}).status == 200
    assert server.call("DELETE", segment).status == 204
    assert server.call("DELETE", segment).status == 404


def test_a_crash_a_missing_camera_and_a_plan(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    """With its media in a process of its own."""
    long = {"GB28181_RECORDING__SEGMENT": "600", "GB28181_MEDIA__WORKERS": "1"}
    server = launch(**{**SHORT, **long})
    camera, channel_id = camera_with(make_camera, server, video)
    week = [[[0, 1440]]] * 7
    plan = server.call("POST", "/api/v1/recording-plans", {"name": "always", "week": week})
    assert plan.status == 201, plan
    path = f"/api/v1/recording-plans/{plan.body['plan_id']}"
    assert server.call("PUT", f"{path}/channels", {"channel_ids": ["1"]}).status == 404
    put = server.call("PUT", f"{path}/channels", {"channel_ids": [channel_id]})
    assert put.body["channel_count"] == 1

    def grown() -> bool:
        segments = timeline(server, channel_id)["segments"]
        return bool(segments) and segments[-1]["duration_s"] > 2.5

    wait_for(grown, "a file of some seconds", timeout=30)
    stranger = server.data_dir / "recordings" / "2020-01-01" / "x" / "000000-000.mp4"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"not ours")
    server.kill9()
    (file,) = (server.data_dir / "recordings").glob(f"*/{channel_id}/*.mp4")
    numbers = frames(file)  # it plays though nobody closed it
    assert len(numbers) >= 50
    assert_follow(numbers)
    server.start()
    server.wait_log("recording.repaired", channel_id=channel_id)
    server.wait_log("recording.file_unknown", count=1)
    assert stranger.exists()
    (first,) = [s for s in timeline(server, channel_id)["segments"] if s["state"] == "done"]
    assert first["duration_s"] == pytest.approx(len(numbers) / 25, abs=0.05)
    camera.keepalive()

    def again() -> bool:
        return len(timeline(server, channel_id)["segments"]) == 2

    wait_for(again, "it is recorded again by itself", timeout=40)
    server.log_mark()
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    server.wait_log("recording.repaired", timeout=20, channel_id=channel_id)
    wait_for(lambda: len(timeline(server, channel_id)["segments"]) == 3, "and again", timeout=40)
    server.log_mark()  # that the worker's death was told was wanted
    off = {"name": "always", "week": week, "enabled": False}
    assert server.call("PUT", path, off).status == 200
    wait_for(lambda: server.get(f"/channels/{channel_id}/recording")["state"] == "idle", "off")
    wait_segments(server, channel_id, 3)
    assert server.call("DELETE", path).status == 204


def test_the_oldest_go_at_the_quota_and_recording_pauses_when_nothing_may_go(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    second = sum(len(frame.data) for frame in video.frames[:25])
    server = launch(**{**SHORT, "GB28181_RECORDING__QUOTA": str(6 * second)})
    _, channel_id = camera_with(make_camera, server, video)
    record(server, channel_id)
    (first, *_) = wait_segments(server, channel_id, 1)
    server.wait_log("recording.removed", timeout=60, reason="quota")
    found = timeline(server, channel_id)["segments"]
    assert first["segment_id"] not in [segment["segment_id"] for segment in found]
    assert not (server.data_dir / "recordings" / first["path"]).exists()

    now = datetime.now(UTC)
    start, end = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    path = f"/api/v1/channels/{channel_id}/recording/protect"

    def protect(on: bool) -> None:
        body = {"start": start, "end": end, "protected": on}
        assert server.call("POST", path, body).status == 200

    def paused() -> bool:
        protect(True)
        found = timeline(server, channel_id)
        kept = all(one["protected"] and one["state"] == "done" for one in found["segments"])
        is_paused = server.get(f"/channels/{channel_id}/recording")["state"] == "paused"
        return bool(kept and is_paused and found["gaps"] and found["gaps"][-1]["end"] is None)

    wait_for(paused, "nothing may go: it pauses", timeout=60, every=0.2)
    server.wait_log("recording.paused", reason="quota", level="error")
    assert server.get("/recordings/room")["room"] is False
    assert timeline(server, channel_id)["gaps"][-1]["cause"] == "disk_full"
    protect(False)
    wait_for(
        lambda: server.get(f"/channels/{channel_id}/recording")["state"] == "recording",
        "there is room again",
        timeout=30,
    )
    wait_for(
        lambda: all(gap["end"] for gap in timeline(server, channel_id)["gaps"]), "no gap lasts"
    )
    assert server.get("/recordings/room")["missing"] == []
    server.log_mark()  # that it was loud was wanted


def test_a_recording_moves_with_its_stream_when_its_node_is_drained(
    launch: Launch, make_camera: MakeCamera
) -> None:
    video = load(media_source.h264_file(7, width=1280, height=720), media_source.tone_file())
    long = {"GB28181_RECORDING__SEGMENT": "600", "GB28181_MEDIA__WORKERS": "2"}
    server = launch(**{**SHORT, **long})
    _, channel_id = camera_with(make_camera, server, video)
    record(server, channel_id)

    def growing() -> dict[str, Any]:
        segments = timeline(server, channel_id)["segments"]
        found = [s for s in segments if s["state"] == "growing" and s["duration_s"] > 1]
        return found[-1] if found else {}

    first = wait_for(growing, "a file that grows", timeout=30)
    nodes = {one["name"]: one["streams"] for one in server.get("/media/nodes")["items"]}
    (busy,) = [name for name, streams in nodes.items() if streams]
    path = f"/api/v1/media/nodes/{busy}"
    drained = server.call("POST", f"{path}/drain", {"move": True})
    assert drained.body == {"moved": 1, "left": 0}
    second = wait_for(
        lambda: s if (s := growing()) and s["path"] != first["path"] else {},
        "it goes on",
        timeout=30,
    )
    nodes = {one["name"]: one["streams"] for one in server.get("/media/nodes")["items"]}
    assert (nodes[busy], sum(nodes.values())) == (0, 1)
    record(server, channel_id, "stop")
    wait_for(lambda: server.get(f"/channels/{channel_id}/recording")["state"] == "idle", "idle")
    segments = {s["path"]: s for s in wait_segments(server, channel_id, 2)}
    assert segments.keys() == {first["path"], second["path"]}
    folder = server.data_dir / "recordings"
    for name, segment in segments.items():
        assert (folder / name).stat().st_size == segment["size"]
        assert_follow(frames(folder / name))
