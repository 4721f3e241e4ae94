"""Broadcast and talk: speech from a microphone and from files reaches loudspeakers as G.711A."""

from __future__ import annotations

import contextlib
import json
from array import array
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from .camera import Ear, Source
from .kit import MakeCamera, new_id
from .server import SERVER_ID, Server, wait_for
from .views import assert_three_views
from .voice_support import (
    assert_rtp,
    begin,
    decoded,
    end,
    hears,
    microphone,
    power,
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
    pytest.mark.clause("GB/T 28181-2016", "9.12.1"),
]

WAYS = ("udp", "active", "passive")


@pytest.mark.parametrize("way", WAYS)
def test_a_microphone_is_heard_as_g711a(
    platform: Server, make_camera: MakeCamera, way: str
) -> None:
    camera, channel_id, (loudspeaker,) = speaker_camera(
        make_camera, platform, ear=Ear(transport=way)
    )
    begun = begin(platform, channel_id)
    assert begun["state"] == "running"
    (target,) = begun["targets"]
    assert target["state"] == "running"
    assert target["voice_output"] == loudspeaker
    assert camera.speaker.notified == [loudspeaker]
    call = camera.speaker.last()
    assert call.answer["direction"] == "sendonly"
    assert call.answer["payload"] == "8"
    views = assert_three_views(platform, [camera])
    session = views.sessions[call.call_id]
    assert session["kind"] == "talk"
    assert session["state"] == "running"
    assert session["transport"] == call.transport
    assert session["ssrc"] == call.answer["y"]
    with microphone(begun, 440.0) as speaking:
        wait_for(lambda: hears(call, 440.0), "the tone is heard", timeout=15)
        wait_for(lambda: state(platform, begun["talk_id"])["speaking"], "it says so")
        speaking.wait(lambda m: m.told, "the speaker is told")
    assert_rtp(call)
    end(platform, begun["talk_id"])
    over = wait_over(platform, begun["talk_id"])
    assert (over["reason"], over["targets"][0]["reason"]) == ("stopped", "stopped")
    wait_for(lambda: call.state == "over", "BYE came")
    assert call.ended_by == "BYE of the platform"
    assert_three_views(platform, [camera])


def test_50_packets_a_second_from_ack_to_bye(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    wait_for(lambda: len(call.packets) > 151, "three seconds", timeout=10)
    gaps = [b - a for a, b in zip(call.times[:151], call.times[1:152], strict=True)]
    passed = call.times[150] - call.times[0]
    assert passed == pytest.approx(3.0, abs=0.3), gaps
    assert set(call.samples) == {0xD5}  # nobody speaks
    assert {len(packet) for packet in call.packets} == {172}
    end(platform, begun["talk_id"])
    wait_over(platform, begun["talk_id"])


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_microphones_of_any_rate(platform: Server, make_camera: MakeCamera, rate: int) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    with microphone(begun, 700.0, rate):
        call = camera.speaker.last()
        wait_for(lambda: hears(call, 700.0), "the tone is heard", timeout=15)
    end(platform, begun["talk_id"])


def test_a_file_is_played_whole_once_and_then_bye(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    pcm = tone(500, 1.5) + tone(900, 1.5)
    voice_id = upload(platform, wav(pcm), "通知")
    begun = begin(platform, channel_id, source="file", voice_id=voice_id)
    assert begun["microphone"] is None
    over = wait_over(platform, begun["talk_id"])
    assert over["reason"] == "finished"
    assert over["targets"][0]["reason"] == "finished"
    call = camera.speaker.last()
    wait_for(lambda: call.state == "over", "BYE came")
    assert_rtp(call)
    spoken = [packet[12:] for packet in call.packets if set(packet[12:]) != {0xD5}]
    assert len(spoken) == pytest.approx(150, abs=2)
    sound = decoded(b"".join(spoken))
    assert power(sound[1000:11_000], 500) > 0.95
    assert power(sound[13_000:23_000], 900) > 0.95
    listed = platform.get("/voices")["items"]
    assert any(voice["voice_id"] == voice_id and voice["name"] == "通知" for voice in listed)
    assert platform.call("DELETE", f"/api/v1/voices/{voice_id}").status == 204
    answer = talk(platform, channel_id, source="file", voice_id=voice_id)
    assert answer.status == 404


def test_many_devices_at_once_each_with_its_own_end(
    platform: Server, make_camera: MakeCamera
) -> None:
    ears = [Ear(transport=way) for way in WAYS * 3]
    ears += [Ear(result="ERROR"), Ear(result="OK", payloads="0", maps="a=rtpmap:0 PCMU/8000")]
    made = [speaker_camera(make_camera, platform, ear=ear) for ear in ears]
    gone, gone_channel, _ = speaker_camera(make_camera, platform)
    gone.unregister()
    platform.wait_online(gone.device_id, online=False)
    voice_id = upload(platform, wav(tone(600, 3.0)))
    targets = [{"channel_id": channel} for _, channel, _ in made[:-1]]
    targets += [{"device_id": made[-1][0].device_id}, {"channel_id": gone_channel}]
    body = {"targets": targets, "source": "file", "voice_id": voice_id}
    answer = platform.call("POST", "/api/v1/talks", body)
    assert answer.status == 200, answer.body
    talk_id = answer.body["talk_id"]
    cameras = [camera for camera, _, _ in made]

    def all_hear() -> bool:
        return all(_last(camera) is not None for camera in cameras[:9])

    wait_for(all_hear, "nine devices called", timeout=10)
    over = wait_over(platform, talk_id, timeout=20)
    assert over["reason"] == "finished"
    states = [(t["state"], t["reason"], t["leg"]) for t in over["targets"]]
    assert states[:9] == [("ended", "finished", None)] * 9
    assert states[9:] == [
        ("ended", "result_error", "invite_rejected"),
        ("ended", "codec", "unsupported_codec"),
        ("ended", "device_offline", "device_offline"),
    ]
    for camera in cameras[:9]:
        call = camera.speaker.last()
        assert hears(call, 600.0)
        spoken = [p for p in call.packets if set(p[12:]) != {0xD5}]
        assert len(spoken) == pytest.approx(150, abs=2)  # from its beginning
    ssrcs = {camera.speaker.last().answer["y"] for camera in cameras[:9]}
    assert len(ssrcs) == 9
    assert_three_views(platform, cameras)


def _last(camera: Any) -> Any:
    calls = camera.speaker.calls
    return camera.speaker.last() if calls else None


def test_a_device_as_a_whole_and_a_named_loudspeaker(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, loudspeakers = speaker_camera(make_camera, platform, outputs=2)
    path = f"/api/v1/devices/{camera.device_id}/talk"
    answer = platform.call("POST", path, {})
    assert answer.status == 200, answer.body
    assert camera.speaker.notified == [camera.device_id]
    assert answer.body["targets"][0]["target_id"] == camera.device_id
    second = begin(platform, channel_id, voice_output=loudspeakers[1])
    third = begin(platform, channel_id)
    assert camera.speaker.notified == [camera.device_id, loudspeakers[1], channel_id]
    busy = talk(platform, channel_id)
    assert (busy.status, busy.error["code"]) == (409, "talk_busy")
    assert busy.error["detail"]["zh"]
    assert len(assert_three_views(platform, [camera]).sessions) == 3
    for talk_id in (answer.body["talk_id"], second["talk_id"], third["talk_id"]):
        end(platform, talk_id)


def test_the_sdp_and_headers_of_our_answer(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, (loudspeaker,) = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    notify = next(e.msg for e in camera.received("MESSAGE") if e.msg.xml("CmdType") == "Broadcast")
    assert "<Notify>" in notify.text
    assert (notify.xml("SourceID"), notify.xml("TargetID")) == (SERVER_ID, loudspeaker)
    assert "<DeviceID>" not in notify.text
    assert call.response is not None
    assert call.response.header("Contact").startswith(f"<sip:{SERVER_ID}@127.0.0.1:")
    lines = call.response.body.decode().split("\r\n")
    assert lines[-1] == ""
    assert [line[:2] for line in lines[:-1]][-2:] == ["y=", "f="]
    assert "s=Play" in lines
    assert "a=rtpmap:8 PCMA/8000" in lines
    assert call.answer["y"].startswith("0")
    end(platform, begun["talk_id"])


def test_the_ssrc_a_device_asks_for_is_the_one_it_gets(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform, ear=Ear(y="0123456789"))
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    assert call.answer["y"] == "0123456789"
    wait_for(lambda: len(call.packets) > 3, "sound")
    assert_rtp(call)
    end(platform, begun["talk_id"])


def test_a_device_that_offers_only_ps_gets_a_program_stream(
    platform: Server, make_camera: MakeCamera
) -> None:
    ear = Ear(payloads="96", maps="a=rtpmap:96 PS/90000")
    camera, channel_id, _ = speaker_camera(make_camera, platform, ear=ear)
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    assert call.answer["payload"] == "96"
    wait_for(lambda: len(call.packets) > 20, "sound")
    assert_rtp(call, payload=96, step=1800)
    assert all(packet[12:16] == b"\x00\x00\x01\xba" for packet in call.packets)
    end(platform, begun["talk_id"])


def test_dahua_connects_before_its_ack(platform: Server, make_camera: MakeCamera) -> None:
    ear = Ear(transport="active", early=True)
    camera, channel_id, _ = speaker_camera(make_camera, platform, ear=ear)
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    wait_for(lambda: len(call.packets) > 10, "sound")
    assert_three_views(platform, [camera])
    end(platform, begun["talk_id"])


def test_the_invite_may_overtake_the_response(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform, ear=Ear(invite_first=True))
    begun = begin(platform, channel_id)
    wait_for(lambda: len(camera.speaker.last().packets) > 10, "sound")
    end(platform, begun["talk_id"])


def test_a_device_that_names_only_itself_is_known_by_its_address(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    camera.speaker.ear = Ear(caller=camera.device_id, subject=False)
    begun = begin(platform, channel_id)
    assert begun["targets"][0]["state"] == "running"
    end(platform, begun["talk_id"])


def test_lost_answers_and_acks_are_repeated(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    dropped: list[str] = []

    def lose_the_first_answer(message: Any) -> bool:
        if message.status == 200 and message.method == "INVITE" and len(dropped) < 2:
            dropped.append(message.call_id)
            return True
        return False

    camera.faults.drop_in = lose_the_first_answer
    begun = begin(platform, channel_id)
    assert len(dropped) == 2
    assert len(camera.speaker.calls) == 1
    wait_for(lambda: len(camera.speaker.last().packets) > 10, "sound")
    assert_three_views(platform, [camera])
    end(platform, begun["talk_id"])


def test_a_reinvite_of_the_same_is_confirmed_and_another_is_not(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    call = camera.speaker.last()
    assert camera.speaker.again(call).wait().status == 200
    assert camera.speaker.again(call, port=9).wait().status == 488
    before = len(call.packets)
    wait_for(lambda: len(call.packets) > before + 10, "the sound goes on")
    assert_three_views(platform, [camera])
    end(platform, begun["talk_id"])


@pytest.mark.clause("GB/T 28181-2016", "9.12.2")
@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
def test_a_talk_of_2016_goes_both_ways_in_one_dialog(
    platform: Server, make_camera: MakeCamera, transport: str
) -> None:
    camera, channel_id, (loudspeaker,) = speaker_camera(make_camera, platform)
    changed = platform.call(
        "PATCH", f"/api/v1/devices/{camera.device_id}", {"transport": transport}
    )
    assert changed.status == 200, changed.body
    begun = begin(platform, channel_id, mode="talk-2016")
    call = camera.speaker.last()
    assert camera.speaker.notified == []
    assert call.request is not None
    assert call.request.header("Subject").startswith(f"{loudspeaker}:")
    assert call.answer["direction"] == "sendrecv"
    assert call.transport == transport
    with microphone(begun, 440.0) as speaking:
        wait_for(lambda: hears(call, 440.0), "the device hears", timeout=15)
        speaking.wait(lambda m: len(m.heard) > 16_000, "the device is heard")
        back = array("h", bytes(speaking.heard[-8000:]))
        assert power(back, 1000) > 0.95
    assert_rtp(call)
    assert_three_views(platform, [camera])
    end(platform, begun["talk_id"])
    wait_for(lambda: call.state == "over", "BYE came")


@pytest.mark.clause("GB/T 28181-2022", "9.12.2")
def test_talk_is_broadcast_and_the_live_picture(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform, source=video)
    begun = begin(platform, channel_id, mode="talk")
    assert begun["listen"] == {
        "stream_id": channel_id,
        "state": "running",
        "leg": None,
        "message": None,
    }
    kinds = sorted(session["kind"] for session in platform.sessions())
    assert kinds == ["live", "talk"]
    assert_three_views(platform, [camera])
    end(platform, begun["talk_id"])


def test_delete_of_its_session_ends_a_talk(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    platform.end(begun["targets"][0]["session_id"])
    over = wait_over(platform, begun["talk_id"])
    assert over["targets"][0]["reason"] == "stopped"
    wait_for(lambda: camera.speaker.last().state == "over", "BYE came")


def test_the_events_tell_every_step(platform: Server, make_camera: MakeCamera) -> None:
    _, channel_id, _ = speaker_camera(make_camera, platform)
    with platform.events() as socket:
        begun = begin(platform, channel_id)
        end(platform, begun["talk_id"])
        steps: list[str] = []
        while steps[-1:] != ["ended"]:
            event = json.loads(socket.recv(timeout=5))
            if event["type"] == "talk.changed" and event["data"]["target"]:
                steps.append(event["data"]["target"]["state"])
    assert [s for n, s in enumerate(steps) if n == 0 or steps[n - 1] != s] == [
        "asking",
        "awaiting_invite",
        "connecting",
        "running",
        "closing",
        "ended",
    ]


def test_who_may_speak(platform: Server, make_camera: MakeCamera) -> None:
    _, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    address = begun["microphone"].partition("?")[0]
    anything = platform.call("POST", "/api/v1/auth/ticket", {}).body["ticket"]
    for query in ("", "?ticket=nonsense", f"?ticket={anything}"):
        with pytest.raises(InvalidStatus) as refused, connect(address + query, proxy=None):
            pass
        assert refused.value.response.status_code == 401
    with microphone(begun):
        wait_for(lambda: state(platform, begun["talk_id"])["speaking"], "it says so")
        with pytest.raises(InvalidStatus) as busy, connect(begun["microphone"], proxy=None):
            pass
        assert busy.value.response.status_code == 409
    with pytest.raises(InvalidStatus) as bad, connect(begun["microphone"] + "&rate=7", proxy=None):
        pass
    assert bad.value.response.status_code == 422
    assert talk(platform, "1" * 20).status == 404
    assert talk(platform, channel_id, source="file").status == 422
    assert platform.call("POST", "/api/v1/talks", {"targets": []}).status == 422
    assert platform.call("POST", f"/api/v1/channels/{channel_id}/talk", token=False).status == 401
    end(platform, begun["talk_id"])


def test_a_microphone_that_brings_more_sound_than_time_is_cut(
    platform: Server, make_camera: MakeCamera
) -> None:
    _, channel_id, _ = speaker_camera(make_camera, platform)
    begun = begin(platform, channel_id)
    with connect(begun["microphone"] + "&rate=8000", proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                socket.send(bytes(16_000))
            while True:
                socket.recv(timeout=5)
        assert socket.close_code == 1008
    end(platform, begun["talk_id"])


def test_files_that_are_none_are_refused(platform: Server) -> None:
    for data in (b"no audio", b"", wav(b"")):
        answer = platform.call("POST", "/api/v1/voices", raw=data)
        assert (answer.status, answer.error["code"]) == (422, "bad_input"), answer.body
    limit = platform.call("POST", "/api/v1/voices", raw=bytes(21 << 20))
    assert limit.status == 413
    assert platform.call("DELETE", "/api/v1/voices/nothing").status == 404
    assert platform.call("POST", "/api/v1/voices", raw=b"x", token=False).status == 401


def test_unknown_ids(platform: Server) -> None:
    assert platform.call("GET", "/api/v1/talks/nothing").status == 404
    assert platform.call("DELETE", "/api/v1/talks/nothing").status == 404
    assert platform.call("POST", f"/api/v1/devices/{new_id()}/talk", {}).status == 404
