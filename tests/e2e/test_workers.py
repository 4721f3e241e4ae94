"""Media in processes of its own: the same pictures, and what happens when such a process dies."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
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
