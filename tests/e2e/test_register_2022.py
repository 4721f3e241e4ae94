"""Registration as the edition of 2022 adds to it: algorithms, redirection, editions, clock, NAT."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from .camera import Faults, Source, cmd
from .camera.digest import challenge_values
from .kit import Launch, MakeCamera, new_id
from .live_support import camera_with
from .server import DEVICE_PASSWORD, Server, wait_for

pytestmark = pytest.mark.e2e

OTHER = "64020000002000000002"


def setting(server: Server, device_id: str, **policy: object) -> None:
    answer = server.call("PATCH", f"/api/v1/devices/{device_id}", {"policy": policy})
    assert answer.status == 200, answer


@pytest.mark.clause("GB/T 28181-2022", "8.3")
@pytest.mark.parametrize("algorithm", ["SHA-256", "SM3"])
def test_a_device_is_challenged_with_the_algorithm_set_for_it(
    platform: Server, make_camera: MakeCamera, algorithm: str
) -> None:
    device_id = new_id()
    platform.call("POST", "/api/v1/devices", {"device_id": device_id})
    setting(platform, device_id, algorithm=algorithm)
    camera = make_camera(device_id, gb_version="3.0")
    assert camera.register().status == 200
    (challenge,) = camera.received("REGISTER", 401)
    values = challenge_values(challenge.msg.header("WWW-Authenticate"))
    assert values["algorithm"] == algorithm
    platform.wait_online(device_id)
    camera.password = "wrong"
    assert camera.register().status == 403
    camera.password = DEVICE_PASSWORD
    assert camera.register().status == 200
    # Its neighbour is challenged as ever.
    control = make_camera()
    assert control.register().status == 200
    (challenge,) = control.received("REGISTER", 401)
    assert challenge_values(challenge.msg.header("WWW-Authenticate"))["algorithm"] == "MD5"


@pytest.mark.clause("GB/T 28181-2022", "I")
@pytest.mark.parametrize(("sent", "kept"), [("3.0", "3.0"), ("1.1", "1.1"), ("", ""), ("x", "")])
def test_the_edition_is_kept_and_ours_is_told_in_every_answer(
    platform: Server, make_camera: MakeCamera, sent: str, kept: str
) -> None:
    camera = make_camera(gb_version=sent)
    assert camera.register().status == 200
    camera.password = "wrong"
    assert camera.register().status == 403
    for status in (401, 200, 403):
        for entry in camera.received("REGISTER", status):
            assert entry.msg.header("X-GB-Ver") == "3.0", f"{status} without our edition"
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["gb_version"] == kept


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.3")
def test_a_node_sends_devices_of_2022_elsewhere(launch: Launch, make_camera: MakeCamera) -> None:
    first = launch("a")
    second = launch("b", GB28181_SIP__ID=OTHER)
    target = f"{OTHER}@127.0.0.1:{second.ports.sip}"
    first.stop()
    first.env["GB28181_DEVICES__REDIRECT"] = target
    first.start()
    camera = make_camera(server=first, gb_version="3.0")
    answer = camera.register()
    assert answer.status == 302
    assert answer.header("Contact") == f"<sip:{target}>"
    assert answer.header("Expires") == "3600"
    assert first.device(camera.device_id) is None
    first.wait_log("device.redirected", device_id=camera.device_id, target=target)
    again = make_camera(camera.device_id, server=second, server_id=OTHER, gb_version="3.0")
    assert again.register().status == 200
    second.wait_online(camera.device_id)
    older = make_camera(server=first, gb_version="2.0")
    assert older.register().status == 200
    intruder = make_camera(server=first, gb_version="3.0", password="wrong")
    assert intruder.register().status == 403


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.3")
def test_a_device_is_sent_elsewhere_by_its_own_setting(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera(gb_version="2.0")
    assert camera.register().status == 200
    platform.wait_channels(camera.device_id, 1)
    bad = platform.call(
        "PATCH", f"/api/v1/devices/{camera.device_id}", {"policy": {"redirect": "nowhere"}}
    )
    assert bad.status == 422
    setting(platform, camera.device_id, redirect=f"{OTHER}@127.0.0.9:5060")
    assert camera.register().status == 302
    platform.wait_online(camera.device_id, online=False)
    setting(platform, camera.device_id, redirect=None)
    assert camera.register().status == 200
    platform.wait_online(camera.device_id)


@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
def test_everything_runs_in_the_connection_of_a_2022_device(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """GB/T 28181-2022 9.1.1 f: behind NAT both ways use the connection the device opened."""
    camera, channel_id = camera_with(
        make_camera, platform, video, transport="tcp", gb_version="3.0", contact="<sip:x@10.9.9.9>"
    )
    session = platform.play(channel_id)
    for method in ("INVITE", "ACK", "MESSAGE"):
        for entry in camera.received(method):
            assert entry.transport == "tcp"
    platform.end(session["session_id"])
    assert camera.wait_received("BYE").transport == "tcp"
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["nat"]["behind"] is True
    assert device["nat"]["round_trip_ms"] >= 0
    assert device["nat"]["unanswered"] == 0
    assert device["nat"]["silent_s"] >= 0


def test_a_device_at_the_address_it_names_is_not_behind_nat(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    camera.wait_received("MESSAGE", match=cmd("Catalog"))
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["nat"]["behind"] is False
    assert device["nat"]["contact"].startswith("<sip:" + camera.device_id)


@pytest.mark.clause("GB/T 28181-2022", "9.10")
def test_the_clock_of_a_device_is_measured(platform: Server, make_camera: MakeCamera) -> None:
    beijing = timezone(timedelta(hours=8))
    late = datetime.now(UTC).astimezone(beijing) - timedelta(seconds=90)
    camera = make_camera(faults=Faults(date=late.strftime("%Y-%m-%dT%H:%M:%S.000")))
    assert camera.register().status == 200
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["clock"]["source"] == "date"
    assert -95 < device["clock"]["error_s"] < -89
    assert any(note.startswith("clock: 9") for note in device["config_warnings"])
    assert make_camera().register().status == 200


@pytest.mark.clause("GB/T 28181-2022", "9.6.1")
def test_a_heartbeat_with_error_shows_what_does_not_work(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_online(camera.device_id)
    child = new_id()
    beat = (
        "<?xml version='1.0'?>\n<Notify>\n<CmdType>Keepalive</CmdType>\n<SN>7</SN>\n"
        f"<DeviceID>{camera.device_id}</DeviceID>\n<Status>ERROR</Status>\n"
        f"<Info><DeviceID>{child}</DeviceID></Info>\n</Notify>"
    )
    assert camera.message(beat).status == 200
    device = platform.device(camera.device_id)
    assert device is not None
    assert (device["online"], device["healthy"], device["faulty"]) == (True, False, [child])
    platform.wait_log("device.fault", device_id=camera.device_id, faulty=[child])
    assert camera.keepalive().status == 200
    wait_for(
        lambda: (platform.device(camera.device_id) or {})["healthy"], "healthy again", timeout=3
    )
