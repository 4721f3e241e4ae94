"""The event stream and the WebSocket picture: what a browser would see."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from . import media_source
from .camera import Source
from .kit import MakeCamera
from .live_support import assert_pictures, camera_with
from .server import Server

pytestmark = pytest.mark.e2e


def next_event(
    stream: ClientConnection, noun: str, timeout: float = 5.0, **values: object
) -> dict[str, Any]:
    """The next event about `noun` whose data holds these values."""
    deadline = time.monotonic() + timeout
    seen = []
    while (left := deadline - time.monotonic()) > 0:
        try:
            event: dict[str, Any] = json.loads(stream.recv(timeout=left))
        except TimeoutError:
            break
        seen.append(event)
        data = event["data"]
        if event["type"].startswith(noun) and all(data.get(k) == v for k, v in values.items()):
            return event
    raise AssertionError(f"no {noun} event with {values}; seen: {seen}")


def test_states_of_a_device_are_events(platform: Server, make_camera: MakeCamera) -> None:
    with platform.events() as stream:
        camera = make_camera()
        camera.register()
        event = next_event(stream, "device", device_id=camera.device_id, state="online")
        assert event["time"].endswith(("Z", "+00:00")) or "+" in event["time"]
        camera.unregister()
        event = next_event(stream, "device", device_id=camera.device_id, state="offline")
        assert event["data"]["cause"] == "unregistered"


def test_the_tree_is_an_event(platform: Server, make_camera: MakeCamera) -> None:
    with platform.events() as stream:
        camera = make_camera()
        camera.register()
        next_event(stream, "tree")


def test_a_session_is_followed_from_inviting_to_ended(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    with platform.events() as stream:
        live = platform.play(channel_id)
        states = []
        while "running" not in states:
            event = next_event(stream, "session", channel_id=channel_id)
            assert event["data"]["session_id"] == live["session_id"]
            states.append(event["data"]["state"])
        platform.end(live["session_id"])
        while "ended" not in states:
            event = next_event(stream, "session", channel_id=channel_id)
            states.append(event["data"]["state"])
        make_camera().register()
        while (later := json.loads(stream.recv(timeout=5)))["type"] != "device.online":
            assert later["data"].get("session_id") != live["session_id"], "the end is told once"
    order = [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]
    assert order[-3:] == ["running", "closing", "ended"]
    assert event["data"]["reason"] == "stopped"


@pytest.mark.parametrize("query", ["", "?ticket=wrong"])
def test_events_need_a_ticket(platform: Server, query: str) -> None:
    url = platform.url.replace("http", "ws", 1) + "/api/v1/events" + query
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 401


def test_picture_over_websocket(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["ws_flv"]
    data = b""
    with connect(url, proxy=None, max_size=None) as websocket:
        while len(data) < 300_000:
            part = websocket.recv(timeout=5)
            assert isinstance(part, bytes)
            data += part
    assert data.startswith(b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00")
    path = tmp_path / "seen.flv"
    path.write_bytes(data)
    assert_pictures(media_source.codes(path)[:-1], 7, 5)


def test_websocket_picture_needs_a_ticket(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = f"{platform.url.replace('http', 'ws', 1)}/live/{channel_id}.flv?ticket=wrong"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 401
    assert camera.received("INVITE") == []
