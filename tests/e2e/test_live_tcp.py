"""Live over TCP, both ways of opening the connection, and what can happen to it (22 annex D)."""

from __future__ import annotations

import pytest

from .camera import Faults, Source
from .kit import Launch, MakeCamera
from .live_support import RawViewer, assert_pictures, camera_with, watch
from .server import Server, wait_for
from .views import assert_three_views

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.2"),
    pytest.mark.clause("GB/T 28181-2022", "annex D"),
]

FOREIGN = "192.31.196.9"
"""A public address (AS112) that is not the camera's; documentation networks count as private."""

MODES = pytest.mark.parametrize("mode", ["tcp-passive", "tcp-active"])


@MODES
def test_picture_over_tcp(
    platform: Server, make_camera: MakeCamera, video: Source, mode: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id, transport=mode)
    invite = camera.wait_received("INVITE").msg
    assert "TCP/RTP/AVP 96" in invite.text
    assert f"a=setup:{mode.removeprefix('tcp-')}\r\n" in invite.text
    assert "a=connection:new\r\n" in invite.text
    views = assert_three_views(platform, [camera])
    (session,) = views.sessions.values()
    (call,) = views.calls.values()
    assert session["transport"] == call.transport == mode
    assert_pictures(watch(live["urls"]["flv"]), 7, 40)
    platform.end(live["session_id"])
    camera.wait_received("BYE")


@MODES
def test_sip_and_media_both_over_tcp(
    platform: Server, make_camera: MakeCamera, video: Source, mode: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, transport="tcp")
    live = platform.play(channel_id, transport=mode)
    assert camera.wait_received("INVITE").transport == "tcp"
    assert_pictures(watch(live["urls"]["flv"], 1), 7, 15)


def test_transport_of_the_device_counts_without_a_wish(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    answer = platform.call(
        "PATCH", f"/api/v1/devices/{camera.device_id}", {"transport": "tcp-passive"}
    )
    assert answer.status == 200, answer
    live = platform.play(channel_id)
    assert platform.session(live["session_id"])["transport"] == "tcp-passive"


def test_stalled_tcp_media_is_noticed(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """The connection stays open in the middle of a packet: BYE, and the reason is said."""
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id, transport="tcp-passive")
    camera.stall_media()
    camera.wait_received("BYE", timeout=6)
    wait_for(lambda: platform.session(live["session_id"])["state"] == "ended", "it is over")
    assert platform.session(live["session_id"])["reason"] in ("media_stopped", "no_viewers")


def test_stalled_tcp_media_with_a_viewer_is_invited_again(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id, transport="tcp-passive")
    viewer = RawViewer(live["urls"]["flv"], 1 << 20)
    viewer.read(1000)
    camera.stall_media()
    camera.wait_received("BYE", timeout=6)
    ended = wait_for(
        lambda: platform.session(live["session_id"])["reason"], "the first session has its reason"
    )
    assert ended == "media_stopped"
    camera.wait_received("INVITE", count=2, timeout=6)
    viewer.read(200_000)  # and pictures come again, on the same connection
    viewer.close()


@MODES
def test_camera_that_never_connects_is_no_media(
    platform: Server, make_camera: MakeCamera, mode: str
) -> None:
    faults = Faults(tcp_connects=False, no_media=True)
    camera, channel_id = camera_with(make_camera, platform, None, faults=faults)
    answer = platform.live(channel_id, transport=mode)
    assert (answer.status, answer.error["leg"]) == (504, "no_media")
    camera.wait_received("BYE")


def test_active_towards_a_foreign_address_is_refused(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """Reflection guard: the platform opens no connection to where SIP did not come from."""
    faults = Faults(sdp_host=FOREIGN)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id, transport="tcp-active")
    assert (answer.status, answer.error["leg"]) == (502, "invite_rejected")
    camera.wait_received("ACK")
    camera.wait_received("BYE")
    assert not [s for s in platform.sockets() if s.remote[0] == FOREIGN]


def test_active_with_a_private_address_uses_the_source_of_sip(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    faults = Faults(sdp_host="192.168.1.64")
    _camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    live = platform.play(channel_id, transport="tcp-active")
    assert_pictures(watch(live["urls"]["flv"], 1), 7, 15)


def test_active_to_a_port_nobody_listens_on(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    faults = Faults(sdp_port=platform.ports.spare)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id, transport="tcp-active")
    assert (answer.status, answer.error["leg"]) == (504, "no_media")
    camera.wait_received("BYE")


@pytest.mark.parametrize("allow", ["", "127.0.0.2/32"], ids=["control", "allowed"])
def test_another_network_can_be_allowed(
    launch: Launch, make_camera: MakeCamera, video: Source, allow: str
) -> None:
    """An NVR that waits for the connection on another address: `media.allow` lets us go there."""
    server = launch(**({"GB28181_MEDIA__ALLOW": allow} if allow else {}))
    faults = Faults(sdp_host="127.0.0.2", media_host="127.0.0.2")
    camera, channel_id = camera_with(make_camera, server, video, faults=faults)
    answer = server.live(channel_id, transport="tcp-active")
    if allow:
        assert_pictures(watch(answer.body["urls"]["flv"], 1), 7, 15)
    else:
        assert (answer.status, answer.error["leg"]) == (504, "no_media")
        camera.wait_received("BYE")
