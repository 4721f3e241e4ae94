"""Every way a device can refuse speech is told in its own words, and nothing stays behind."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .camera import Camera, Ear
from .kit import Launch, MakeCamera
from .server import Answer, Server, wait_for
from .views import assert_three_views
from .voice_support import (
    begin,
    end,
    microphone,
    speaker_camera,
    state,
    talk,
    tone,
    upload,
    wait_over,
    wav,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.12.1"),
]

SHORT = {
    "GB28181_TALK__RESPONSE_TIMEOUT": "1",
    "GB28181_TALK__INVITE_TIMEOUT": "1",
    "GB28181_TALK__CONNECT_TIMEOUT": "1",
    "GB28181_TALK__MICROPHONE_WAIT": "2",
}


@pytest.fixture
def server(launch: Launch) -> Server:
    return launch(**SHORT)


def refused(server: Server, answer: Answer, status: int, leg: str, reason: str) -> dict[str, Any]:
    """An error of this leg that says why in both languages; returns the ended talk."""
    assert answer.status == status, answer.body
    error = answer.error
    assert (error["code"], error["leg"]) == (leg, leg)
    detail = error["detail"]
    assert detail["reason"] == reason
    assert detail["en"] in error["message"]
    assert any("一" <= letter <= "鿿" for letter in detail["zh"])
    over = wait_over(server, detail["talk_id"])
    (target,) = over["targets"]
    assert (target["state"], target["reason"], target["leg"]) == ("ended", reason, leg)
    assert target["message_zh"] == detail["zh"]
    assert server.wait_log("talk.target_failed", reason=reason)["device_id"]
    return over


REFUSALS: list[tuple[str, Ear, int, str, str]] = [
    ("says ERROR", Ear(result="ERROR"), 502, "invite_rejected", "result_error"),
    ("says nothing", Ear(result=""), 504, "invite_timeout", "no_response"),
    ("never calls", Ear(invites=False), 504, "invite_timeout", "no_invite"),
    (
        "offers PCMU",
        Ear(payloads="0", maps="a=rtpmap:0 PCMU/8000"),
        415,
        "unsupported_codec",
        "codec",
    ),
    (
        "offers AAC as 8",
        Ear(payloads="8", maps="a=rtpmap:8 MPEG4-GENERIC/8000"),
        415,
        "unsupported_codec",
        "codec",
    ),
    ("foreign c=", Ear(host="203.0.113.9"), 502, "invite_rejected", "address_refused"),
    ("multicast c=", Ear(host="224.0.0.9"), 502, "invite_rejected", "address_refused"),
    ("never acknowledges", Ear(acks=False), 504, "no_media", "no_ack"),
    (
        "never connects",
        Ear(transport="active", connects=False),
        504,
        "no_media",
        "no_connection",
    ),
]


@pytest.mark.parametrize(
    ("ear", "status", "leg", "reason"),
    [case[1:] for case in REFUSALS],
    ids=[case[0] for case in REFUSALS],
)
def test_a_refusal_is_told_in_its_own_words(
    server: Server, make_camera: MakeCamera, ear: Ear, status: int, leg: str, reason: str
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=ear)
    refused(server, talk(server, channel_id), status, leg, reason)
    for call in camera.speaker.calls.values():
        wait_for(lambda c=call: c.state == "over", "the camera's call is over")  # type: ignore[misc]
        assert call.packets == [] or reason in ("no_ack", "no_connection")
    assert_three_views(server, [camera])
    camera.speaker.ear = Ear()
    end(server, begin(server, channel_id)["talk_id"])


def test_a_device_that_refuses_the_message(server: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server)
    camera.faults.message_status = 405
    over = refused(server, talk(server, channel_id), 502, "invite_rejected", "notify_refused")
    assert over["targets"][0]["sip_status"] == 405
    camera.faults.message_status = 0
    refused(server, talk(server, channel_id), 504, "invite_timeout", "notify_timeout")


def test_a_device_that_is_offline(server: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server)
    camera.unregister()
    server.wait_online(camera.device_id, online=False)
    refused(server, talk(server, channel_id), 409, "device_offline", "device_offline")
    refused(
        server, talk(server, channel_id, mode="talk-2016"), 409, "device_offline", "device_offline"
    )


def test_a_device_that_hangs_up_at_once_and_one_that_hangs_up_later(
    server: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(bye_after=0.2))
    begun = begin(server, channel_id)
    over = wait_over(server, begun["talk_id"])
    assert over["targets"][0]["reason"] == "device_bye_early"
    assert "G.711A" in over["targets"][0]["message"]
    camera.speaker.ear = Ear()
    begun = begin(server, channel_id)
    call = camera.speaker.last()
    with microphone(begun):
        wait_for(lambda: len(call.packets) > 170, "it listened for more than three seconds")
        camera.speaker.hang_up(call)
    over = wait_over(server, begun["talk_id"])
    assert over["targets"][0]["reason"] == "device_bye"
    assert_three_views(server, [camera])


def test_a_device_that_cancels_its_call(server: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(cancel=True))
    answer = talk(server, channel_id)
    # The CANCEL may find the call answered: then it changes nothing (RFC 3261 9.2).
    call = camera.speaker.last()
    if answer.status == 200:
        end(server, answer.body["talk_id"])
    else:
        refused(server, answer, 504, "media_stopped", "cancelled")
        assert call.status == 487
    wait_for(lambda: call.state == "over", "over")
    assert_three_views(server, [camera])


@pytest.mark.parametrize("way", ["active", "passive"])
def test_a_broken_connection_ends_the_call_with_bye(
    server: Server, make_camera: MakeCamera, way: str
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(transport=way))
    begun = begin(server, channel_id)
    call = camera.speaker.last()
    wait_for(lambda: len(call.packets) > 3, "sound")
    camera.speaker.drop_connection(call)
    over = wait_over(server, begun["talk_id"])
    assert over["targets"][0]["reason"] == "connection_lost"
    wait_for(lambda: call.ended_by == "BYE of the platform", "BYE came")
    assert_three_views(server, [camera])


def test_bye_behind_a_broken_connection_is_the_reason(
    server: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(transport="active"))
    begun = begin(server, channel_id)
    call = camera.speaker.last()
    with microphone(begun):
        wait_for(lambda: len(call.packets) > 170, "sound")
        camera.speaker.hang_up(call)  # closes its socket first
    over = wait_over(server, begun["talk_id"])
    assert over["targets"][0]["reason"] == "device_bye"


def test_an_invite_nobody_asked_for_is_refused(server: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server)
    server.log_mark()
    call = camera.speaker.call()
    wait_for(lambda: call.status == 403, "403")
    server.wait_log("talk.invite_refused", status=403, reason="no_broadcast")
    begun = begin(server, channel_id)
    second = camera.speaker.call()
    wait_for(lambda: second.status == 403, "403 while another call stands")
    assert_three_views(server, [camera])
    end(server, begun["talk_id"])


def test_only_the_device_that_was_asked_may_call(server: Server, make_camera: MakeCamera) -> None:
    """Another device, and the right one from another address."""
    camera, channel_id, (loudspeaker,) = speaker_camera(make_camera, server, ear=Ear(invites=False))
    other, _, _ = speaker_camera(make_camera, server, host="127.0.0.3")
    stranger = Camera(
        camera.device_id,
        server.sip,
        server_id=camera.server_id,
        password="",
        host="127.0.0.4",
    )
    try:
        found: list[Any] = []

        def call_from_elsewhere() -> None:
            found.append(other.speaker.call(loudspeaker))
            found.append(stranger.speaker.call(loudspeaker))

        camera.speaker.ear.invites = False
        original = camera.speaker.on_notify

        def notified(message: Any) -> None:
            original(message)
            call_from_elsewhere()

        camera.speaker.on_notify = notified  # type: ignore[method-assign]
        refused(server, talk(server, channel_id), 504, "invite_timeout", "no_invite")
        assert [call.status for call in found] == [403, 403]
        assert all(call.packets == [] for call in found)
    finally:
        stranger.close()
    assert_three_views(server, [camera, other])


def test_a_private_address_in_the_sdp_is_replaced_by_where_sip_came_from(
    server: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(host="192.168.1.64"))
    begun = begin(server, channel_id)
    call = camera.speaker.last()
    wait_for(lambda: len(call.packets) > 3, "sound reaches the true address")
    assert begun["targets"][0]["remote"] == f"127.0.0.1:{call.local[1]}"
    end(server, begun["talk_id"])


def test_an_address_of_an_allowed_network_is_spoken_to(
    launch: Launch, make_camera: MakeCamera
) -> None:
    server = launch(GB28181_MEDIA__ALLOW="127.0.0.9/32", **SHORT)
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(host="127.0.0.9"))
    begun = begin(server, channel_id)
    assert begun["targets"][0]["remote"].startswith("127.0.0.9:")
    end(server, begun["talk_id"])
    assert_three_views(server, [camera])


@pytest.mark.parametrize("status", [404, 486])
def test_a_talk_of_2016_that_is_refused(
    server: Server, make_camera: MakeCamera, status: int
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server, ear=Ear(talk_status=status))
    answer = talk(server, channel_id, mode="talk-2016")
    over = refused(server, answer, 502, "invite_rejected", "invite_rejected")
    assert over["targets"][0]["sip_status"] == status
    assert_three_views(server, [camera])


def test_a_microphone_that_is_gone_ends_the_talk(server: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server)
    begun = begin(server, channel_id)
    with microphone(begun):
        wait_for(lambda: state(server, begun["talk_id"])["speaking"], "it says so")
    with microphone(begun):  # a browser that came back in time
        wait_for(lambda: state(server, begun["talk_id"])["speaking"], "it says so")
    over = wait_over(server, begun["talk_id"])
    assert over["reason"] == "microphone_gone"
    assert over["targets"][0]["reason"] == "microphone_gone"
    assert camera.speaker.last().ended_by == "BYE of the platform"
    second = begin(server, channel_id)  # nobody ever speaks
    assert wait_over(server, second["talk_id"])["reason"] == "microphone_gone"


def test_a_device_that_goes_offline_while_it_listens(
    server: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, server)
    begun = begin(server, channel_id)
    camera.unregister()
    over = wait_over(server, begun["talk_id"])
    assert over["targets"][0]["reason"] == "device_offline"
    assert_three_views(server, [camera])


def test_after_kill_9_the_device_gets_bye_and_speech_can_begin_again(
    launch: Launch, make_camera: MakeCamera
) -> None:
    server = launch()
    made = [
        speaker_camera(make_camera, server, ear=Ear(transport=way))
        for way in ("udp", "active", "passive")
    ]
    for _, channel_id, _ in made:
        begin(server, channel_id)
    both, both_channel, _ = speaker_camera(make_camera, server)
    begin(server, both_channel, mode="talk-2016")
    cameras = [camera for camera, _, _ in made] + [both]
    calls = [camera.speaker.last() for camera in cameras]
    voice_id = upload(server, wav(tone(500, 1.0)))
    assert len(assert_three_views(server, cameras).sessions) == 4
    time.sleep(1.2)  # catalogs are written within a second; dialogs were before they answered
    server.kill9()
    server.start()
    for call in calls:
        wait_for(lambda c=call: c.state == "over", "BYE came", timeout=5)  # type: ignore[misc]
        assert call.ended_by == "BYE of the platform"
    assert_three_views(server, cameras)
    assert server.get("/talks")["total"] == 0
    for _, channel_id, _ in made:
        answer = talk(server, channel_id, source="file", voice_id=voice_id)
        assert answer.status == 200, answer.body
        assert wait_over(server, answer.body["talk_id"])["reason"] == "finished"
    assert_three_views(server, cameras)


def test_stop_says_bye_to_all(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch()
    made = [speaker_camera(make_camera, server) for _ in range(3)]
    begun = [begin(server, channel_id) for _, channel_id, _ in made]
    with microphone(begun[0]) as speaking:
        assert server.stop() == 0
        speaking.wait(lambda m: m.closed is not None, "the microphone is closed")
    for camera, _, _ in made:
        assert camera.speaker.last().ended_by == "BYE of the platform"
