"""One media port for all cameras: the SDP names it every time, and no picture gets to another."""

from __future__ import annotations

import re

import pytest

from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import assert_pictures, camera_with, watch
from .ports import PortBlock

pytestmark = pytest.mark.e2e


@pytest.fixture
def port() -> int:
    block = PortBlock()
    try:
        return block.spare
    finally:
        block.close()


def test_cameras_on_one_port(
    launch: Launch, make_camera: MakeCamera, video: Source, other_video: Source, port: int
) -> None:
    server = launch(GB28181_MEDIA__SINGLE_PORT=str(port))
    seen = []
    for transport in ("udp", "tcp-passive"):
        pairs = [
            camera_with(make_camera, server, video),
            camera_with(make_camera, server, other_video),
        ]
        lives = [server.play(channel, transport=transport) for _, channel in pairs]
        for (camera, _), live, number in zip(pairs, lives, (7, 8), strict=True):
            invite = camera.wait_received("INVITE").msg
            assert re.search(rf"m=video {port} ", invite.text)
            assert_pictures(watch(live["urls"]["flv"]), number, 25)
            seen.append(server.session(live["session_id"])["local"])
    assert set(seen) == {f"127.0.0.1:{port}"}
