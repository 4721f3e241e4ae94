"""Media in processes of its own: the same pictures, and what happens when such a process dies."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera, new_id
from .live_support import RawViewer, assert_pictures, camera_with, watch
from .processes import family, sockets
from .server import Server, wait_for
from .views import assert_three_views

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(launch: Launch) -> Server:
    return launch(GB28181_MEDIA__WORKERS="2")


def workers(server: Server) -> list[int]:
    return [pid for pid in family(server.pid) if b"media.worker" in _command(pid)]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def owner(server: Server, port: int) -> int:
    """The process that holds a media port."""
    (found,) = [
        pid for pid in family(server.pid) if any(sock.local[1] == port for sock in sockets([pid]))
    ]
    return found


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
def test_pictures_of_two_workers(
    server: Server, make_camera: MakeCamera, video: Source, other_video: Source, transport: str
) -> None:
    """Two cameras are on two processes, none of them the one that signals."""
    assert len(workers(server)) == 2
    seven, one = camera_with(make_camera, server, video)
    eight, two = camera_with(make_camera, server, other_video)
    lives = [server.play(channel, transport=transport) for channel in (one, two)]
    assert_three_views(server, [seven, eight])
    ports = [int(str(item["local"]).rpartition(":")[2]) for item in server.sessions()]
    if transport != "tcp-active":
        assert {owner(server, port) for port in ports} == set(workers(server))
    found = media_source.probe(lives[0]["urls"]["flv"])
    assert [(s["codec_name"], s["width"]) for s in found["streams"]] == [("h264", 1920)]
    assert_pictures(watch(lives[0]["urls"]["flv"]), 7, 40)
    assert_pictures(watch(lives[1]["urls"]["flv"]), 8, 40)
    for live in lives:
        server.end(live["session_id"])
    for camera in (seven, eight):
        camera.wait_received("BYE")


def test_a_worker_dies_and_its_stream_is_called_again(
    server: Server, make_camera: MakeCamera, video: Source, other_video: Source
) -> None:
    """The viewer comes again to the same address; a stream on another worker notices nothing."""
    seven, one = camera_with(make_camera, server, video)
    eight, two = camera_with(make_camera, server, other_video)
    live, other = server.play(one), server.play(two)
    viewer, undisturbed = RawViewer(live["urls"]["flv"]), RawViewer(other["urls"]["flv"])
    assert viewer.read(100_000)
    (port,) = [
        int(str(item["local"]).rpartition(":")[2])
        for item in server.sessions()
        if item["channel_id"] == one
    ]
    victim = owner(server, port)
    os.kill(victim, signal.SIGKILL)
    while viewer.read(65_536):
        pass  # what was on its way, and then the end
    viewer.close()
    assert_pictures(watch(live["urls"]["flv"]), 7, 40)
    seven.wait_received("INVITE", count=2)
    wait_for(lambda: len(workers(server)) == 2, "a new worker")
    assert victim not in workers(server)
    assert len(undisturbed.read(500_000)) >= 500_000
    undisturbed.close()
    assert len(eight.received("INVITE")) == 1
    assert_three_views(server, [seven, eight])
    (incident,) = server.complaints()
    assert "media.worker_lost" in incident
    assert str(victim) in incident
    server.log_mark()


def test_workers_end_with_the_main_process(server: Server) -> None:
    """Only it is killed: its workers are gone within two seconds."""
    pids = workers(server)
    assert len(pids) == 2
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: not any(_command(pid) for pid in pids), "no worker is left", timeout=2.0)
    server.kill9()


def test_sigterm_ends_the_workers(server: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, server, video)
    server.play(channel_id)
    pids = workers(server)
    assert server.stop() == 0
    camera.wait_received("BYE")
    assert not any(_command(pid) for pid in pids)


def test_players_are_served_by_the_worker(
    server: Server, make_camera: MakeCamera, video: Source
) -> None:
    """The main port sends them there, with a ticket for this stream and this way out only."""
    camera, channel_id = camera_with(make_camera, server, video)
    live = server.play(channel_id)
    (port,) = [int(str(item["local"]).rpartition(":")[2]) for item in server.sessions()]
    address = location(live["urls"]["flv"] + "&audio=aac")
    parts = urllib.parse.urlsplit(address)
    assert parts.port not in (None, server.ports.http)
    assert owner(server, parts.port or 0) == owner(server, port)
    found = media_source.probe(live["urls"]["flv"] + "&audio=aac")
    assert {s["codec_name"] for s in found["streams"]} == {"h264", "aac"}
    assert {s["codec_name"] for s in media_source.probe(live["urls"]["fmp4"])["streams"]} == {
        "h264",
        "aac",
    }
    direct = live["direct_urls"]
    assert set(direct) == {"flv", "ws_flv", "fmp4", "ws_fmp4"}
    assert_pictures(watch(direct["flv"]), 7, 40)
    with connect(direct["ws_fmp4"] + "&codecs=1") as socket:
        assert str(socket.recv()).startswith("video/mp4;")
        assert bytes(socket.recv())[4:8] == b"ftyp"  # type: ignore[arg-type]
        (looking,) = [
            v
            for v in server.get(f"/sessions/{live['session_id']}/viewers")["items"]
            if v["protocol"] == "ws_fmp4"
        ]
        assert looking["user"] == "admin"

    ticket = urllib.parse.parse_qs(parts.query)["ticket"][0]
    other, elsewhere = new_id(), f"http://127.0.0.1:{parts.port}/stream"
    good = f"{elsewhere}/{channel_id}.flv?ticket={ticket}"
    for url, status in (
        (good, 200),
        (good[:-1] + ("A" if good[-1] != "A" else "B"), 401),
        (f"{elsewhere}/{channel_id}.flv", 401),
        (f"{elsewhere}/{channel_id}.mp4?ticket={ticket}", 401),
        (f"{elsewhere}/{other}.flv?ticket={ticket}", 401),
        (f"{elsewhere}/{channel_id}.avi?ticket={ticket}", 404),
        (good + "&audio=loud", 422),
        (f"{elsewhere}/..%2f..%2fetc%2fpasswd?ticket={ticket}", 404),
    ):
        viewer = RawViewer(url)
        assert viewer.status == status, url
        assert b"access-control-allow-origin: *" in viewer.head.lower() or status == 404
        viewer.close()
    stranger = server.call("POST", "/api/v1/auth/ticket", {"stream_id": other}).body["ticket"]
    viewer = RawViewer(f"{elsewhere}/{other}.flv?ticket={stranger}")
    assert viewer.status == 404, "the worker starts no pulls"
    viewer.close()
    assert len(camera.received("INVITE")) == 1

    viewer = RawViewer(live["urls"]["flv"])
    assert viewer.read(100_000)
    answer = server.call("POST", "/api/v1/tickets/revoke", {"user": "admin"})
    assert answer.body["ended"] == 1
    while viewer.read(65_536):
        pass
    viewer.close()
    for url in (good, live["urls"]["flv"], direct["flv"]):
        viewer = RawViewer(url)
        assert viewer.status == 401
        viewer.close()


def location(url: str) -> str:
    """Where a request is sent on to."""
    parts = urllib.parse.urlsplit(url)
    asking = http.client.HTTPConnection(str(parts.hostname), parts.port)
    with contextlib.closing(asking):
        asking.request("GET", f"{parts.path}?{parts.query}")
        answer = asking.getresponse()
        assert answer.status == 307
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        return str(answer.headers["Location"])


def test_a_node_is_drained(
    launch: Launch, make_camera: MakeCamera, video: Source, other_video: Source
) -> None:
    """Its stream is called again on the other node, and nothing new comes to it."""
    server = launch(
        GB28181_MEDIA__WORKERS="2", GB28181_MEDIA__PLACEMENT="worker1=1@6401, worker2=3"
    )
    seven, one = camera_with(make_camera, server, video)
    eight, two = camera_with(make_camera, server, other_video)
    live = server.play(one)
    before = nodes(server)
    assert [(node["name"], node["state"], node["weight"]) for node in before.values()] == [
        ("worker1", "up", 1),
        ("worker2", "up", 3),
        ("local", "up", 1),  # for what is published by RTMP
    ]
    assert (before["worker1"]["streams"], before["worker2"]["streams"]) == (1, 0), "of this place"
    viewer = RawViewer(live["urls"]["flv"])
    assert viewer.read(100_000)
    path = "/api/v1/media/nodes/worker1/drain"
    assert server.call("POST", path, {}).body == {"moved": 0, "left": 1}
    assert viewer.read(200_000), "what runs goes on"
    undisturbed = RawViewer(server.play(two)["urls"]["flv"])
    assert nodes(server)["worker2"]["streams"] == 1
    assert server.call("POST", path, {"move": True}).body == {"moved": 1, "left": 0}
    while viewer.read(65_536):
        pass
    viewer.close()
    assert_pictures(watch(live["urls"]["flv"]), 7, 40)
    seven.wait_received("INVITE", count=2)
    after = nodes(server)
    assert (after["worker1"]["state"], after["worker1"]["streams"]) == ("draining", 0)
    assert after["worker2"]["streams"] == 2
    assert len(eight.received("INVITE")) == 1
    assert_three_views(server, [seven, eight])
    undisturbed.close()
    assert server.call("POST", path.replace("drain", "undrain")).body["state"] == "up"
    assert server.call("POST", path.replace("worker1", "nobody")).status == 404


def nodes(server: Server) -> dict[str, Any]:
    return {node["name"]: node for node in server.get("/media/nodes")["items"]}
