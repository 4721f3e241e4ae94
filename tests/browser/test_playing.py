"""Click to picture: the right channel's frames, all of them, soon; and the picture's later life."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import media_source
from tests.e2e.camera import Camera, Faults, Source, channel_item, load
from tests.e2e.kit import MakeCamera, new_id
from tests.e2e.live_support import camera_with
from tests.e2e.media_source import FPS, FRAMES
from tests.e2e.server import Server, wait_for

from .conftest import OpenDesk
from .desk import Desk
from .pixels import assert_in_order, plays_in_order, shown, watch

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CLICK_TO_PICTURE = """
(id) => new Promise((resolve) => {
  const start = performance.now()
  document.querySelector(`[data-test="open-${id}"]`).click()
  const look = () => {
    const video = document.querySelector('video')
    if (video) video.requestVideoFrameCallback(() => resolve(performance.now() - start))
    else requestAnimationFrame(look)
  }
  look()
})
"""


@pytest.fixture
def recorder(platform: Server, make_camera: MakeCamera) -> Camera:
    """A recorder with two channels that show camera 7 and camera 8, in a size that leaves a small
    machine time to look at every frame."""
    device_id, one, two = new_id(kind=118), new_id(kind=131), new_id(kind=131)
    video, other_video = (
        load(media_source.h264_file(number, width=1280, height=720), media_source.tone_file())
        for number in (7, 8)
    )
    items = [
        channel_item(one, "七号机位", parent_id=device_id),
        channel_item(two, "八号机位", parent_id=device_id),
    ]
    camera = make_camera(device_id, items=items, source={one: video, two: other_video})
    assert camera.register().status == 200
    platform.wait_channels(device_id, 2)
    return camera


def test_click_shows_the_picture_soon(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    desk.page.wait_for_selector(f'[data-test="open-{channel_id}"]')
    taken = desk.page.evaluate(CLICK_TO_PICTURE, channel_id)
    assert taken < 2000, f"{taken:.0f} ms from click to picture"
    desk.player_is("playing")
    expect(desk.test("player")).to_contain_text("路口球机")
    expect(desk.row(channel_id)).to_have_class(re.compile("watched"))
    expect(desk.test("fact-size")).to_have_text("1920 × 1080")
    expect(desk.test("fact-video")).to_have_text("H.264")
    expect(desk.test("fact-transport")).to_have_text("UDP")
    expect(desk.test("fact-rate")).to_have_text(re.compile(r"^\d\.\d Mbit/s$"))
    before = desk.video("v.currentTime")
    desk.sees_more_frames()
    assert desk.video("v.currentTime") > before + 1
    assert desk.video("getComputedStyle(v).objectFit") == "contain"


def test_two_channels_one_after_the_other(recorder: Camera, desk: Desk) -> None:
    """Each shows its own pictures, and the one that was left is hung up."""
    one, two = recorder.channel_ids()
    desk.watch(one)
    plays_in_order((desk.page, 7), seconds=1)
    desk.watch(two)
    expect(desk.test("player")).to_contain_text("八号机位")
    plays_in_order((desk.page, 8), seconds=1)
    recorder.wait_received("BYE", match=lambda message: f"sip:{one}@" in message.header("To"))
    assert len(recorder.open_calls()) == 1
    desk.test("close").click()
    expect(desk.test("overview")).to_be_visible()
    recorder.wait_received("BYE", count=2)


def test_two_channels_together_without_gap_or_repeat(
    recorder: Camera, platform: Server, desk: Desk, open_desk: OpenDesk
) -> None:
    """Ten seconds of both, frame by frame."""
    other = open_desk(platform).enter()
    one, two = recorder.channel_ids()
    desk.watch(one)
    other.watch(two)
    plays_in_order((desk.page, 7), (other.page, 8), seconds=10)


def test_control_a_lost_packet_is_noticed(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    """The judge of the test above is no rubber stamp: one packet of 500 is lost here."""
    faults = Faults(loss="." * 499 + "x")
    _camera, channel_id = camera_with(make_camera, platform, video, faults=faults)
    desk.watch(channel_id)
    with pytest.raises(AssertionError, match=r"\) then |missing|no block code"):
        assert_in_order(*watch(desk.page, seconds=5), camera=7)


def test_a_late_viewer_is_close_to_now(
    recorder: Camera, platform: Server, desk: Desk, open_desk: OpenDesk
) -> None:
    """Who joins in the middle of a group of pictures begins with its key frame, and catches up."""
    channel_id = recorder.channel_ids()[0]
    desk.watch(channel_id)
    (call,) = recorder.open_calls()
    wait_for(
        lambda: recorder.counters(call.call_id).frames % 50 > 40, "late in a group", every=0.01
    )
    late = open_desk(platform).enter()
    late.watch(channel_id)
    for viewer in (desk, late):
        behind = wait_for(
            lambda viewer=viewer: _frames_behind(viewer, recorder, call.call_id) < FPS,
            "less than a second behind the camera",
        )
        assert behind
    assert len(recorder.received("INVITE")) == 1


def _frames_behind(desk: Desk, camera: Camera, call_id: str) -> int:
    """Pictures the camera has sent and the browser has not shown yet."""
    sent = camera.counters(call_id).frames
    return (sent - 1 - shown(desk.page).frame) % FRAMES


def test_a_camera_that_restarts_comes_back_by_itself(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    desk.watch(channel_id)
    camera.vanish()
    desk.player_is("interrupted", timeout=10_000)
    expect(desk.test("player")).to_contain_text("画面中断，正在重新点播")
    camera.revive()
    camera.register()
    desk.player_is("playing", timeout=20_000)
    desk.sees_more_frames()
    plays_in_order((desk.page, 7), seconds=2)


def test_a_camera_that_hangs_up_is_called_again(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    desk.watch(channel_id)
    camera.hang_up()
    camera.wait_received("INVITE", count=2)
    wait_for(lambda: camera.open_calls() and camera.open_calls()[0].confirmed, "the second call")
    desk.sees_more_frames()
    desk.player_is("playing")
    plays_in_order((desk.page, 7), seconds=2)


def test_a_session_ended_by_somebody_else(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    desk.watch(channel_id)
    (session,) = platform.sessions()
    platform.end(session["session_id"])
    card = desk.failure("stopped")
    expect(card).to_contain_text("画面已被他人关闭")
    desk.test("retry").click()
    desk.player_is("playing")
    assert len(camera.received("INVITE")) == 2


def test_click_in_the_tree(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    """A channel plays; so does a camera with one channel, without opening its branch first."""
    camera, channel_id = camera_with(make_camera, platform, video)
    desk.node("city", "6401").click()
    desk.caret("county", "640104").click()
    desk.caret("device", camera.device_id).click()
    desk.node("channel", channel_id).click()
    desk.player_is("playing")
    desk.test("close").click()
    desk.node("device", camera.device_id).click()
    desk.player_is("playing")
    plays_in_order((desk.page, 7), seconds=1)


def test_full_screen(platform: Server, make_camera: MakeCamera, video: Source, desk: Desk) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    desk.watch(channel_id)
    desk.test("fullscreen").click()
    desk.page.wait_for_function("document.fullscreenElement?.querySelector('video')")
    desk.page.evaluate("document.exitFullscreen()")
    desk.page.wait_for_function("document.fullscreenElement === null")
    desk.player_is("playing")
