"""Tickets and viewers of a running platform: what opens what, who looks, and hanging up."""

from __future__ import annotations

import base64
import time
import urllib.parse
from typing import Any

import pytest

from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import RawViewer, camera_with
from .rtsp_client import RtspClient
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


def ticket(server: Server, **limits: object) -> str:
    return str(server.call("POST", "/api/v1/auth/ticket", limits).body["ticket"])


def with_ticket(url: str, text: str | None) -> str:
    """The address with another ticket, or none."""
    parts = urllib.parse.urlsplit(url)
    query = [one for one in urllib.parse.parse_qsl(parts.query) if one[0] != "ticket"]
    query += [] if text is None else [("ticket", text)]
    return parts._replace(query=urllib.parse.urlencode(query)).geturl()


def opened(server: Server, output: str, url: str) -> int:
    """The status of an attempt to open an output; its stream is not read."""
    if output == "rtsp":
        parts = urllib.parse.urlsplit(url)
        with RtspClient((str(parts.hostname), parts.port or 554)) as client:
            return client.ask("DESCRIBE", url).status
    if output == "whep":
        return server.call("POST", url, raw=b"no offer", token=False).status
    if output.startswith("ws_"):
        url = url.replace("ws", "http", 1)  # a refusal comes before the upgrade
    viewer = RawViewer(url, headers=_upgrade() if output.startswith("ws_") else {})
    try:
        return viewer.status
    finally:
        viewer.close()


def _upgrade() -> dict[str, str]:
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }


GOOD = {
    "flv": 200,
    "fmp4": 200,
    "ws_flv": 101,
    "ws_fmp4": 101,
    "hls": 200,
    "rtsp": 200,
    "whep": 422,
}
"""What a good ticket leads to; the offer is none, which is looked at after the ticket."""


def test_what_opens_what(launch: Launch, make_camera: MakeCamera, video: Source) -> None:
    """Every way out refuses what is forged, over, of another stream or for another way out, and
    nothing of that reaches the camera; a ticket given before a restart opens after it."""
    server = launch(GB28181_HTTP__TICKET_LIFETIME="10")
    over, over_at = ticket(server), time.monotonic() + 10
    del server.env["GB28181_HTTP__TICKET_LIFETIME"]
    server.restart()
    camera, channel_id = camera_with(make_camera, server, video)
    good = ticket(server, stream_id=channel_id)
    changed = good[:-1] + ("A" if good[-1] != "A" else "B")
    base = f"{server.url}/live/{channel_id}"
    rtsp = f"rtsp://127.0.0.1:{server.ports.rtsp}/live/{channel_id}"
    urls = {
        "flv": f"{base}.flv", "ws_flv": f"{base}.flv".replace("http", "ws", 1),
        "fmp4": f"{base}.mp4", "ws_fmp4": f"{base}.mp4".replace("http", "ws", 1),
        "hls": f"{base}/index.m3u8", "whep": f"{base}/whep", "rtsp": rtsp,
    }  # fmt: skip
    foreign = ticket(server, stream_id=f"{channel_id}-sub")
    for output, url in urls.items():
        other_way = ticket(server, outputs=[one for one in urls if one != output])
        for bad in (None, "", "forged", changed, foreign, other_way):
            assert opened(server, output, with_ticket(url, bad)) == 401, f"{output} {bad}"
    wait_for(lambda: time.monotonic() > over_at, "a ticket is over", timeout=15)
    for output, url in urls.items():
        assert opened(server, output, with_ticket(url, over)) == 401, output
    assert camera.received("INVITE") == []
    before = ticket(server, stream_id=channel_id)
    server.restart()
    server.wait_online(camera.device_id)
    assert opened(server, "flv", with_ticket(urls["flv"], before)) == 200
    for output, url in urls.items():
        one = ticket(server, outputs=[output])
        assert opened(server, output, with_ticket(url, one)) == GOOD[output], output


def test_who_looks_and_hanging_up(launch: Launch, make_camera: MakeCamera, video: Source) -> None:
    """Each viewer is known and counted for its user; a ticket taken back ends what it opened."""
    platform = launch()
    _camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    first, second = ticket(platform), ticket(platform)
    one = RawViewer(with_ticket(live["urls"]["flv"], first))
    two = RawViewer(with_ticket(live["urls"]["fmp4"], second))
    assert one.read(50_000)
    assert two.read(50_000)
    path = f"/sessions/{live['session_id']}/viewers"

    def looking() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = platform.get(path)["items"]
        return items

    found = wait_for(
        lambda: (all(v["bytes_out"] for v in looking()) and looking()) or None, "bytes are counted"
    )
    assert [(v["user"], v["protocol"]) for v in found] == [("admin", "flv"), ("admin", "fmp4")]
    assert all(v["stream_id"] == channel_id and v["remote"].startswith("127.") for v in found)
    sums = platform.get("/viewers/users")["items"]
    assert [item["user"] for item in sums] == ["admin"]
    assert sums[0]["viewers"] == 2
    assert sums[0]["bytes_out"] >= 100_000
    assert 'gb28181_viewers{protocol="flv"} 1' in str(platform.call("GET", "/metrics").body)

    assert platform.call("DELETE", f"/api/v1/viewers/{found[0]['viewer_id']}").status == 204
    assert platform.call("DELETE", f"/api/v1/viewers/{found[0]['viewer_id']}").status == 404
    while one.read(65_536):
        pass  # what was on its way
    one.close()
    again = RawViewer(with_ticket(live["urls"]["flv"], first))
    assert again.status == 200, "hanging up takes no ticket back"
    answer = platform.call("POST", "/api/v1/tickets/revoke", {"ticket": first})
    assert (answer.status, answer.body["ended"]) == (200, 1)
    while again.read(65_536):
        pass
    again.close()
    assert opened(platform, "flv", with_ticket(live["urls"]["flv"], first)) == 401
    assert platform.call("POST", "/api/v1/tickets/revoke", {"ticket": first}).status == 422
    assert two.read(200_000), "another ticket of the same user goes on"
    answer = platform.call("POST", "/api/v1/tickets/revoke", {"user": "admin"})
    assert answer.body["ended"] == 1
    while two.read(65_536):
        pass
    two.close()
    assert opened(platform, "flv", with_ticket(live["urls"]["fmp4"], second)) == 401
    assert opened(platform, "flv", live["urls"]["flv"]) == 401
    assert platform.get("/viewers")["total"] == 0
