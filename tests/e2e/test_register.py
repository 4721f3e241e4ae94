"""Registration, keepalive and state as a camera sees them (GB/T 28181-2022 9.1, 9.6; contract)."""

from __future__ import annotations

import re

import pytest

from .camera import Camera, Faults, Fleet, cmd
from .camera.digest import challenge_values
from .kit import Launch, MakeCamera, new_id
from .server import DOMAIN, Server, wait_for

pytestmark = pytest.mark.e2e


def causes(server: Server, device_id: str) -> list[tuple[str, str]]:
    """Intervals of a device, oldest first, as (state, cause)."""
    rows = sorted(server.intervals(device_id), key=lambda row: row["start"])
    return [(row["state"], row["cause"]) for row in rows]


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.1")
@pytest.mark.clause("GB/T 28181-2022", "9.10")
@pytest.mark.clause("GB/T 28181-2022", "annex I")
@pytest.mark.clause("GB/T 28181-2022", "9.5.3.2")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_register_makes_the_device_online(
    platform: Server, make_camera: MakeCamera, transport: str
) -> None:
    camera = make_camera(transport=transport, name="新华街枪机", gb_version="2.0")
    answer = camera.register()
    assert answer.status == 200
    assert answer.header("Expires") == "3600"
    assert camera.device_id in answer.header("Contact")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", answer.header("Date"))
    platform.wait_online(camera.device_id)
    camera.wait_received("MESSAGE", match=cmd("DeviceInfo"))
    wait_for(
        lambda: (platform.device(camera.device_id) or {}).get("manufacturer") == "NxCam",
        "the answer to DeviceInfo is stored",
    )
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["transport"] == transport
    assert device["remote"] == f"127.0.0.1:{camera.local[1]}"
    assert device["name"] == "新华街枪机"
    assert device["gb_version"] == "2.0"
    assert device["config_warnings"] == []
    assert causes(platform, camera.device_id)[-1][0] == "online"


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.1")
@pytest.mark.clause("GB/T 28181-2022", "8.1")
def test_exactly_one_challenge_and_its_form(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(gb_version="3.0")
    assert camera.register().status == 200
    (refused,) = camera.received("REGISTER", 401)
    (header,) = refused.msg.header_all("WWW-Authenticate")
    values = challenge_values(header)
    assert header.startswith("Digest ")
    assert (values["algorithm"], values["qop"], values["realm"]) == ("MD5", "auth", DOMAIN)
    assert 'qop="auth"' in header
    for entry in camera.received("REGISTER", 0):
        assert entry.msg.header("X-GB-Ver"), f"no X-GB-Ver in {entry.msg.start}"
    via = refused.msg.header("Via")
    assert f"rport={camera.local[1]}" in via
    assert "received=127.0.0.1" in via


def test_form_without_qop_is_accepted(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(faults=Faults(use_qop=False))
    assert camera.register().status == 200
    platform.wait_online(camera.device_id)


@pytest.mark.clause("GB/T 28181-2022", "8.1")
def test_wrong_password_gets_403_and_the_right_one_200(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera(password="guess")
    assert camera.register().status == 403
    assert not platform.is_online(camera.device_id)
    platform.wait_log("device.auth_failed", device_id=camera.device_id)
    control = make_camera()
    assert control.register().status == 200
    platform.wait_online(control.device_id)


def test_replayed_credentials_get_a_fresh_challenge(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    assert camera.register().status == 200
    used = challenge_values(camera.last_authorization)["nonce"]
    answer = camera.replay()
    assert answer.status == 401
    values = challenge_values(answer.header("WWW-Authenticate"))
    assert values["stale"].lower() == "true"
    assert values["nonce"] != used
    assert platform.log_events("device.auth_failed", device_id=camera.device_id) == []
    assert platform.is_online(camera.device_id)
    assert camera.register().status == 200


def test_a_nonce_that_is_not_ours_is_stale_not_wrong(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    foreign = re.sub(r'nonce="[^"]*"', 'nonce="0123456789abcdef"', camera.last_authorization)
    answer = camera.register(authorization=foreign)
    assert answer.status == 401
    values = challenge_values(answer.header("WWW-Authenticate"))
    assert values["stale"].lower() == "true"


@pytest.mark.parametrize("uri", ["sip:192.0.2.10:5060", "sip:34020000002000000001@3402000000"])
def test_foreign_digest_uri_is_noted_not_refused(
    platform: Server, make_camera: MakeCamera, uri: str
) -> None:
    camera = make_camera(faults=Faults(digest_uri=uri))
    assert camera.register().status == 200
    device = platform.device(camera.device_id)
    assert device is not None
    assert len(device["config_warnings"]) == 1


@pytest.mark.parametrize(
    ("asked", "granted"), [(10, 60), (3600, 3600), (30 * 86400, 7 * 86400), (-1, 3600)]
)
@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
def test_expires_is_clamped_never_refused(
    platform: Server, make_camera: MakeCamera, asked: int, granted: int
) -> None:
    answer = make_camera().register(expires=asked)  # -1: no Expires header at all
    assert answer.status == 200
    assert answer.header("Expires") == str(granted)


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.2")
@pytest.mark.parametrize("star", [False, True])
def test_unregister(platform: Server, make_camera: MakeCamera, star: bool) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_online(camera.device_id)
    assert camera.unregister(star=star).status == 200
    platform.wait_online(camera.device_id, online=False)
    assert causes(platform, camera.device_id)[-1] == ("offline", "unregistered")
    assert camera.keepalive().status == 403
    assert camera.register().status == 200
    assert camera.keepalive().status == 200


@pytest.mark.clause("GB/T 28181-2022", "9.6.1")
def test_keepalive_without_registration_gets_403(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera()
    assert camera.keepalive().status == 403
    assert platform.device(camera.device_id) is None
    assert camera.register().status == 200
    answer = camera.keepalive()
    assert answer.status == 200
    assert answer.body == b""


@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
def test_refresh_asks_nothing(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    asked = len(camera.received("MESSAGE"))
    assert camera.register().status == 200
    assert camera.keepalive().status == 200  # answered after anything the refresh would have sent
    assert len(camera.received("MESSAGE")) == asked


def test_keepalive_from_a_new_port_moves_the_device(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    camera.move()
    assert camera.keepalive().status == 200
    remote = f"127.0.0.1:{camera.local[1]}"
    wait_for(
        lambda: (platform.device(camera.device_id) or {})["remote"] == remote, "the new port counts"
    )


@pytest.mark.clause("GB/T 28181-2022", "6.1.2")
def test_answers_go_to_the_source_whatever_via_says(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera(via="192.0.2.64:5060")
    assert camera.register().status == 200
    assert camera.keepalive().status == 200
    camera.wait_received("MESSAGE", match=cmd("Catalog"))


def test_same_id_from_another_address_is_an_event(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_online(camera.device_id)
    twin = make_camera(camera.device_id, host="127.0.0.2")
    twin.register()
    found = platform.wait_log("device.duplicate", device_id=camera.device_id)
    assert "127.0.0.2" in found["remote"]
    assert platform.is_online(camera.device_id)


def test_tcp_message_in_pieces(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(transport="tcp", faults=Faults(tcp_split=60))
    assert camera.register().status == 200
    camera.faults.tcp_split, camera.faults.body_apart = 0, True
    assert camera.keepalive().status == 200


def test_two_tcp_messages_in_one_segment(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(transport="tcp")
    camera.register()
    camera.keepalive()
    raw = camera.sent("MESSAGE")[-1].msg.raw
    other = re.sub(rb"branch=z9hG4bK\w+", b"branch=z9hG4bKglued1", raw)
    third = re.sub(rb"branch=z9hG4bK\w+", b"branch=z9hG4bKglued2", raw)
    camera.send_raw(b"\r\n\r\n" + other + third)
    for branch in ("z9hG4bKglued1", "z9hG4bKglued2"):
        camera.wait_received("MESSAGE", 200, match=lambda m, b=branch: m.branch == b)


@pytest.mark.clause("GB/T 28181-2022", "4.3.2")
@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
def test_one_tcp_connection_is_used_both_ways(platform: Server, make_camera: MakeCamera) -> None:
    camera = make_camera(transport="tcp")
    camera.register()
    entry = camera.wait_received("MESSAGE", match=cmd("Catalog"))
    assert entry.transport == "tcp"
    assert entry.msg.header("Via").startswith("SIP/2.0/TCP")


@pytest.mark.parametrize(
    ("gb_version", "state", "cause"),
    [("3.0", "offline", "tcp_lost"), ("2.0", "unreachable", "tcp_lost")],
)
@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
def test_lost_tcp_connection(
    platform: Server, make_camera: MakeCamera, gb_version: str, state: str, cause: str
) -> None:
    camera = make_camera(transport="tcp", gb_version=gb_version)
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    camera.cut_tcp()
    wait_for(
        lambda: causes(platform, camera.device_id)[-1] == (state, cause),
        f"{state} because of {cause}; got {causes(platform, camera.device_id)}",
    )
    camera.move()
    if state == "offline":
        assert camera.register().status == 200
    else:
        assert camera.keepalive().status == 200  # rebinds the flow without a REGISTER
    wait_for(
        lambda: causes(platform, camera.device_id)[-1][0] == "online",
        "online on the new connection",
    )


@pytest.mark.clause("GB/T 28181-2022", "9.6.1")
def test_missed_heartbeats_make_it_offline_and_a_restart_brings_it_back(
    launch: Launch, make_camera: MakeCamera
) -> None:
    server = launch(GB28181_DEVICES__KEEPALIVE_INTERVAL="1", GB28181_DEVICES__KEEPALIVE_COUNT="2")
    camera, control = make_camera(server=server), make_camera(server=server)
    for one in (camera, control):
        one.register()
        one.keepalive_every(0.5)
    server.wait_online(camera.device_id)
    camera.vanish()
    server.wait_online(camera.device_id, online=False, timeout=6)
    assert causes(server, camera.device_id) == [
        ("online", "registered"),
        ("offline", "heartbeat_missed"),
    ]
    camera.revive()
    assert camera.register().status == 200
    server.wait_online(camera.device_id)
    assert [state for state, _cause in causes(server, camera.device_id)] == [
        "online",
        "offline",
        "online",
    ]
    assert [state for state, _cause in causes(server, control.device_id)] == ["online"]


def test_unknown_devices_can_be_refused(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_DEVICES__UNKNOWN="refuse")
    camera = make_camera(server=server)
    assert camera.register().status == 403
    server.wait_log("device.refused", device_id=camera.device_id)
    answer = server.call(
        "POST", "/api/v1/devices", {"device_id": camera.device_id, "password": "its-own"}
    )
    assert answer.status in (200, 201), answer
    assert "its-own" not in str(answer.body)
    assert camera.register().status == 403  # the default password is not this device's
    camera.password = "its-own"
    assert camera.register().status == 200
    server.wait_online(camera.device_id)


def test_unknown_devices_can_wait_for_approval(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_DEVICES__UNKNOWN="approve")
    camera = make_camera(server=server)
    assert camera.register().status == 403
    assert not server.is_online(camera.device_id)
    answer = server.call("POST", f"/api/v1/devices/{camera.device_id}/approve", {})
    assert answer.status in (200, 204), answer
    assert camera.register().status == 200
    server.wait_online(camera.device_id)


def test_fifty_cameras_at_once(platform: Server, make_camera: MakeCamera) -> None:
    def make(number: int) -> Camera:
        transport = "tcp" if number % 5 == 0 else "udp"
        return make_camera(new_id(f"640{number % 5 + 1}0200"), transport=transport)

    fleet = Fleet.of(50, make)
    assert {answer.status for answer in fleet.register()} == {200}
    for camera in fleet.cameras:
        platform.wait_channels(camera.device_id, 1)
        assert len(causes(platform, camera.device_id)) == 1
