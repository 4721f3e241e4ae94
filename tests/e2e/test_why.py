"""The answer to "why is there no picture", for cameras that fail in known ways."""

from __future__ import annotations

from typing import Any

import pytest

from .camera import Faults, Source, channel_item
from .kit import Launch, MakeCamera, new_id
from .live_support import camera_with
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


def why(server: Server, kind: str, name: str, **query: object) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/{kind}/{name}/why", **query)
    assert found["ok"] == (found["leg"] is None)
    assert found["summary"]["zh"]
    assert found["summary"]["en"]
    for check in found["checks"]:
        assert check["words"]["zh"], check
        assert check["words"]["en"], check
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["state"] for check in found["checks"]}


def test_a_good_device_and_a_good_picture(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    assert camera.keepalive().status == 200
    found = why(platform, "devices", camera.device_id, **{"try": "true"})
    assert found["ok"]
    told = states(found)
    assert told["registered"] == told["heartbeat"] == told["reachable"] == "passed"
    assert told["catalog"] == "passed"
    before = why(platform, "channels", channel_id)
    assert before["ok"]
    assert states(before)["invite"] == "unknown"
    assert camera.received("INVITE") == [], "nothing is pulled unless it was asked for"
    after = why(platform, "channels", channel_id, **{"try": "true"})
    assert after["ok"]
    told = states(after)
    assert told["invite"] == told["media"] == told["decodable"] == "passed"
    decodable = after["checks"][-1]
    assert decodable["evidence"]["video"]
    assert len(camera.received("INVITE")) == 1


@pytest.mark.parametrize(
    ("faults", "leg", "words"),
    [
        (Faults(invite_status=486), "invite", "486"),
        (Faults(invite_status=404), "invite", "404"),
        (Faults(never_answer=True), "invite", "INVITE"),
        (Faults(no_media=True), "media", "nothing arrived"),
    ],
)
def test_the_leg_that_fails_is_named(
    platform: Server,
    make_camera: MakeCamera,
    video: Source,
    faults: Faults,
    leg: str,
    words: str,
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    camera.keepalive()
    found = why(platform, "channels", channel_id, **{"try": "true"})
    assert found["leg"] == leg
    assert words in found["summary"]["en"]
    # The same without trying again: what happened is remembered.
    later = why(platform, "channels", channel_id)
    assert later["leg"] == leg


def test_a_wrong_password_is_told(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(password="wrong")
    assert camera.register().status == 403
    found = why(platform, "devices", camera.device_id)
    assert found["leg"] == "registered"
    assert "wrong password" in found["summary"]["en"]
    assert "密码" in found["summary"]["zh"]
    assert found["checks"][0]["evidence"]["attempt_remote"].endswith(str(camera.local[1]))
    assert set(states(found).values()) == {"failed", "skipped"}


def test_a_device_that_never_came(platform: Server) -> None:
    device_id = new_id()
    assert why(platform, "devices", device_id)["leg"] == "registered"
    platform.call("POST", "/api/v1/devices", {"device_id": device_id})
    assert "entered" in why(platform, "devices", device_id)["summary"]["en"]
    assert platform.call("GET", "/api/v1/devices/nonsense/why").status == 404
    assert platform.call("GET", f"/api/v1/channels/{new_id()}/why").status == 404


def test_a_device_that_signed_off(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    camera.unregister()
    found = why(platform, "channels", camera.device_id)
    assert found["leg"] == "registered"
    assert found["checks"][0]["evidence"]["cause"] == "unregistered"


def test_a_channel_that_is_off(platform: Server, make_camera: MakeCamera) -> None:
    on, off = new_id(), new_id()
    camera = make_camera(
        new_id(kind=118), items=[channel_item(on, "A"), channel_item(off, "B", Status="OFF")]
    )
    camera.register()
    platform.wait_channels(camera.device_id, 2)
    assert why(platform, "channels", on)["leg"] is None
    assert why(platform, "channels", off)["leg"] == "channel"


def test_heartbeats_that_arrive_while_requests_do_not(
    launch: Launch, make_camera: MakeCamera
) -> None:
    """The half-open NAT mapping: the device lives, and hears nothing."""
    server = launch(GB28181_SIP__T1="0.05")
    camera = make_camera(
        server=server,
        faults=Faults(drop_in=lambda message: message.method == "MESSAGE" and not message.status),
    )
    camera.register()
    camera.keepalive()

    def silent() -> bool:
        device = server.device(camera.device_id) or {}
        return bool(device["nat"]["unanswered"])

    wait_for(silent, "the first request is given up", timeout=10)
    found = why(server, "devices", camera.device_id, **{"try": "true"})
    assert found["leg"] == "reachable"
    assert "NAT" in found["summary"]["en"]
