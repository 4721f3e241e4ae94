"""Commands and questions to an independent camera: what is on the wire, and what the API says.

The recorded PTZCmd is compared with literal digits (GB/T 28181-2022 A.3).
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import pytest

from .camera import Camera, Faults
from .camera.controls import UPGRADED, Controls, squeeze
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import ROOT, Answer, Server, command, wait_for

pytestmark = pytest.mark.clause("GB/T 28181-2022", "9.3")

PTZ_STOP = "A50F0100000000B5"
LENS_STOP = "A50F0140000000F5"


@pytest.fixture
def dome(platform: Server, make_camera: MakeCamera) -> tuple[Camera, str, Controls]:
    """A registered camera of 2022 with one channel, and its commanded side."""
    return _dome(platform, make_camera, gb_version="3.0")


@pytest.fixture
def old_dome(platform: Server, make_camera: MakeCamera) -> tuple[Camera, str, Controls]:
    """The same of 2016."""
    return _dome(platform, make_camera)


def _dome(platform: Server, make_camera: MakeCamera, **how: Any) -> tuple[Camera, str, Controls]:
    camera, channel_id = camera_with(make_camera, platform, None, **how)
    controls = camera.on_message = Controls(camera)
    return camera, channel_id, controls


def post(platform: Server, path: str, body: Any = None, method: str = "POST") -> Answer:
    return platform.call(method, f"/api/v1{path}", {} if body is None else body)


def good(answer: Answer) -> Any:
    assert answer.status == 200, f"{answer.status} {answer.body}"
    return answer.body


@pytest.mark.parametrize(
    ("action", "speed", "hexa"),
    [
        ("right", 0x50, "A50F010150000006"),
        ("left", 0x50, "A50F010250000007"),
        ("up", 0x50, "A50F01080050000D"),
        ("down", 0x50, "A50F010400500009"),
        ("up_right", 0x50, "A50F01095050005E"),
        ("up_left", 0x50, "A50F010A5050005F"),
        ("down_right", 0x50, "A50F01055050005A"),
        ("down_left", 0x50, "A50F01065050005B"),
        ("zoom_in", 136, "A50F011000008045"),
        ("zoom_out", 136, "A50F012000008055"),
        ("zoom_in", 1, "A50F0110000010D5"),
        ("zoom_in", 255, "A50F01100000F0B5"),
        ("focus_near", 0x50, "A50F014250000047"),
        ("focus_far", 0x50, "A50F014150000046"),
        ("iris_open", 0x50, "A50F014400500049"),
        ("iris_close", 0x50, "A50F01480050004D"),
        ("stop", 1, PTZ_STOP),
        ("stop", 0, PTZ_STOP),
    ],
)
def test_a_word_is_these_eight_bytes(
    platform: Server,
    dome: tuple[Camera, str, Controls],
    action: str,
    speed: int,
    hexa: str,
) -> None:
    camera, channel_id, controls = dome
    answer = post(platform, f"/channels/{channel_id}/ptz", {"action": action, "speed": speed})
    assert good(answer) == {"sip_status": 200, "result": None}
    assert controls.ptz == [hexa]
    message = controls.told[0]
    assert message.uri.startswith(f"sip:{camera.device_id}@")
    assert message.xml("DeviceID") == channel_id
    assert "ControlPriority" not in message.text
    post(platform, f"/channels/{channel_id}/ptz", {"action": "stop"})


def test_a_device_of_2016_is_told_a_priority(
    platform: Server, old_dome: tuple[Camera, str, Controls]
) -> None:
    _camera, channel_id, controls = old_dome
    good(post(platform, f"/channels/{channel_id}/ptz", {"action": "stop"}))
    assert controls.told[0].xml("ControlPriority") == "5"


def test_stop_ends_the_lens_only_where_it_runs(
    platform: Server, dome: tuple[Camera, str, Controls]
) -> None:
    _camera, channel_id, controls = dome
    for action in ("left", "stop", "focus_near", "stop", "stop"):
        good(post(platform, f"/channels/{channel_id}/ptz", {"action": action, "speed": 80}))
    assert controls.ptz == [
        "A50F010250000007",
        PTZ_STOP,
        "A50F014250000047",
        PTZ_STOP,
        LENS_STOP,
        PTZ_STOP,
    ]


def test_a_move_ends_when_the_caller_falls_silent(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_CONTROL__PTZ_DEADMAN="1")
    camera, channel_id = camera_with(make_camera, server, None)
    controls = camera.on_message = Controls(camera)
    path = f"/channels/{channel_id}/ptz"
    for action in ("left", "iris_open"):
        good(post(server, path, {"action": action, "speed": 80}))
    posted = time.monotonic()
    wait_for(lambda: len(controls.ptz) >= 4, "both stops", timeout=5)
    assert 0.7 < time.monotonic() - posted < 3
    assert sorted(controls.ptz[2:]) == sorted([PTZ_STOP, LENS_STOP])
    good(post(server, path, {"action": "left", "speed": 80}))
    good(post(server, path, {"action": "stop"}))
    time.sleep(1.5)  # nothing may come: there is no event to wait for
    assert controls.ptz[4:] == ["A50F010250000007", PTZ_STOP]


def test_nothing_moves_after_the_platform_went(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch()
    camera, channel_id = camera_with(make_camera, server, None)
    controls = camera.on_message = Controls(camera)
    good(post(server, f"/channels/{channel_id}/ptz", {"action": "left", "speed": 80}))
    assert server.stop() == 0
    assert controls.ptz == ["A50F010250000007", PTZ_STOP]


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.3")
def test_offline_silent_and_unwilling_are_three_errors(
    platform: Server, make_camera: MakeCamera
) -> None:
    faults = Faults()
    camera, channel_id = camera_with(make_camera, platform, None, faults=faults)
    path = f"/channels/{channel_id}/ptz"
    faults.message_status = 403
    refused = post(platform, path, {"action": "left"})
    assert (refused.status, refused.error["code"]) == (502, "device_refused")
    assert refused.error["sip_status"] == 403
    faults.message_status = 0
    silent = post(platform, path, {"action": "stop"})
    assert (silent.status, silent.error["code"]) == (504, "device_timeout")
    repeated = len(camera.received("MESSAGE"))
    time.sleep(1.5)  # nothing may come any more: there is no event to wait for
    assert len(camera.received("MESSAGE")) == repeated
    faults.message_status = 200
    camera.unregister()
    offline = post(platform, path, {"action": "left"})
    assert (offline.status, offline.error["leg"]) == (409, "device_offline")
    assert post(platform, "/channels/64010400001320999999/ptz", {"action": "left"}).status == 404
    assert post(platform, path, {"action": "sideways"}).status == 422
    assert post(platform, path, {"action": "left", "speed": 0}).status == 422
    assert post(platform, path, {"action": "left", "speed": 256}).status == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "hexa"),
    [
        ("POST", "presets", {"preset": 3, "name": "路口东"}, "A50F018100030039"),
        ("POST", "presets/3/call", {}, "A50F01820003003A"),
        ("DELETE", "presets/3", {}, "A50F01830003003B"),
        ("POST", "cruises/1/points", {"preset": 3}, "A50F01840103003D"),
        ("DELETE", "cruises/1/points/3", {}, "A50F01850103003E"),
        ("DELETE", "cruises/1", {}, "A50F01850100003B"),
        ("PUT", "cruises/1", {"speed": 300}, "A50F0186012C1078"),
        ("PUT", "cruises/1", {"stay_s": 5}, "A50F018701050042"),
        ("POST", "cruises/1/start", {}, "A50F01880100003E"),
        ("POST", "cruises/1/stop", {}, PTZ_STOP),
        ("POST", "scans/1/start", {}, "A50F01890100003F"),
        ("POST", "scans/1/left_limit", {}, "A50F018901010040"),
        ("POST", "scans/1/right_limit", {}, "A50F018901020041"),
        ("PUT", "scans/1", {"speed": 300}, "A50F018A012C107C"),
        ("POST", "wiper", {"on": True}, "A50F018C01000042"),
        ("POST", "wiper", {"on": False}, "A50F018D01000043"),
        ("POST", "auxiliary/2", {"on": True}, "A50F018C02000043"),
    ],
)
def test_presets_cruises_scans_switches(
    platform: Server,
    dome: tuple[Camera, str, Controls],
    method: str,
    path: str,
    body: dict[str, Any],
    hexa: str,
) -> None:
    _camera, channel_id, controls = dome
    good(post(platform, f"/channels/{channel_id}/{path}", body, method))
    assert controls.ptz == [hexa]
    if "name" in body:
        assert "<PTZCmdParams><PresetName>路口东</PresetName></PTZCmdParams>" in controls.last


AREA = {
    "length": 1280,
    "width": 720,
    "mid_point_x": 640,
    "mid_point_y": 300,
    "length_x": 200,
    "length_y": 112,
}
AREA_XML = (
    "<Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX>"
    "<MidPointY>300</MidPointY><LengthX>200</LengthX><LengthY>112</LengthY>"
)


@pytest.mark.parametrize(
    ("method", "path", "body", "xml", "result"),
    [
        ("POST", "iframe", {}, "<IFrameCmd>Send</IFrameCmd>", None),
        (
            "POST",
            "record",
            {"on": True, "stream_number": 1},
            "<RecordCmd>Record</RecordCmd><StreamNumber>1</StreamNumber>",
            "OK",
        ),
        ("POST", "record", {"on": False}, "<RecordCmd>StopRecord</RecordCmd>", "OK"),
        ("POST", "guard", {"on": True}, "<GuardCmd>SetGuard</GuardCmd>", "OK"),
        ("POST", "guard", {"on": False}, "<GuardCmd>ResetGuard</GuardCmd>", "OK"),
        ("POST", "alarm-reset", {}, "<AlarmCmd>ResetAlarm</AlarmCmd>", "OK"),
        (
            "POST",
            "alarm-reset",
            {"method": "2"},
            "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod></Info>",
            "OK",
        ),
        (
            "POST",
            "drag-zoom",
            {"direction": "in", **AREA},
            f"<DragZoomIn>{AREA_XML}</DragZoomIn>",
            None,
        ),
        (
            "POST",
            "drag-zoom",
            {"direction": "out", **AREA},
            f"<DragZoomOut>{AREA_XML}</DragZoomOut>",
            None,
        ),
        (
            "PUT",
            "home-position",
            {"enabled": True, "reset_time": 60, "preset": 3},
            "<HomePosition><Enabled>1</Enabled><ResetTime>60</ResetTime>"
            "<PresetIndex>3</PresetIndex></HomePosition>",
            "OK",
        ),
        (
            "POST",
            "ptz/precise",
            {"pan": 123.5, "tilt": 12, "zoom": 4},
            "<PTZPreciseCtrl><Pan>123.50</Pan><Tilt>12.00</Tilt><Zoom>4.00</Zoom></PTZPreciseCtrl>",
            None,
        ),
        ("POST", "target-track", {"track": "auto"}, "<TargetTrack>Auto</TargetTrack>", None),
        (
            "POST",
            "target-track",
            {"track": "manual", "area": AREA},
            f"<TargetTrack>Manual</TargetTrack><TargetArea>{AREA_XML}</TargetArea>",
            None,
        ),
    ],
)
@pytest.mark.clause("GB/T 28181-2022", "A.2.3.1")
def test_commands_of_a_channel(
    platform: Server,
    dome: tuple[Camera, str, Controls],
    method: str,
    path: str,
    body: dict[str, Any],
    xml: str,
    result: str | None,
) -> None:
    _camera, channel_id, controls = dome
    answer = good(post(platform, f"/channels/{channel_id}/{path}", body, method))
    assert answer == {"sip_status": 200, "result": result}
    assert f"<DeviceID>{channel_id}</DeviceID>{xml}</Control>" in squeeze(controls.last)


def test_the_key_frame_of_2016_has_its_old_name(
    platform: Server, old_dome: tuple[Camera, str, Controls]
) -> None:
    _camera, channel_id, controls = old_dome
    good(post(platform, f"/channels/{channel_id}/iframe"))
    assert "<IFameCmd>Send</IFameCmd>" in controls.last


def test_what_2016_does_not_have(platform: Server, old_dome: tuple[Camera, str, Controls]) -> None:
    camera, channel_id, controls = old_dome
    for method, path in [
        ("GET", f"/channels/{channel_id}/home-position"),
        ("GET", f"/channels/{channel_id}/cruise-tracks"),
        ("GET", f"/channels/{channel_id}/ptz/position"),
        ("GET", f"/devices/{camera.device_id}/sd-cards"),
    ]:
        answer = platform.call(method, f"/api/v1{path}")
        assert (answer.status, answer.error["code"]) == (501, "not_supported"), path
    precise = post(platform, f"/channels/{channel_id}/ptz/precise", {"pan": 1})
    assert (precise.status, precise.error["code"]) == (501, "not_supported")
    assert controls.told == controls.asked == []
    good(post(platform, f"/channels/{channel_id}/ptz/precise?force=true", {"pan": 1}))
    assert "<PTZPreciseCtrl><Pan>1.00</Pan></PTZPreciseCtrl>" in squeeze(controls.last)


@pytest.mark.clause("GB/T 28181-2022", "A.2.3.1")
def test_commands_of_a_device(platform: Server, dome: tuple[Camera, str, Controls]) -> None:
    camera, _channel_id, controls = dome
    good(post(platform, f"/devices/{camera.device_id}/reboot"))
    assert "<TeleBoot>Boot</TeleBoot>" in controls.last
    good(post(platform, f"/devices/{camera.device_id}/sd-cards/format", {"card": 0}))
    assert "<FormatSDCard>0</FormatSDCard>" in controls.last
    good(post(platform, f"/devices/{camera.device_id}/guard", {"on": True}))
    assert f"<DeviceID>{camera.device_id}</DeviceID>" in controls.last
    body = {"item_id": "64010400001340000001", "method": "2"}
    good(post(platform, f"/devices/{camera.device_id}/alarm-reset", body))
    assert (
        "<DeviceID>64010400001340000001</DeviceID><AlarmCmd>ResetAlarm</AlarmCmd>"
        "<Info><AlarmMethod>2</AlarmMethod></Info></Control>"
    ) in squeeze(controls.last)
    info = platform.get(f"/devices/{camera.device_id}/info")
    assert (info["manufacturer"], info["model"], info["channels"]) == ("NxCam", "NX-2", 1)


def test_error_and_silence_after_the_sip_answer(
    platform: Server, dome: tuple[Camera, str, Controls], launch: Launch, make_camera: MakeCamera
) -> None:
    _camera, channel_id, controls = dome
    controls.answers["DeviceControl"] = "<Result>ERROR</Result>\n"
    refused = post(platform, f"/channels/{channel_id}/guard", {"on": True})
    assert (refused.status, refused.error["code"]) == (502, "device_refused")
    assert refused.error["detail"] == {"result": "ERROR"}
    server = launch(GB28181_CONTROL__ANSWER_TIMEOUT="1")
    other, other_id = camera_with(make_camera, server, None)
    mute = other.on_message = Controls(other)
    del mute.answers["DeviceControl"]
    silent = post(server, f"/channels/{other_id}/guard", {"on": True})
    assert (silent.status, silent.error["code"]) == (504, "device_timeout")
    mute.answers["DeviceControl"] = "<Result>OK</Result>\n"
    mute.sn_of = lambda sn: str(int(sn) + 1)
    wrong = post(server, f"/channels/{other_id}/guard", {"on": True})
    assert wrong.status == 504
    assert server.wait_log("control.answer_stray", command="DeviceControl")
    mute.sn_of = lambda sn: f"00{sn}"
    good(post(server, f"/channels/{other_id}/guard", {"on": True}))


@pytest.mark.clause("GB/T 28181-2022", "9.13")
def test_upgrade_with_its_result(platform: Server, dome: tuple[Camera, str, Controls]) -> None:
    camera, _channel_id, controls = dome
    path = f"/devices/{camera.device_id}/upgrades"
    body = {"firmware": "V1.1.0", "file_url": "http://192.0.2.10/fw.bin", "manufacturer": "NxCam"}
    started = good(post(platform, path, body))
    assert started["state"] == "sent"
    session = controls.told[-1].xml("SessionID")
    assert session == started["session_id"]
    assert len(session) == 32
    assert (
        "<DeviceUpgrade><Firmware>V1.1.0</Firmware><FileURL>http://192.0.2.10/fw.bin</FileURL>"
        f"<Manufacturer>NxCam</Manufacturer><SessionID>{session}</SessionID></DeviceUpgrade>"
    ) in squeeze(controls.last)
    controls.say(UPGRADED, session=session, result="ERROR", firmware="V1.0.0", reason="02")

    def ended() -> Any:
        found = platform.get(f"{path}/{session}")
        return found if found["state"] != "sent" else None

    result = wait_for(ended, "the result of the upgrade")
    assert (result["state"], result["failure"]) == ("failed", "damaged_package")
    assert result["running_firmware"] == "V1.0.0"
    assert platform.get(path)["total"] == 1


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.3")
@pytest.mark.clause("GB/T 28181-2022", "A.2.6.6")
def test_questions(platform: Server, dome: tuple[Camera, str, Controls]) -> None:
    camera, channel_id, controls = dome
    status = platform.get(f"/devices/{camera.device_id}/status")
    assert (status["online"], status["encode_on"], status["record_on"]) == (True, True, False)
    assert status["alarm_inputs"] == [
        {"device_id": "64010400001340000001", "duty_status": "ONDUTY"}
    ]
    presets = platform.get(f"/channels/{channel_id}/presets")
    assert presets["items"] == [
        {"preset_id": "1", "name": "大门"},
        {"preset_id": "3", "name": "路口东"},
    ]
    assert (presets["complete"], presets["expected"]) == (True, None)
    home = platform.get(f"/channels/{channel_id}/home-position")
    assert home == {"enabled": True, "reset_time": 60, "preset": 3}
    tracks = platform.get(f"/channels/{channel_id}/cruise-tracks")
    assert [one["name"] for one in tracks["items"]] == ["早高峰", "夜间"]
    track = platform.get(f"/channels/{channel_id}/cruise-tracks/0")
    assert [one["preset_index"] for one in track["items"]] == [3, 4, 3]
    assert track["complete"]
    where = platform.get(f"/channels/{channel_id}/ptz/position")
    assert (where["pan"], where["tilt"], where["zoom"]) == (123.5, 12.0, 4.0)
    assert where["max_view_distance"] == 150.0
    cards = platform.get(f"/devices/{camera.device_id}/sd-cards")
    assert cards["items"][0]["status"] == "formatting"
    assert cards["items"][0]["format_progress"] == 40
    assert [message.xml("DeviceID") for message in controls.asked] == [
        camera.device_id,
        *[channel_id] * 5,
        camera.device_id,
    ]


def test_a_part_of_an_answer_is_told_as_a_part(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_CONTROL__ANSWER_TIMEOUT="1")
    camera, channel_id = camera_with(make_camera, server, None)
    controls = camera.on_message = Controls(camera)
    controls.answers["PresetQuery"] = (
        "<SumNum>9</SumNum>\n" + controls.answers["PresetQuery"].replace("<PresetID>1<", "<X>1<")
    ).replace("1</PresetID>", "1</X>")
    presets = server.get(f"/channels/{channel_id}/presets")
    assert (presets["complete"], presets["expected"], presets["total"]) == (False, 9, 2)
    assert "PresetID missing" in presets["problems"]
    flaw = server.wait_log("control.answer_flawed", command="PresetQuery")
    assert "incomplete" in flaw["problems"]
    server.get(f"/channels/{channel_id}/presets")
    assert len(server.log_events("control.answer_flawed")) == 1


def test_two_operators_and_one_camera(platform: Server, dome: tuple[Camera, str, Controls]) -> None:
    _camera, channel_id, controls = dome
    held = good(post(platform, f"/channels/{channel_id}/ptz/lock", {"seconds": 60}))
    assert held["holder"] == "admin"
    good(post(platform, f"/channels/{channel_id}/ptz", {"action": "left", "speed": 80}))
    shown = platform.get(f"/channels/{channel_id}/ptz/lock")
    assert shown["holder"] == "admin"
    assert 50 < shown["seconds"] <= 60
    good(post(platform, f"/channels/{channel_id}/ptz", {"action": "stop"}))
    assert platform.call("DELETE", f"/api/v1/channels/{channel_id}/ptz/lock").status == 204
    assert platform.get(f"/channels/{channel_id}/ptz/lock")["holder"] == ""
    assert controls.ptz == ["A50F010250000007", PTZ_STOP]


def test_two_people_and_one_camera(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_CONTROL__PTZ_HOLD="2")
    camera, channel_id = camera_with(make_camera, server, None)
    controls = camera.on_message = Controls(camera)
    path = f"/api/v1/channels/{channel_id}/ptz"
    tokens = {name: _user(server, name) for name in ("zhang", "li")}

    def move(name: str, action: str) -> Answer:
        return server.call("POST", path, {"action": action, "speed": 80}, token=tokens[name])

    assert move("zhang", "left").status == 200
    held = move("li", "right")
    assert (held.status, held.error["code"]) == (409, "ptz_locked")
    assert held.error["detail"]["holder"] == "zhang"
    assert move("li", "stop").status == 409
    assert server.call("POST", path, {"action": "stop"}).status == 200  # admin takes it over
    assert move("zhang", "left").error["detail"]["holder"] == "admin"
    assert server.call("DELETE", f"{path}/lock").status == 204
    assert move("li", "right").status == 200
    assert move("li", "stop").status == 200
    assert controls.ptz == ["A50F010250000007", PTZ_STOP, "A50F010150000006", PTZ_STOP]
    reboot = f"/api/v1/devices/{camera.device_id}/reboot"
    assert server.call("POST", reboot, {}, token=tokens["li"]).status == 403


def _user(server: Server, name: str) -> str:
    """A new operator of this platform; a token."""
    password = "nx-operator-pass"
    subprocess.run(
        command("user", "set", name, "--role", "operator"),
        input=f"{password}\n".encode(),
        env={**os.environ, "PYTHONPATH": str(ROOT), **server.env},
        cwd=server.folder,
        check=True,
        capture_output=True,
        timeout=30,
    )
    form = f"username={name}&password={password}".encode()
    answer = server.call("POST", "/api/v1/auth/token", raw=form, token=False)
    assert answer.status == 200, answer
    token: str = answer.body["access_token"]
    return token
