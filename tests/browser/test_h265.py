"""A camera of H.265 in a browser that cannot decode it: H.264 is made of it, and pictures move."""

from __future__ import annotations

import pytest

from tests.e2e import media_source
from tests.e2e.camera import Faults, load
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.live_support import camera_with
from tests.e2e.server import wait_for

from .conftest import OpenDesk
from .pixels import shown

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

H265 = Faults(psm_video_type=0x24)


def test_h264_is_made_of_it(launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk) -> None:
    server = launch(GB28181_MEDIA__TRANSCODES="1")
    source = load(media_source.h265_file(7, width=1280, height=720), media_source.tone_file())
    _, channel_id = camera_with(make_camera, server, source, faults=H265)
    _, other_id = camera_with(make_camera, server, source, faults=H265)
    desk = open_desk(server).enter()
    assert desk.page.evaluate(
        "!MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L120.90\"')"
    ), "this chromium needs no help"
    desk.click_channel(channel_id)
    desk.player_is("playing", timeout=40_000)
    first = shown(desk.page)
    desk.sees_more_frames()
    assert first.camera == shown(desk.page).camera == 7
    wait_for(lambda: shown(desk.page).frame != first.frame, "another picture")
    body = {"video": "h264"}
    plain = server.call("POST", f"/api/v1/channels/{channel_id}/live", {}, timeout=20)
    assert plain.body["video"]["codec"] == "h265", "who can decode it gets it as it is"
    full = server.call("POST", f"/api/v1/channels/{other_id}/live", body, timeout=20)
    assert (full.status, full.error["code"]) == (503, "transcodes_exhausted")
    desk.test("close").click()
    assert server.wait_log("transcode.ended", reason="no_viewers", timeout=60)
    wait_for(lambda: "h264-" not in str(server.get("/forwards")), "the end of it")
