"""SIP on record: captures and ladders against what the camera saw, and tshark as the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .camera import Faults, Source
from .kit import MakeCamera, new_id
from .live_support import camera_with
from .server import DEVICE_PASSWORD, Server, wait_for

pytestmark = pytest.mark.e2e


def summaries(ladder: dict[str, object]) -> list[tuple[str, str]]:
    items = ladder["items"]
    assert isinstance(items, list)
    return [(rung["direction"], rung["summary"]) for rung in items]


def dissect(path: Path, port: int, what: str) -> list[str]:
    """One field of every SIP message tshark finds in a file."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-d", f"udp.port=={port},sip",
         "-d", f"tcp.port=={port},sip", "-Y", "sip", "-T", "fields", "-e", what],
        capture_output=True, check=True, timeout=60, text=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_capture_holds_what_the_device_saw_without_secrets(
    platform: Server, make_camera: MakeCamera, tmp_path: Path, transport: str
) -> None:
    camera = make_camera(transport=transport)
    path = f"/api/v1/devices/{camera.device_id}/trace"
    assert platform.call("GET", path).status == 404
    started = platform.call("POST", path, {"seconds": 60})
    assert started.status == 201, started
    assert started.body["running"] is True
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    secret = "S3cretOfTheDevice"
    camera.message(f"<Notify><CmdType>X</CmdType><Password>{secret}</Password></Notify>")
    wait_for(lambda: len(platform.get(f"/devices/{camera.device_id}/trace")["items"]) >= 12, "12")
    stopped = platform.call("DELETE", path)
    assert stopped.status == 200
    assert stopped.body["running"] is False
    camera.keepalive()
    ladder = platform.get(f"/devices/{camera.device_id}/trace")
    told = summaries(ladder)
    assert told[:4] == [
        ("in", "REGISTER"),
        ("out", "401 Unauthorized (REGISTER)"),
        ("in", "REGISTER"),
        ("out", "200 OK (REGISTER)"),
    ]
    assert ("out", "MESSAGE Catalog Query") in told
    assert ("in", "MESSAGE Catalog Response") in told
    assert ("in", "MESSAGE Keepalive Notify") not in told
    everything = str(ladder)
    assert secret not in everything
    assert DEVICE_PASSWORD not in everything
    response = camera.last_authorization.partition('response="')[2].partition('"')[0]
    assert len(response) == 32
    assert response not in everything
    assert {rung["transport"] for rung in ladder["items"]} == {transport}
    assert {rung["remote"] for rung in ladder["items"]} == {f"127.0.0.1:{camera.local[1]}"}
    file = tmp_path / "trace.pcap"
    answer = platform.call("GET", path + ".pcap")
    assert answer.status == 200
    assert secret.encode() not in answer.body
    file.write_bytes(answer.body)
    found = dissect(file, platform.ports.sip, "sip.CSeq")
    assert found == [f"{r['cseq']} {r['method']}" for r in ladder["items"]]
    brief = platform.get(f"/devices/{camera.device_id}/trace", text="false", limit=2, offset=2)
    assert [rung["summary"] for rung in brief["items"]] == ["REGISTER", "200 OK (REGISTER)"]
    assert brief["items"][0]["text"] is None
    assert brief["total"] == ladder["total"]


def test_a_capture_is_of_one_device_and_one_that_never_came_may_be_named(
    platform: Server, make_camera: MakeCamera
) -> None:
    stranger = make_camera(password="wrong")
    path = f"/api/v1/devices/{stranger.device_id}/trace"
    assert platform.call("POST", path, {"seconds": 30}).status == 201
    other = make_camera()
    other.register()
    platform.wait_channels(other.device_id, 1)
    assert stranger.register().status == 403
    told = summaries(platform.get(f"/devices/{stranger.device_id}/trace"))
    assert [summary for _, summary in told] == [
        "REGISTER", "401 Unauthorized (REGISTER)", "REGISTER", "403 Forbidden (REGISTER)",
    ]  # fmt: skip
    assert platform.call("POST", "/api/v1/devices/nobody/trace", {}).status == 404
    for body in ({"seconds": 0}, {"seconds": 3601}, {"address": "a.b"}, {"address": "::1:x"}):
        assert platform.call("POST", path, body).status == 422, body


def test_every_call_keeps_its_ladder(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    session_id = platform.play(channel_id)["session_id"]
    platform.end(session_id)
    camera.wait_received("BYE")
    wait_for(lambda: platform.session(session_id)["state"] == "ended", "the call is over")
    ladder = platform.get(f"/sessions/{session_id}/ladder")
    steps = [s.split(" ")[0] + s.partition(" (")[2].rstrip(")") for _, s in summaries(ladder)]
    assert steps == ["INVITE", "100INVITE", "200INVITE", "ACK", "BYE", "200BYE"]
    assert ladder["call_id"] == platform.session(session_id)["call_id"]
    assert f"y={platform.session(session_id)['ssrc']}" in ladder["items"][0]["text"]
    offsets = [rung["offset_ms"] for rung in ladder["items"]]
    assert offsets == sorted(offsets)
    file = tmp_path / "call.pcap"
    file.write_bytes(platform.call("GET", f"/api/v1/sessions/{session_id}/ladder.pcap").body)
    assert dissect(file, platform.ports.sip, "sip.Status-Code") == ["", "100", "200", "", "", "200"]
    assert platform.call("GET", "/api/v1/sessions/unknown/ladder").status == 404


def test_a_refused_call_keeps_its_ladder_too(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _, channel_id = camera_with(make_camera, platform, video, faults=Faults(invite_status=486))
    assert platform.live(channel_id).status == 502
    (ended,) = [s for s in platform.sessions("ended") if s["channel_id"] == channel_id]
    ladder = platform.get(f"/sessions/{ended['session_id']}/ladder")
    assert any("486" in summary for _, summary in summaries(ladder))


def test_tracing_needs_an_operator(platform: Server) -> None:
    assert platform.call("POST", f"/api/v1/devices/{new_id()}/trace", {}, token=False).status == 401
