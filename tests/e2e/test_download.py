"""Downloads: from the order to a file judged by FFmpeg; broken links, restarts, limits."""

from __future__ import annotations

import hashlib
import itertools
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from . import media_source
from .camera import Record, Source
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Server, wait_for
from .test_playback import MORNING, frame_of, invited, iso

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.9"),
]


def order(server: Server, channel_id: str, start: int, end: int, **more: object) -> Any:
    body = {"start": iso(start), "end": iso(end), **more}
    return server.call("POST", f"/api/v1/channels/{channel_id}/download", body)


def ordered(server: Server, channel_id: str, start: int, end: int, **more: object) -> str:
    answer = order(server, channel_id, start, end, **more)
    assert answer.status == 200, answer.body
    return str(answer.body["download_id"])


def wait_state(server: Server, download_id: str, state: str, timeout: float = 20) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = server.get(f"/downloads/{download_id}")
        if found["state"] in ("failed", "done", "broken") and found["state"] != state:
            raise AssertionError(f"{found}\n{server.log_tail(15)}")
        return dict(found) if found["state"] == state else None

    found = wait_for(look, f"the download is {state}", timeout=timeout)
    assert found is not None
    return found


def fetch(server: Server, download_id: str, target: Path, span: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {server.token()}"}
    if span:
        headers["Range"] = span
    url = f"{server.url}/api/v1/downloads/{download_id}/file"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        data = response.read()
        target.write_bytes(data)
        return response.status, data


def frames(path: Path) -> list[int]:
    """Numbers of the pictures in a file, in order; none may be damaged."""
    found = media_source.codes(str(path), seconds=60)
    assert None not in found
    return [code.frame for code in found if code]


def test_a_download_becomes_a_file(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    download_id = ordered(
        platform, channel_id, MORNING, MORNING + 8, speed=4, transport="tcp-passive"
    )
    (session,) = platform.sessions()
    assert (session["kind"], session["transport"]) == ("download", "tcp-passive")
    done = wait_state(platform, download_id, "done")
    assert (done["progress"], done["video"], done["audio"]) == (1.0, "h264", "aac")
    status, data = fetch(platform, download_id, tmp_path / "a.mp4")
    assert status == 200
    assert len(data) == done["size"]
    assert hashlib.sha256(data).hexdigest() == done["sha256"]
    first = frame_of(MORNING)
    assert frames(tmp_path / "a.mp4") == list(range(first, first + 200))
    probed = media_source.probe(tmp_path / "a.mp4", seconds=10)
    kinds = {stream["codec_type"]: stream["codec_name"] for stream in probed["streams"]}
    assert kinds == {"video": "h264", "audio": "aac"}
    packets = media_source.packets(tmp_path / "a.mp4")
    assert abs(done["duration_s"] - 8) < 0.1
    assert len(packets) >= 200
    status, part = fetch(platform, download_id, tmp_path / "part", "bytes=100-199")
    assert (status, part) == (206, data[100:200])
    invite = camera.wait_received("INVITE").msg.body.decode()
    for line in ("s=Download", f"t={MORNING} {MORNING + 8}", "a=downloadspeed:4"):
        assert f"{line}\r\n" in invite
    path = f"/api/v1/downloads/{download_id}/file"
    assert platform.call("GET", path, token=False).status == 401
    ticket = platform.call("POST", f"/api/v1/downloads/{download_id}/ticket").body["ticket"]
    assert platform.call("GET", f"{path}?ticket={ticket}", token=False).status == 200
    assert platform.call("DELETE", f"/api/v1/downloads/{download_id}").status == 204
    assert platform.call("GET", path).status == 404
    assert list((platform.folder / "data" / "downloads").glob(f"{download_id}*")) == []


def test_a_download_over_a_gap(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    camera.records = [Record(MORNING, MORNING + 4), Record(MORNING + 108, MORNING + 112)]
    download_id = ordered(platform, channel_id, MORNING, MORNING + 600, speed=4)
    wait_state(platform, download_id, "done")
    fetch(platform, download_id, tmp_path / "a.mp4")
    first, second = frame_of(MORNING), frame_of(MORNING + 108)
    assert frames(tmp_path / "a.mp4") == [*range(first, first + 100), *range(second, second + 100)]
    times = sorted(
        float(packet["pts_time"])
        for packet in media_source.packets(tmp_path / "a.mp4")
        if packet["codec_type"] == "video"
    )
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.1


def test_a_broken_link_is_continued_without_loss_or_repetition(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    download_id = ordered(platform, channel_id, MORNING, MORNING + 16, speed=2)
    wait_for(
        lambda: platform.get(f"/downloads/{download_id}")["progress"] > 0.3, "a third is there"
    )
    camera.hang_up()
    done = wait_state(platform, download_id, "done", timeout=30)
    assert len(invited(camera)) == 2
    assert MORNING < invited(camera)[1][0] < MORNING + 16
    fetch(platform, download_id, tmp_path / "a.mp4")
    first = frame_of(MORNING)
    assert frames(tmp_path / "a.mp4") == list(range(first, first + 400))
    assert abs(done["duration_s"] - 16) < 0.2


def test_a_restart_keeps_finished_ones_and_continues_the_others(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    server = launch()
    camera, channel_id = camera_with(make_camera, server, video)
    finished = ordered(server, channel_id, MORNING, MORNING + 2, speed=4)
    wait_state(server, finished, "done")
    running = ordered(server, channel_id, MORNING, MORNING + 24, speed=2)
    wait_for(lambda: server.get(f"/downloads/{running}")["progress"] > 0.2, "a part is there")
    server.kill9()
    server.start()
    camera.keepalive()
    assert server.get(f"/downloads/{finished}")["state"] == "done"
    assert fetch(server, finished, tmp_path / "a.mp4")[0] == 200
    wait_state(server, running, "done", timeout=40)
    fetch(server, running, tmp_path / "b.mp4")
    first = frame_of(MORNING)
    wanted = [number % media_source.FRAMES for number in range(first, first + 600)]
    assert frames(tmp_path / "b.mp4") == wanted


def test_cancel_limits_and_refusals(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    ids = [ordered(platform, channel_id, MORNING, MORNING + 600) for _ in range(3)]
    states = [platform.get(f"/downloads/{one}")["state"] for one in ids]
    assert states == ["running", "running", "queued"]
    assert platform.call("GET", f"/api/v1/downloads/{ids[0]}/file").status == 409
    assert platform.call("DELETE", f"/api/v1/downloads/{ids[0]}").status == 204
    camera.wait_received("BYE")
    wait_state(platform, ids[2], "running")
    listed = platform.get("/downloads", channel_id=channel_id)
    assert [item["download_id"] for item in listed["items"]] == [ids[2], ids[1]]
    for one in ids[1:]:
        platform.call("DELETE", f"/api/v1/downloads/{one}")
    camera.faults.invite_status = 486
    answer = order(platform, channel_id, MORNING, MORNING + 60)
    assert (answer.status, answer.error["leg"]) == (502, "invite_rejected")
    (failed,) = platform.get("/downloads", channel_id=channel_id)["items"]
    assert (failed["state"], failed["reason"]) == ("failed", "invite_rejected")
    camera.faults.invite_status = 200
    resumed = platform.call("POST", f"/api/v1/downloads/{failed['download_id']}/resume")
    assert (resumed.status, resumed.body["state"]) == (200, "running")
    platform.call("DELETE", f"/api/v1/downloads/{failed['download_id']}")
    assert order(platform, channel_id, MORNING, MORNING - 1).status == 422
    assert order(platform, "64010400001320099999", MORNING, MORNING + 1).status == 404
