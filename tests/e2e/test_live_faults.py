"""When a camera does it wrong: the status, the leg, the SIP that follows, and nothing left over."""

from __future__ import annotations

import itertools
import time

import pytest

from .camera import Faults, Source
from .kit import Launch, MakeCamera
from .live_support import MediaStranger, RawViewer, assert_pictures, camera_with, watch
from .server import Server, wait_for
from .views import assert_three_views

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.2"),
    pytest.mark.clause("GB/T 28181-2022", "annex K"),
]

FOREIGN = "192.31.196.9"
"""A public address (AS112) that is not the camera's; documentation networks count as private."""


def test_control_without_fault(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    assert_pictures(watch(platform.play(channel_id)["urls"]["flv"], 1), 7, 15)
    assert len(camera.received("INVITE")) == len(camera.received("ACK")) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 486, 488, 500, 503])
def test_refused(platform: Server, make_camera: MakeCamera, video: Source, status: int) -> None:
    camera, channel_id = camera_with(
        make_camera, platform, video, faults=Faults(invite_status=status)
    )
    answer = platform.live(channel_id)
    assert answer.status == 502
    assert answer.error["leg"] == "invite_rejected"
    assert answer.error["sip_status"] == status
    camera.wait_received("ACK")
    assert camera.received("BYE") == []
    camera.faults.invite_status = 200
    platform.play(channel_id)


def test_never_answered(platform: Server, make_camera: MakeCamera) -> None:
    """No 1xx, so no CANCEL (RFC 3261 9.1); repeated at T1, 2 T1, 4 T1 with one identity."""
    camera, channel_id = camera_with(make_camera, platform, None, faults=Faults(never_answer=True))
    began = time.monotonic()
    answer = platform.live(channel_id)
    assert time.monotonic() - began < 15
    assert (answer.status, answer.error["leg"]) == (504, "invite_timeout")
    # Told now, although the transaction (and with it the session) is not over yet.
    assert platform.wait_log("session.failed", leg="invite_timeout")["device_id"]
    times = [entry.at for entry in camera.received("INVITE")]
    assert len({entry.msg.raw for entry in camera.received("INVITE")}) == 1
    gaps = [b - a for a, b in itertools.pairwise(times)]
    for gap, wanted in zip(gaps[:4], (0.1, 0.2, 0.4, 0.8), strict=True):
        assert wanted * 0.8 < gap < wanted * 1.5 + 0.1
    assert_three_views(platform, [camera], timeout=12)
    assert camera.received("CANCEL") == []


def test_ringing_but_never_answered_is_cancelled(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id = camera_with(
        make_camera, platform, None, faults=Faults(answer_delay_s=60, provisional=(100, 180))
    )
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (504, "invite_timeout")
    camera.wait_received("CANCEL")
    camera.wait_received("ACK")  # of the 487
    assert camera.sent("INVITE", 487)
    assert camera.open_calls() == []


def test_answer_after_the_time_out_is_acked_and_ended(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """No 1xx came, so nothing could be cancelled: the late 200 gets ACK and BYE."""
    faults = Faults(answer_delay_s=3, provisional=())
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (504, "invite_timeout")
    camera.wait_received("ACK")
    bye = camera.wait_received("BYE")
    assert bye.msg.tag("To") == camera.sent("INVITE", 200)[0].msg.tag("To")
    assert camera.open_calls() == []


def test_answer_that_crosses_the_cancel(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    faults = Faults(answer_delay_s=3, answer_cancel=False)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id)
    assert answer.error["leg"] == "invite_timeout"
    camera.wait_received("CANCEL")
    camera.wait_received("ACK")
    camera.wait_received("BYE")


def test_no_media_after_the_answer(platform: Server, make_camera: MakeCamera) -> None:
    camera, channel_id = camera_with(make_camera, platform, None, faults=Faults(no_media=True))
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (504, "no_media")
    camera.wait_received("BYE")
    ended = platform.wait_log("session.ended", device_id=camera.device_id)
    assert (ended["reason"], ended["leg"]) == ("no_media", "no_media")


def test_media_from_another_address_of_the_camera(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """The first source with a valid program stream is taken and locked (design section 5)."""
    faults = Faults(media_host="127.0.0.2")
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    live = platform.play(channel_id)
    assert_pictures(watch(live["urls"]["flv"], 1), 7, 15)
    assert camera.open_calls()


def test_stranger_cannot_mix_in(
    platform: Server, make_camera: MakeCamera, video: Source, other_video: Source
) -> None:
    """A sound stream of other pictures, sent to the port of a running call from elsewhere."""
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    (call,) = camera.open_calls()
    with MediaStranger(other_video, call.platform, call.ssrc) as stranger:
        wait_for(lambda: stranger.frames > 5, "the stranger sends")
        assert_pictures(watch(live["urls"]["flv"], 2), 7, 40)
    foreign = platform.wait_log("media.foreign_source")
    assert "127.0.0.2" in foreign["remote"]


def test_sdp_with_port_0_is_a_refusal(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """RFC 3264 6: port 0 in the answer rejects the stream. The dialog exists: ACK, then BYE."""
    faults = Faults(sdp_port=0, no_media=True)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (502, "invite_rejected")
    camera.wait_received("ACK")
    camera.wait_received("BYE")


def test_foreign_address_in_the_answer_over_udp(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """A claim only: nothing is sent there, and the pictures come from the camera itself."""
    faults = Faults(sdp_host=FOREIGN)
    _camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    live = platform.play(channel_id)
    assert_pictures(watch(live["urls"]["flv"], 1), 7, 15)
    assert not [s for s in platform.sockets() if s.remote[0] == FOREIGN]


def test_codec_nobody_can_carry(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    """SVAC in the stream map: said as such, not as missing media."""
    faults = Faults(psm_video_type=0x80, no_sound=True)
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    answer = platform.live(channel_id)
    assert (answer.status, answer.error["leg"]) == (415, "unsupported_codec")
    camera.wait_received("BYE")


def test_bye_without_answer_still_ends(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, faults=Faults(answer_bye=False))
    live = platform.play(channel_id)
    platform.end(live["session_id"])
    camera.wait_received("BYE", count=2)  # repeated, as it was not answered
    wait_for(
        lambda: platform.session(live["session_id"])["state"] == "ended",
        "the session ends without the answer",
    )


def test_answer_repeated_five_times_is_one_session(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, faults=Faults(answers=5))
    platform.play(channel_id)
    camera.wait_received("ACK", count=5)  # each 2xx gets its ACK (RFC 3261 13.2.2.4)
    assert len(platform.sessions()) == 1
    assert len(camera.open_calls()) == 1


def test_lost_acks(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(
        make_camera, platform, video, faults=Faults(ignore_acks=2), t1=0.2
    )
    platform.play(channel_id)
    assert len(camera.received("ACK")) >= 3
    assert len(camera.received("INVITE")) == 1
    assert len(platform.sessions()) == 1


def test_lost_answer(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    """The first two 200 are lost: the INVITE is repeated, and one session comes of it."""
    lost: list[int] = []

    def lose(message: object) -> bool:
        status = getattr(message, "status", 0)
        method = getattr(message, "method", "")
        if method == "INVITE" and status == 200 and len(lost) < 2:
            lost.append(1)
            return True
        return False

    faults = Faults(drop_out=lose, provisional=())
    camera, channel_id = camera_with(make_camera, platform, video, faults=faults, t1=10)
    platform.play(channel_id)
    assert len(camera.received("INVITE")) >= 3
    assert len({entry.msg.raw for entry in camera.received("INVITE")}) == 1
    assert len(platform.sessions()) == len(camera.open_calls()) == 1


def test_bye_of_the_camera_without_viewers_ends_it(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    assert camera.hang_up().status == 200
    wait_for(lambda: platform.session(live["session_id"])["state"] == "ended", "it is over")
    assert platform.session(live["session_id"])["reason"] == "device_bye"
    assert camera.received("BYE") == []


def test_bye_outside_a_dialog_is_481(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    platform.play(channel_id)
    platform.end(platform.sessions()[0]["session_id"])
    bye = camera.wait_received("BYE").msg
    assert camera.hang_up(bye.call_id).status == 481


def test_silence_with_a_viewer_is_invited_again_and_the_viewer_stays(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    viewer = RawViewer(live["urls"]["flv"], 1 << 20)
    viewer.read(100_000)
    camera.stop_media()
    camera.wait_received("BYE", timeout=6)
    assert platform.session(live["session_id"])["reason"] == "media_stopped"
    camera.wait_received("INVITE", count=2, timeout=6)
    viewer.read(300_000)
    viewer.close()
    (session,) = platform.sessions()
    assert session["session_id"] != live["session_id"]
    assert session["stream_id"] == live["stream_id"]
    platform.wait_log("session.reinvited", device_id=camera.device_id)


def test_power_cut_while_people_watch(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """Gone without BYE, back after a moment on another port: the viewer sees pictures again."""
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    viewer = RawViewer(live["urls"]["flv"], 1 << 20)
    viewer.read(100_000)
    camera.vanish()
    wait_for(
        lambda: platform.session(live["session_id"])["reason"] == "media_stopped",
        "the silence is noticed",
    )
    camera.revive()
    assert camera.register().status == 200
    viewer.socket.settimeout(12)
    viewer.read(300_000)
    assert camera.open_calls()
    viewer.close()


def test_device_offline_ends_its_session(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    camera.unregister()
    wait_for(lambda: platform.session(live["session_id"])["state"] == "ended", "it is over")
    assert platform.session(live["session_id"])["reason"] == "device_offline"


@pytest.mark.parametrize("output", ["flv", "fmp4"])
def test_viewer_that_never_reads_harms_nobody(
    launch: Launch, make_camera: MakeCamera, video: Source, output: str
) -> None:
    """Ten times the pace fills its queue in moments; the other viewer sees every picture."""
    server = launch(GB28181_MEDIA__VIEWER_QUEUE="262144")
    fast = Source(video.frames, fps=250)
    camera, channel_id = camera_with(make_camera, server, fast)
    url = server.play(channel_id)["urls"][output]
    dead = RawViewer(url)
    before = server.rss()
    watch(url, 1)
    server.wait_log("media.reader_dropped", timeout=10)
    assert server.rss() - before < 40 * 1024 * 1024
    assert_pictures(watch(url, 1), 7, 200)
    dead.close()
    (session,) = server.sessions()
    wait_for(lambda: server.session(session["session_id"])["viewers"] == 0, "both are gone")
    assert camera.open_calls()
