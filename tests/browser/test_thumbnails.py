"""Small pictures in the list of channels: of what is looked at, and kept when nobody looks."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e import block_code
from tests.e2e.camera import Source
from tests.e2e.kit import MakeCamera
from tests.e2e.live_support import camera_with
from tests.e2e.media_source import gray_of_rgba
from tests.e2e.server import Server, wait_for

from .desk import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

STRIP = """async (image) => {
  const bitmap = await createImageBitmap(image)
  const pen = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d')
  // The strip as large as it was, from a picture made smaller.
  pen.drawImage(bitmap, 0, 0, bitmap.width, bitmap.height, 0, 0, 1920, 1080)
  return [bitmap.width, Array.from(pen.getImageData(0, 0, WIDTH, HEIGHT).data)]
}""".replace("WIDTH", str(block_code.WIDTH)).replace("HEIGHT", str(block_code.HEIGHT))


def camera_of(desk: Desk, channel_id: str) -> tuple[int, int | None]:
    """Width of a small picture, and the camera it shows."""
    width, rgba = desk.test(f"thumbnail-{channel_id}").evaluate(STRIP)
    code = block_code.decode(gray_of_rgba(bytes(rgba)))
    return width, code.camera if code else None


def test_a_small_picture_comes_with_the_stream_and_stays(
    desk: Desk, platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    idle, _other_id = camera_with(make_camera, platform, video)
    desk.test("search").fill(channel_id)
    row = desk.row(channel_id)
    expect(row).to_contain_text("在线")
    thumbnail = desk.test(f"thumbnail-{channel_id}")
    expect(thumbnail).to_have_count(0)
    desk.watch(channel_id)
    expect(thumbnail).to_have_js_property("complete", True, timeout=20_000)
    wait_for(lambda: camera_of(desk, channel_id)[1] is not None, "the small picture")
    assert camera_of(desk, channel_id) == (320, 7)
    session = platform.call("GET", "/api/v1/sessions?state=running").body["items"]
    (mine,) = [one for one in session if one["channel_id"] == channel_id]
    platform.call("DELETE", f"/api/v1/sessions/{mine['session_id']}")
    desk.page.reload()
    desk.test("search").fill(channel_id)
    expect(thumbnail).to_be_visible()
    assert camera_of(desk, channel_id) == (320, 7)
    assert len(camera.received("INVITE")) == 1
    assert idle.received("INVITE") == [], "a list calls nobody"
