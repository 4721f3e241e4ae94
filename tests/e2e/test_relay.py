"""A relay on another host (here: another process): pictures through it, and its death."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import RawViewer, assert_pictures, camera_with, watch
from .ports import PortBlock
from .processes import sockets
from .server import ROOT, Server, command, wait_for
from .views import assert_three_views

pytestmark = pytest.mark.e2e


@contextmanager
def relay(folder: Path, ports: PortBlock) -> Iterator[subprocess.Popen[bytes]]:
    """`gb28181 serve --relay` with ports of its own."""
    folder.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GB28181_")}
    settings = {
        "PYTHONPATH": str(ROOT),
        "GB28181_MEDIA__RELAY_LISTEN": f"127.0.0.1:{ports.spare}",
        "GB28181_MEDIA__RELAY_SECRET_FILE": str(folder.parent / "relay.secret"),
        "GB28181_MEDIA__HOST": "127.0.0.1",
        "GB28181_MEDIA__LISTEN_HOST": "127.0.0.1",
        "GB28181_MEDIA__PORTS": f"{ports.media[0]}-{ports.media[-1]}",
        "GB28181_MEDIA__HTTP_HOST": "127.0.0.1",
        "GB28181_LOGS__FORMAT": "json",
    }
    with (folder / "relay.log").open("wb") as log:
        process = subprocess.Popen(
            [*command(), "--relay"], cwd=folder, env={**clean, **settings}, stdout=log, stderr=log
        )
    try:
        yield process
        process.terminate()
        assert process.wait(10) in (0, -signal.SIGKILL), (folder / "relay.log").read_text()
    finally:
        process.kill()
        process.wait(10)


def node_states(server: Server) -> dict[str, str]:
    return {node["name"]: node["state"] for node in server.get("/media/nodes")["items"]}


def test_pictures_through_a_relay(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    """The camera sends to the relay, players read from it; when it dies the stream is called again
    on the platform itself."""
    (tmp_path / "relay.secret").write_text("c2VjcmV0IG9mIG1vcmUgdGhhbiAzMiBieXRlcw==\n")
    ports = PortBlock()
    server = launch(
        GB28181_MEDIA__RELAYS=f"far@127.0.0.1:{ports.spare}",
        GB28181_MEDIA__RELAY_SECRET_FILE=str(tmp_path / "relay.secret"),
        GB28181_MEDIA__PLACEMENT="far=1@64",
    )
    assert node_states(server) == {"local": "up", "far": "down"}, "it starts without its relay"
    (missed,) = server.complaints()
    assert "cannot be reached" in missed
    server.log_mark()
    with relay(tmp_path / "first", ports) as far:
        wait_for(lambda: node_states(server)["far"] == "up", "the relay is reached", timeout=60)
        camera, channel_id = camera_with(make_camera, server, video)
        live = server.play(channel_id)
        (session,) = server.sessions()
        port = int(str(session["local"]).rpartition(":")[2])
        assert port in ports.media
        at = urllib.parse.urlsplit(live["direct_urls"]["flv"]).port
        assert any(sock.local[1] == at for sock in sockets([far.pid]))
        found = media_source.probe(live["urls"]["flv"])
        assert [(s["codec_name"], s["width"]) for s in found["streams"]] == [("h264", 1920)]
        assert_pictures(watch(live["urls"]["flv"]), 7, 40)
        ended = server.call("POST", "/api/v1/tickets/revoke", {"user": "admin"})
        assert ended.status == 200
        for url in (live["urls"]["flv"], live["direct_urls"]["flv"]):
            viewer = RawViewer(url)
            assert viewer.status == 401, "the relay was told"
            viewer.close()
        live = server.play(channel_id)
        viewer = RawViewer(live["urls"]["flv"])
        assert viewer.read(100_000)
        far.send_signal(signal.SIGKILL)
        far.wait(10)
        while viewer.read(65_536):
            pass
        viewer.close()
        assert_pictures(watch(live["urls"]["flv"]), 7, 40)
        camera.wait_received("INVITE", count=2)
        assert node_states(server) == {"local": "up", "far": "down"}
        assert_three_views(server, [camera])
    (incident,) = server.complaints()
    assert "media.relay_lost" in incident
    server.log_mark()
    ports.close()
