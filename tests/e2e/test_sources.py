"""Cameras without SIP: a channel in the tree like the others, fetched only while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.rtsp_camera import PASSWORD, USER, RtspCamera

from . import media_source
from .kit import Launch
from .server import Server, wait_for

pytestmark = pytest.mark.e2e

LOCAL = "127.0.0.0/8"


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(audio="aac", auth="sha256") as found:
        yield found


@pytest.fixture
def server(launch: Launch) -> Server:
    return launch(GB28181_SOURCES__ALLOW=LOCAL, GB28181_SOURCES__CHECK_INTERVAL="1s")


def entered(server: Server, camera: RtspCamera, **more: Any) -> dict[str, Any]:
    body = {
        "name": "北门 RTSP",
        "civil_code": "640104",
        "url": camera.url,
        "user": USER,
        "password": PASSWORD,
        **more,
    }
    answer = server.call("POST", "/api/v1/sources", body)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.body
    return found


def online(server: Server, channel_id: str, wanted: bool = True) -> bool:
    return bool(server.get(f"/channels/{channel_id}")["online"] == wanted)


def test_a_camera_from_its_entry_to_its_end(server: Server, camera: RtspCamera) -> None:
    source = entered(server, camera)
    channel_id = source["channel_id"]
    assert len(channel_id) == 20
    assert channel_id.startswith("6401040000132")
    assert PASSWORD not in str(source)
    assert source["has_password"]
    wait_for(lambda: online(server, channel_id), "online")
    city = {node["id"]: node for node in server.get("/tree", parent="64")["children"]}["6401"]
    assert (city["total"], city["online"]) == (1, 1)
    assert "PLAY" not in camera.requests, "nobody looks"

    live = server.play(channel_id)
    assert live["video"] == {"codec": "h264", "width": 320, "height": 240, "fps": 25}
    assert live["transport"] == "rtsp"
    probed = media_source.probe(live["urls"]["flv"])
    assert [s["codec_name"] for s in probed["streams"]] == ["h264", "aac"]
    assert server.play(channel_id)["session_id"] == live["session_id"]
    server.end(live["session_id"])
    wait_for(lambda: "TEARDOWN" in camera.requests, "TEARDOWN")

    server.restart()
    assert server.get(f"/sources/{channel_id}")["url"] == camera.url
    assert server.play(channel_id)["video"]["codec"] == "h264"
    removed = server.call("DELETE", f"/api/v1/sources/{channel_id}")
    assert removed.status == 204
    assert server.live(channel_id).status == 404
    assert server.sessions() == []


def test_every_refusal_has_its_leg(server: Server, camera: RtspCamera) -> None:
    channel_id = entered(server, camera)["channel_id"]
    patched = server.call("PATCH", f"/api/v1/sources/{channel_id}", {"password": "wrong"})
    assert patched.status == 200
    refused = server.live(channel_id)
    assert (refused.status, refused.error["leg"]) == (502, "invite_rejected")
    assert refused.error["sip_status"] == 401
    server.call("PATCH", f"/api/v1/sources/{channel_id}", {"password": PASSWORD})
    camera.mute = True
    silent = server.live(channel_id)
    assert (silent.status, silent.error["leg"]) == (504, "no_media")
    camera.mute = False
    camera.hang_up()
    gone = server.live(channel_id)
    assert (gone.status, gone.error["leg"]) == (409, "device_offline")
    wait_for(lambda: online(server, channel_id, False), "offline")
    camera.listen()
    wait_for(lambda: online(server, channel_id), "online again")
    assert server.live(channel_id).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://192.0.2.1/"},
        {"url": "rtsp://"},
        {"url": "rtsp://192.0.2.1:99999/"},
        {"civil_code": "9999"},
        {"civil_code": None},
        {"transport": "sctp"},
    ],
)
def test_what_is_no_source(platform: Server, body: dict[str, Any]) -> None:
    wanted = {"name": "x", "civil_code": "6401", "url": "rtsp://192.0.2.1/", **body}
    assert platform.call("POST", "/api/v1/sources", wanted).status == 422
    assert platform.get("/sources")["items"] == []


def test_this_host_itself_is_not_fetched_from(platform: Server) -> None:
    """Unless a setting says so: an operator's word is no way into the platform's own ports."""
    wanted = {"name": "x", "city": "6401", "url": f"rtsp://127.0.0.1:{platform.ports.http}/"}
    created = platform.call("POST", "/api/v1/sources", wanted)
    assert created.status == 201
    source_id = created.body["source_id"]
    found = platform.call("POST", f"/api/v1/sources/{source_id}/check").body
    assert not found["online"]
    assert "this host itself" in found["reason"]
    refused = platform.live(source_id)
    assert (refused.status, refused.error["leg"]) == (409, "device_offline")
    assert platform.call("DELETE", f"/api/v1/sources/{source_id}").status == 204
