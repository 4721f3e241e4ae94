"""Chromium over WebRTC: the pictures move, are the right ones, and the sound is decoded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.camera import Source
from tests.e2e.kit import MakeCamera
from tests.e2e.live_support import assert_pictures, camera_with
from tests.e2e.live_support import watch as watch_flv
from tests.e2e.media_source import FRAMES
from tests.e2e.server import Server, wait_for
from tests.e2e.views import assert_three_views

from .pixels import watch

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PLAY = """
async (url) => {
  const peer = new RTCPeerConnection()
  window.peer = peer
  for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' })
  const stream = new MediaStream()
  peer.ontrack = ({ track }) => stream.addTrack(track)
  await peer.setLocalDescription(await peer.createOffer())
  const start = performance.now()
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: peer.localDescription.sdp,
  })
  if (answer.status !== 201) return { status: answer.status, body: await answer.json() }
  window.whep = new URL(answer.headers.get('Location'), url).href
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  const video = document.createElement('video')
  video.muted = true
  video.srcObject = stream
  document.body.append(video)
  video.play()
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve))
  return { status: 201, ms: performance.now() - start }
}
"""

STATISTICS = """
async () => {
  const found = {}
  for (const one of (await window.peer.getStats()).values())
    if (one.type === 'inbound-rtp') found[one.kind] = one
  return found
}
"""


@pytest.fixture
def page(browser: Browser, platform: Server) -> Iterator[Page]:
    """An empty page of another origin than the streams': what it may do, CORS allows."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(platform.url.replace("127.0.0.1", "localhost") + "/healthz")
    yield page
    context.close()


def test_pictures_and_sound_over_webrtc(
    platform: Server, make_camera: MakeCamera, video: Source, page: Page
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    played = page.evaluate(PLAY, live["urls"]["whep"])
    assert played["status"] == 201, played
    assert played["ms"] < 3000
    wait_for(lambda: platform.session(live["session_id"])["viewers"] == 1, "one viewer")
    (watched,) = watch(page, seconds=3)
    frames = [code.frame for _time, code in watched.pixels]
    assert {code.camera for _time, code in watched.pixels} == {7}
    assert len(set(frames)) >= 10
    steps = [(two - one) % FRAMES for one, two in itertools.pairwise(frames)]
    assert max(steps) < FRAMES / 2  # forwards, whatever this machine had no time to look at
    before = page.evaluate(STATISTICS)
    page.wait_for_timeout(2000)
    after = page.evaluate(STATISTICS)
    assert after["video"]["framesDecoded"] - before["video"]["framesDecoded"] > 35
    received, concealed = (
        after["audio"][name] - before["audio"][name]
        for name in ("totalSamplesReceived", "concealedSamples")
    )
    assert received > 8000
    assert concealed < received / 2  # the rest was decoded from what came
    assert after["audio"]["packetsReceived"] > before["audio"]["packetsReceived"]
    assert after["video"]["packetsLost"] == 0
    assert page.evaluate("fetch(window.whep, { method: 'DELETE' }).then((a) => a.status)") == 204
    wait_for(lambda: platform.session(live["session_id"])["viewers"] == 0, "it has left")
    platform.wait_log("viewer.ended", protocol="whep", reason="deleted")
    platform.end(live["session_id"])
    assert_three_views(platform, [camera])
    assert platform.complaints() == []


def test_a_late_browser_is_close_to_now(
    platform: Server, make_camera: MakeCamera, video: Source, page: Page
) -> None:
    """The pictures since the last key frame are hurried through, not played at their pace."""
    _, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    page.wait_for_timeout(1500)  # so that a group of pictures is half over
    assert page.evaluate(PLAY, live["urls"]["whep"])["status"] == 201
    page.wait_for_timeout(2000)
    delay = page.evaluate(STATISTICS)["video"]
    assert delay["jitterBufferDelay"] / delay["jitterBufferEmittedCount"] < 0.5


def test_two_browsers_and_flv_are_one_pull(
    platform: Server, make_camera: MakeCamera, video: Source, page: Page
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    urls = platform.play(channel_id)["urls"]
    other = page.context.new_page()
    other.goto(page.url)
    for one in (page, other):
        assert one.evaluate(PLAY, urls["whep"])["status"] == 201
    assert_pictures(watch_flv(urls["flv"]), 7, 40)
    for watched in watch(page, other, seconds=2):
        assert {code.camera for _time, code in watched.pixels} == {7}
    assert len(camera.received("INVITE")) == 1
    for one in (page, other):
        one.evaluate("window.peer.close()")
    assert_three_views(platform, [camera])
