"""SIPp plays the recorder: RecordInfo in packets, playback with INFO, the end of the recording."""

from __future__ import annotations

import threading
from pathlib import Path

from .camera import Camera, Source, channel_item
from .kit import Launch, MakeCamera, new_id
from .live_support import MediaStranger, RawViewer
from .server import DOMAIN, SERVER_ID, Answer, Server, wait_for
from .sipp import Sipp
from .test_playback import MORNING, control, iso
from .test_playback import pytestmark as pytestmark


def handed_over(server: Server, make_camera: MakeCamera) -> tuple[str, str, int]:
    """A registered recorder whose port SIPp may take: (device, channel, port)."""
    device_id, channel_id = new_id(kind=118), new_id(kind=131)
    camera: Camera = make_camera(device_id, server, items=[channel_item(channel_id, "一")])
    assert camera.register().status == 200
    server.wait_channels(device_id, 1)
    server.wait_log("catalog.sync_completed", device_id=device_id)
    port = camera.local[1]
    camera.close()
    return device_id, channel_id, port


def play_device(
    scenario: str, server: Server, folder: Path, port: int, calls: int, keys: dict[str, str]
) -> Sipp:
    sipp = Sipp(
        scenario, server.sip, folder, calls=calls, local_port=port, repeat=False, trace=True,
        keys={"server_id": SERVER_ID, "domain": DOMAIN, **keys},
    )  # fmt: skip
    wait_for(lambda: _bound(port), "SIPp listens")
    return sipp


def _bound(port: int) -> bool:
    with open("/proc/net/udp") as table:
        return any(f":{port:04X} " in line.split(None, 2)[1] + " " for line in table)


def test_record_info(launch: Launch, make_camera: MakeCamera, tmp_path: Path) -> None:
    server = launch()
    device_id, channel_id, port = handed_over(server, make_camera)
    sipp = play_device(
        "record_info", server, tmp_path / "sipp", port, 1,
        {"device_id": device_id, "channel_id": channel_id},
    )  # fmt: skip
    found = server.get(
        f"/channels/{channel_id}/records", start=iso(MORNING), end=iso(MORNING + 3600)
    )
    sipp.wait(30).check(1)
    assert found["complete"] is True
    assert [item["file_path"] for item in found["items"]] == ["rec_1", "rec_2", "rec_3"]
    assert [item["type"] for item in found["items"]] == ["time", "time", "alarm"]
    assert found["items"][0]["size"] == 263094272


def test_playback_with_info(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    server = launch()
    _device_id, channel_id, port = handed_over(server, make_camera)
    sipp = play_device(
        "playback_info", server, tmp_path / "sipp", port, 2, {"device_id": channel_id}
    )
    answers: list[Answer] = []
    body = {"start": iso(MORNING), "end": iso(MORNING + 3600)}
    server.token()
    path = f"/api/v1/channels/{channel_id}/playback"
    asker = threading.Thread(target=lambda: answers.append(server.call("POST", path, body)))
    asker.start()
    wait_for(lambda: server.sessions(state="waiting"), "the device has answered", timeout=8)
    (session,) = server.sessions()
    target = ("127.0.0.1", int(session["local"].rpartition(":")[2]))
    with MediaStranger(video, target, int(session["ssrc"])):
        asker.join(20)
        assert answers[0].status == 200, answers[0].body
        viewer = RawViewer(answers[0].body["urls"]["flv"], receive_buffer=1 << 20)
        session_id = answers[0].body["session_id"]
        assert control(server, session_id, action="pause").status == 200
        refused = control(server, session_id, action="speed", speed=2)
        assert (refused.status, refused.error["code"]) == (502, "device_refused")
        assert server.session(session_id)["state"] == "running"
        assert control(server, session_id, action="resume").status == 200
    wait_for(lambda: server.session(session_id)["state"] == "ended", "the session is over")
    assert server.session(session_id)["reason"] == "finished"
    viewer.close()
    sipp.wait(30).check(2)
