"""The ways a picture comes into the page, and its sound: each in chromium, frame by frame."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e import media_source
from tests.e2e.camera import Camera, channel_item, load
from tests.e2e.kit import MakeCamera, new_id
from tests.e2e.server import Server, wait_for

from .desk import Desk
from .pixels import assert_in_order, shown, watch

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

OUTPUTS = ("flv", "fmp4", "hls")


@pytest.fixture
def camera(platform: Server, make_camera: MakeCamera) -> Camera:
    """A camera with G.711 sound, in a size a small machine can look at frame by frame."""
    device_id, channel_id = new_id(kind=118), new_id(kind=131)
    source = load(media_source.h264_file(7, width=1280, height=720), media_source.tone_file())
    camera = make_camera(
        device_id,
        items=[channel_item(channel_id, "七号机位", parent_id=device_id)],
        source={channel_id: source},
    )
    assert camera.register().status == 200
    platform.wait_channels(device_id, 1)
    return camera


@pytest.mark.parametrize("output", OUTPUTS)
def test_picture_then_sound(camera: Camera, platform: Server, desk: Desk, output: str) -> None:
    (channel_id,) = camera.channel_ids()
    desk.page.evaluate("(name) => localStorage.setItem('gb28181.output', name)", output)
    desk.click_channel(channel_id)
    desk.player_is("playing", timeout=15_000)
    expect(desk.test("output")).to_have_value(output)
    expect(desk.test("fact-sound")).to_have_text("G711A")
    desk.sees_more_frames()
    (found,) = watch(desk.page, seconds=2)
    assert_in_order(found, camera=7)
    assert desk.video("v.webkitAudioDecodedByteCount") == 0, "nothing is sent that nobody hears"
    desk.test("sound").click()
    desk.player_is("playing", timeout=15_000)
    wait_for(lambda: desk.video("v.webkitAudioDecodedByteCount") > 8000, "sound", timeout=20)
    assert desk.video("v.muted") is False
    desk.sees_more_frames()
    (found,) = watch(desk.page, seconds=3)
    assert_in_order(found, camera=7)
    heard = desk.video("v.webkitAudioDecodedByteCount")
    wait_for(lambda: desk.video("v.webkitAudioDecodedByteCount") > heard, "sound goes on")
    assert len(camera.received("INVITE")) == 1


def test_another_way_is_chosen_and_kept(camera: Camera, desk: Desk) -> None:
    (channel_id,) = camera.channel_ids()
    desk.watch(channel_id)
    expect(desk.test("output")).to_have_value("flv")
    desk.test("output").select_option("fmp4")
    desk.player_is("playing")
    desk.sees_more_frames()
    desk.page.reload()
    desk.click_channel(channel_id)
    desk.player_is("playing")
    expect(desk.test("output")).to_have_value("fmp4")
    assert len(camera.received("INVITE")) == 1


def test_webrtc_moves_and_is_heard(camera: Camera, platform: Server, desk: Desk) -> None:
    (channel_id,) = camera.channel_ids()
    desk.watch(channel_id)
    desk.test("output").select_option("whep")
    desk.player_is("playing", timeout=20_000)
    expect(desk.test("instead")).to_have_count(0)
    first = shown(desk.page)
    desk.sees_more_frames()
    assert first.camera == shown(desk.page).camera == 7
    wait_for(lambda: shown(desk.page).frame != first.frame, "another picture")
    assert desk.video("v.srcObject.getVideoTracks().length") == 1, "it really is WebRTC"
    desk.test("sound").click()
    desk.player_is("playing", timeout=20_000)
    expect(desk.test("output")).to_have_value("whep")
    wait_for(lambda: desk.video("v.srcObject.getAudioTracks().length") == 1, "a track of sound")
    desk.sees_more_frames()
    assert len(camera.received("INVITE")) == 1


def test_webrtc_that_does_not_get_through(camera: Camera, desk: Desk) -> None:
    """FLV instead, with a word why, and the choice is kept."""
    (channel_id,) = camera.channel_ids()
    desk.page.route("**/whep?*", lambda route: route.fulfill(status=503))
    desk.provokes(503)
    desk.page.evaluate("localStorage.setItem('gb28181.output', 'whep')")
    desk.click_channel(channel_id)
    expect(desk.test("instead")).to_contain_text("改用 FLV")
    desk.player_is("playing", timeout=20_000)
    expect(desk.test("output")).to_have_value("whep")
    desk.sees_more_frames()
