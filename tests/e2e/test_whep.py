"""WHEP without a browser: who may, what is refused, what is left behind."""

from __future__ import annotations

import json
import re

import pytest

from . import media_source, whep_client
from .camera import Source
from .kit import MakeCamera, new_id
from .live_support import assert_pictures, camera_with, watch
from .server import Server, wait_for
from .views import assert_three_views
from .whep_client import post

# slow: the peer of these tests decodes 1080 lines.
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OFFER = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF {pt}\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\n"
    "a=recvonly\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
    "a=fingerprint:sha-256 {print}\r\na=setup:actpass\r\na=rtpmap:{pt} {codec}/90000\r\n"
    "a=fmtp:{pt} packetization-mode=1;profile-level-id=42e01f\r\n"
)
FINGERPRINT = ":".join(["AB"] * 32)


def offer(codec: str = "H264") -> str:
    return OFFER.format(pt=102, codec=codec, print=FINGERPRINT)


def players_ports(server: Server) -> set[int]:
    held = {sock.local[1] for sock in server.sockets() if sock.state == "udp"}
    return held & set(server.ports.players)


def test_pictures_with_their_sound(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    url = live["urls"]["whep"]
    assert url.startswith(f"{platform.url}/live/{channel_id}/whep?ticket=")
    seen = whep_client.watch(url, frames=75)
    assert len(seen.codes) == 75
    assert seen.codes[0] is not None
    assert {code.camera for code in seen.codes if code} == {7}
    assert sum(code is None for code in seen.codes) < 25  # the client is no hurried decoder
    assert seen.samples > 8000
    assert seen.loudest > 7000
    assert re.search(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 \d+ typ host", seen.answer)
    wait_for(lambda: not players_ports(platform), "its port is given back")
    assert_three_views(platform, [camera])
    assert platform.complaints() == []


def test_an_offer_starts_the_pull_and_delete_ends_the_looking(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    ticket = platform.call("POST", "/api/v1/auth/ticket", {}).body["ticket"]
    url = f"{platform.url}/live/{channel_id}/whep?ticket={ticket}"
    status, headers, body = post(url, offer())
    assert status == 201, body
    assert headers["content-type"].startswith("application/sdp")
    assert headers["access-control-allow-origin"] == "*"
    (session,) = platform.sessions()
    assert session["viewers"] == 1
    location = headers["location"]
    assert location.startswith(f"/live/{channel_id}/whep/")
    foreign = location.replace(channel_id, new_id())
    for path in (foreign, f"/live/{channel_id}/whep/nobody", f"/play/x/whep/{location[-22:]}"):
        assert platform.call("DELETE", path, token=False).status == 404
    assert platform.session(session["session_id"])["viewers"] == 1
    assert platform.call("DELETE", location, token=False).status == 204
    assert platform.call("DELETE", location, token=False).status == 404
    assert platform.session(session["session_id"])["viewers"] == 0
    assert not players_ports(platform)
    camera.wait_received("BYE")
    assert_three_views(platform, [camera])


@pytest.mark.parametrize("ticket", ["", "?ticket=forged", "?ticket="])
def test_who_may_not_sends_no_invite(
    platform: Server, make_camera: MakeCamera, video: Source, ticket: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    status, _, body = post(f"{platform.url}/live/{channel_id}/whep{ticket}", offer())
    assert status == 401, body
    assert camera.received("INVITE") == []
    assert_three_views(platform, [camera])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (offer(), "text/plain", 422),
        ("", "application/sdp", 422),
        ("nonsense", "application/sdp", 422),
        ("v=0\r\nm=video x\r\n", "application/sdp", 422),
        ("\x00\xff" * 50, "application/sdp", 422),
        (offer().replace("m=video", "m=application"), "application/sdp", 422),
        (offer().replace("a=ice-ufrag:abcd\r\n", ""), "application/sdp", 422),
        (offer().replace("a=setup:actpass\r\n", ""), "application/sdp", 422),
        (offer().replace("a=rtcp-mux\r\n", ""), "application/sdp", 422),
        (offer().replace("a=recvonly", "a=sendonly"), "application/sdp", 422),
        (offer("VP8"), "application/sdp", 415),
        (offer().replace("packetization-mode=1", "packetization-mode=0"), "application/sdp", 415),
        (offer() + "a=x\r\n" * 20_000, "application/sdp", 413),
    ],
)
def test_offers_that_cannot_be_answered(
    platform: Server,
    make_camera: MakeCamera,
    video: Source,
    body: str,
    kind: str,
    status: int,
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["whep"]
    found, _, text = post(url, body, kind)
    assert found == status, text
    if status == 415:
        assert json.loads(text)["error"]["leg"] == "unsupported_codec"
    assert platform.sessions()[0]["viewers"] == 0
    assert not players_ports(platform)
    assert_three_views(platform, [camera])
    assert platform.complaints() == []


def test_a_browser_that_never_connects_is_let_go(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    assert post(live["urls"]["whep"], offer())[0] == 201
    assert platform.session(live["session_id"])["viewers"] == 1
    platform.wait_log("viewer.ended", timeout=20, protocol="whep", reason="not_connected")
    wait_for(lambda: not players_ports(platform), "its port is given back")
    camera.wait_received("BYE")
    assert_three_views(platform, [camera])


def test_a_key_frame_the_browser_asks_for_is_asked_of_the_camera(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """aiortc asks for one when it cannot decode, which it cannot without the first."""
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    whep_client.ask_for_key_frames(live["urls"]["whep"], seconds=3)
    asked = [one for one in camera.received("MESSAGE") if "IFameCmd" in one.msg.text]
    assert 1 <= len(asked) <= 2  # at most one in two seconds
    assert f"<DeviceID>{channel_id}</DeviceID>" in asked[0].msg.text


def test_many_ways_at_once_are_one_pull(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    urls = platform.play(channel_id)["urls"]

    players = [whep_client.Player(urls["whep"], 40) for _ in range(2)]
    assert_pictures(watch(urls["flv"]), 7, 40)
    for player in players:
        assert {code.camera for code in player.seen().codes if code} == {7}
    assert len(camera.received("INVITE")) == 1
    assert media_source.probe(urls["flv"])["streams"]
    assert_three_views(platform, [camera])


def test_the_end_of_the_stream_ends_the_peer(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)

    player = whep_client.Player(live["urls"]["whep"], 10_000)
    player.wait_first_picture()
    platform.end(live["session_id"])
    assert player.seen().ended
    assert not players_ports(platform)
    assert_three_views(platform, [camera])


def test_a_page_of_another_origin_is_told_what_it_may(platform: Server) -> None:
    answer = platform.call("OPTIONS", f"/live/{new_id()}/whep", token=False)
    assert answer.status == 204
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["access-control-allow-origin"] == "*"
    assert "POST" in headers["access-control-allow-methods"]
    assert "Content-Type" in headers["access-control-allow-headers"]
