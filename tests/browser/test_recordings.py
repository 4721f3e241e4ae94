"""What the platform recorded, in the console: the day, the timeline, the picture, a file of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e import media_source
from tests.e2e.camera import Source
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.live_support import camera_with
from tests.e2e.server import wait_for
from tests.e2e.test_recording import SHORT, record, wait_segments

from .conftest import OpenDesk
from .pixels import shown

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_a_recording_is_found_played_paused_sought_and_taken_along(
    launch: Launch, make_camera: MakeCamera, video: Source, open_desk: OpenDesk, tmp_path: Path
) -> None:
    server = launch(**SHORT)
    camera, channel_id = camera_with(make_camera, server, video)
    record(server, channel_id)
    wait_segments(server, channel_id, 2)
    record(server, channel_id, "stop")
    camera.unregister()
    wait_for(lambda: not server.get(f"/channels/{channel_id}")["online"], "it is offline")

    desk = open_desk(server).enter()
    desk.provokes(409)  # the live picture of a camera that is gone; a look at one just over
    desk.click_channel(channel_id)
    desk.failure("device_offline")
    desk.test("recordings").click()
    player = desk.test("recorded-player")
    expect(player).to_have_attribute("data-state", "idle")
    expect(desk.test("recorded")).to_have_count(1)
    desk.test("window").select_option("10")
    desk.test("play").click()
    expect(player).to_have_attribute("data-state", "playing")
    wait_for(lambda: shown(desk.page).camera == 7, "the camera's pictures")
    desk.test("play").click()
    expect(player).to_have_attribute("data-state", "paused")
    (session,) = server.sessions()
    assert (session["transport"], session["viewers"]) == ("platform", 1)
    desk.test("speed").select_option("0.5")  # which ends the pause, as it does on devices
    expect(player).to_have_attribute("data-state", "playing")
    # Back to the beginning, by a click on the line.
    block = desk.test("recorded").bounding_box()
    assert block is not None
    desk.page.mouse.click(block["x"] + 1, block["y"] + block["height"] / 2)
    desk.test("speed").select_option("8")
    expect(player).to_have_attribute("data-state", "ended")
    wait_for(lambda: server.sessions() == [], "it is over")
    # Again, and then back to the live picture, which ends it.
    desk.test("play").click()
    expect(player).to_have_attribute("data-state", "playing")
    desk.test("live").click()
    desk.failure("device_offline")
    wait_for(lambda: server.sessions() == [], "it is over")

    desk.test("recordings").click()
    desk.test("download").click()  # chooses a stretch first
    with desk.page.expect_download() as download:
        desk.test("download").click()
    file = tmp_path / "film.mp4"
    download.value.save_as(file)
    assert download.value.suggested_filename.startswith(channel_id)
    assert len(media_source.packets(file)) > 50
