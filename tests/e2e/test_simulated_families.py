"""The whole platform against one recorder of each simulated family.

Here the platform is on trial: it must make the same of all of them, whatever their habits. What
the simulator sends is judged elsewhere (`tests/shell/test_simulator_*.py`); pictures are judged by
ffmpeg, and every habit that could hide a fault shows in what the platform answers.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from . import media_source
from .server import DEVICE_PASSWORD, ROOT, SERVER_ID, Server, command, wait_for

pytestmark = [pytest.mark.e2e]

FAMILIES = {
    "standard-2016": "SIM-NVR",
    "standard-2022": "SIM-NVR-2022",
    "hikvision": "DS-7716N-SIM",
    "dahua": "DH-NVR-SIM",
    "uniview": "NVR-SIM",
    "cheap-2011": "H264DVR-4",
}
"""Family -> model its recorder tells."""
OF_2022 = ("standard-2022", "uniview")
FAST = ("standard-2016", "standard-2022", "uniview")
DAY_S = 86_400
BEIJING_S = 8 * 3600
FPS = 25


def noon() -> int:
    """Of yesterday, in Beijing."""
    now = int(time.time()) + BEIJING_S
    return now - now % DAY_S - DAY_S // 2 - BEIJING_S


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A platform with six recorders of two channels, all there."""
    made = Server(tmp_path_factory.mktemp("families"))
    cache = media_source.cache_dir() / "simulator"
    call = command(
        *("simulate", "--devices", "6", "--recorders", "1", "--channels", "2", "--boot-time", "1"),
        *("--profile", "mixed", "--host", "127.0.0.1", "--cache", str(cache), "--prepare"),
        *("--server", f"127.0.0.1:{made.ports.sip}", "--server-id", SERVER_ID),
        *("--alarms", "60", "--moving", "1", "--until-stdin-closes"),
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GB28181_SIP__PASSWORD": DEVICE_PASSWORD}
    try:
        made.start()
        with subprocess.Popen(
            call, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            try:
                wait_for(
                    lambda: made.get("/channels", limit=1)["total"] == 12, "12 channels", timeout=30
                )
                wait_for(lambda: len(_by_model(made)) == 6, "six models", timeout=10)
                yield made
            finally:
                process.terminate()
                process.wait(10)
        assert made.complaints() == []
        assert made.stop() == 0
    finally:
        made.close()


def _by_model(server: Server) -> dict[str, dict[str, Any]]:
    devices = server.get("/devices", limit=100)["items"]
    return {one["model"]: one for one in devices if one["model"]}


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def device(server: Server, family: str) -> dict[str, Any]:
    return _by_model(server)[FAMILIES[family]]


@pytest.fixture
def channels(server: Server, device: dict[str, Any]) -> list[dict[str, Any]]:
    return server.wait_channels(device["device_id"], 2)


def post(server: Server, path: str, body: object = None) -> Any:
    answer = server.call("POST", f"/api/v1{path}", body or {})
    assert answer.status == 200, f"POST {path}: {answer.status} {answer.body}"
    return answer.body


# --- who and where ------------------------------------------------------------------------------


def test_name_place_and_state(
    server: Server, device: dict[str, Any], channels: list[dict[str, Any]], family: str
) -> None:
    device_id = device["device_id"]
    assert device["online"]
    assert device["name"].endswith("录像机")
    assert device["channel_count"] == 2
    assert (device["gb_version"] or "") == {"cheap-2011": ""}.get(
        family, "3.0" if family in OF_2022 else "2.0"
    )
    for channel in channels:
        assert channel["online"], "whatever the word for it"
        assert channel["county"] == device_id[:6], "whatever its CivilCode or ParentID says"
        assert channel["name"].removesuffix("（镕园）").endswith("机")
        assert 105 < channel["longitude"] < 108
        assert channel["ptz_type"] in (1, 3), "inside Info or beside it"
    assert server.get("/channels", county=device_id[:6])["total"] >= 2


def test_status_in_the_devices_own_words(
    server: Server, device: dict[str, Any], channels: list[dict[str, Any]]
) -> None:
    found = server.get(f"/devices/{device['device_id']}/status")
    assert (found["online"], found["status_ok"]) == (True, True)
    assert found["problems"] == []
    told = datetime.fromisoformat(found["device_time"] + "+08:00").timestamp()
    assert abs(told - time.time()) < 10, "its clock was set by the registration"
    post(server, f"/channels/{channels[0]['channel_id']}/record", {"on": True})
    assert server.get(f"/devices/{device['device_id']}/status")["record_on"] is True
    post(server, f"/channels/{channels[0]['channel_id']}/record", {"on": False})
    post(server, f"/devices/{device['device_id']}/guard", {"on": True})
    post(server, f"/devices/{device['device_id']}/alarm-reset")


# --- pictures -----------------------------------------------------------------------------------


def _assert_live(server: Server, channel_id: str, **how: str) -> None:
    view = server.play(channel_id, **how)
    video = view["video"]
    assert (video["codec"], video["width"], video["height"]) == ("h264", 1920, 1080)
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=2) if code][:-1]
    server.end(view["session_id"])
    assert len(found) > 20
    assert {code.camera for code in found} == {int(channel_id[-6:]) % 4096}
    steps = {(two.frame - one.frame) % 65536 for one, two in itertools.pairwise(found)}
    assert steps == {1}


def test_live(server: Server, channels: list[dict[str, Any]]) -> None:
    _assert_live(server, channels[0]["channel_id"])


def test_live_over_tcp(server: Server, channels: list[dict[str, Any]]) -> None:
    _assert_live(server, channels[1]["channel_id"], transport="tcp-passive")


def test_snapshot(server: Server, channels: list[dict[str, Any]], family: str) -> None:
    found = post(server, f"/channels/{channels[0]['channel_id']}/snapshot")
    (picture,) = found["items"]
    assert (picture["width"], picture["height"]) == (1920, 1080)
    assert picture["source"] == ("device" if family in OF_2022 else "stream")


# --- remote control -----------------------------------------------------------------------------


def test_ptz_and_presets(server: Server, channels: list[dict[str, Any]], family: str) -> None:
    path = f"/channels/{channels[0]['channel_id']}"
    before = server.get(f"{path}/presets")
    assert (before["complete"], before["total"]) == (True, 1)
    assert before["items"][0] == {"preset_id": "1", "name": "大门"}
    post(server, f"{path}/ptz", {"action": "right", "speed": 255})
    post(server, f"{path}/ptz", {"action": "stop", "speed": 0})
    post(server, f"{path}/presets", {"preset": 3, "name": "北门"})
    after = server.get(f"{path}/presets")
    assert [item["preset_id"] for item in after["items"]] == ["1", "3"]
    if family in OF_2022:
        assert after["items"][1]["name"] == "北门"
        assert server.get(f"{path}/ptz/position")["pan"] > 0
    post(server, f"{path}/presets/1/call")
    assert server.call("DELETE", f"/api/v1{path}/presets/3").status == 200
    assert server.get(f"{path}/presets")["total"] == 1
    post(server, f"{path}/iframe")


def test_configuration(server: Server, device: dict[str, Any], family: str) -> None:
    path = f"/api/v1/devices/{device['device_id']}/config"
    answer = server.call("GET", path + "?block=basic_param")
    if family == "cheap-2011":
        assert answer.status in (501, 504), "it does not know the command"
        return
    assert answer.status == 200, answer.body
    assert answer.body["missing"] == []
    before = answer.body["blocks"]["basic_param"]
    assert "not-the-real-one" not in str(answer.body), "a password is not shown"
    changed = server.call("PUT", f"{path}/basic_param", {"name": "新的名称"})
    assert changed.status == 200, changed.body
    assert changed.body["confirmed"] == ("readback" if family == "uniview" else "response")
    after = server.call("GET", path + "?block=basic_param").body["blocks"]["basic_param"]
    assert (after["name"], after["expiration"]) == ("新的名称", before["expiration"])
    if family in OF_2022:
        found = server.call("GET", path + "?block=video_param_attribute").body
        assert len(found["blocks"]["video_param_attribute"]["items"]) == 2, "whatever its name"


# --- recordings ---------------------------------------------------------------------------------


def test_records_of_a_day(server: Server, channels: list[dict[str, Any]]) -> None:
    midnight = noon() - DAY_S // 2
    found = server.get(
        f"/channels/{channels[0]['channel_id']}/records",
        start=iso(midnight),
        end=iso(midnight + DAY_S),
    )
    assert (found["complete"], found["total"]) == (True, 24)
    starts = [item["start"] for item in found["items"]]
    assert starts == sorted(starts), "whatever order they came in"
    assert starts[3] == iso(midnight + 3 * 3600 + 600).replace("+00:00", "Z"), "behind the gap"
    assert {item["type"] for item in found["items"]} == {"time", "alarm"}


def test_playback_seek_and_speed(
    server: Server, channels: list[dict[str, Any]], family: str
) -> None:
    channel_id = channels[0]["channel_id"]
    start = noon()
    view = post(
        server,
        f"/channels/{channel_id}/playback",
        {"start": iso(start), "end": iso(start + 600)},
    )
    session_id = view["session_id"]
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=2) if code][:-1]
    first = 12 * 3600 * FPS % 65536
    assert found[0].frame - first < 15 * FPS
    assert {code.camera for code in found} == {int(channel_id[-6:]) % 4096}
    post(server, f"/sessions/{session_id}/control", {"action": "seek", "position_s": 300})
    found = [code for code in media_source.codes(view["urls"]["flv"], seconds=2) if code][:-1]
    assert 300 * FPS <= found[-1].frame - first < 330 * FPS
    answer = server.call(
        "POST", f"/api/v1/sessions/{session_id}/control", {"action": "speed", "speed": 2}
    )
    if family in FAST:
        assert (answer.status, answer.body["speed"]) == (200, 2)
    else:
        assert (answer.status, answer.error["code"]) == (502, "device_refused")
    backwards = server.call(
        "POST", f"/api/v1/sessions/{session_id}/control", {"action": "speed", "speed": -1}
    )
    assert backwards.status == (200 if family in OF_2022 else 502)
    assert server.session(session_id)["state"] == "running"
    server.end(session_id)


def test_the_end_of_a_recording_is_understood(
    server: Server, channels: list[dict[str, Any]]
) -> None:
    start = noon() + 60
    view = post(
        server,
        f"/channels/{channels[1]['channel_id']}/playback",
        {"start": iso(start), "end": iso(start + 4)},
    )
    media_source.codes(view["urls"]["flv"], seconds=10)
    wait_for(
        lambda: server.session(view["session_id"])["state"] == "ended", "it is over", timeout=10
    )
    assert server.session(view["session_id"])["reason"] == "finished"


# --- what they report ---------------------------------------------------------------------------


def test_subscriptions(server: Server, device: dict[str, Any], family: str) -> None:
    path = f"/api/v1/devices/{device['device_id']}/subscriptions"
    answer = server.call("POST", path, {"kind": "position", "interval": 1})
    if family == "cheap-2011":
        assert answer.status == 502, "it has no positions"
        return
    assert answer.status == 200, answer.body
    found = wait_for(
        lambda: server.get(f"/devices/{device['device_id']}/positions")["total"] >= 4,
        "two positions of two channels",
    )
    assert found
    assert server.call("DELETE", f"{path}/position").status in (200, 204)


def test_alarms_arrive_with_their_texts(server: Server, family: str) -> None:
    del family

    def look() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = server.get("/alarms", limit=50)["items"]
        return items

    items = wait_for(look, "an alarm", timeout=20)
    known = {"移动侦测", "区域入侵", "设备防拆", "视频丢失", "存储设备磁盘故障"}
    assert {item["description"] for item in items} <= known


def test_a_restart_is_followed_by_a_new_registration(
    server: Server, device: dict[str, Any]
) -> None:
    device_id = device["device_id"]
    before = server.device(device_id)
    assert before is not None
    post(server, f"/devices/{device_id}/reboot")

    def back() -> bool:
        now = server.device(device_id)
        return bool(now and now["online"] and now["registered_at"] != before["registered_at"])

    wait_for(back, "it is back", timeout=15)
