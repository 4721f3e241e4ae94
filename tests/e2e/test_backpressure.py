"""A thousand viewers that never read: bounded, cut off in the end, and nobody else notices."""

from __future__ import annotations

import os
import select
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.benchmarks.readers import FlvTags, HttpBody

from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import assert_pictures, camera_with, watch
from .rtsp_client import RtspClient, controls
from .server import Server, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEAD = 1000
PLAYERS = 5
"""Of RTSP over TCP, among them."""
EACH_MB = 1.0
"""Most memory of the platform for one of them."""
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def ask(url: str, more: str = "") -> socket.socket:
    """A request whose answer nobody takes; its socket holds next to nothing."""
    parts = urllib.parse.urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.connect((parts.hostname or "", parts.port or 80))
    path = f"{parts.path}?{parts.query}"
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{more}\r\n".encode())
    return sock


@contextmanager
def good_viewer(url: str) -> Iterator[HttpBody]:
    """One that reads all the time and looks at every tag; quicker than decoding."""
    reader, over = HttpBody(url, FlvTags(url)), threading.Event()

    def run() -> None:
        with ask(url) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            while not over.is_set():
                if select.select([sock], [], [], 0.1)[0]:
                    reader.feed(sock.recv(1 << 18))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reader
    finally:
        over.set()
        thread.join()


def dead_player(server: Server, url: str) -> RtspClient:
    """An RTSP player over TCP that asks for the stream and takes nothing of it."""
    client = RtspClient(("127.0.0.1", server.ports.rtsp), timeout=60, receive_buffer=4096)
    picture = controls(client.ask("DESCRIBE", url).body)[0]
    agreed = client.ask("SETUP", picture, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
    assert client.ask("PLAY", url, Session=agreed.session).status == 200
    return client


def is_cut(sock: socket.socket) -> bool:
    """Whether the other side is gone; what is still in the socket is read away."""
    sock.settimeout(60)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_a_thousand_viewers_that_never_read(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch(
        GB28181_MEDIA__VIEWERS_PER_STREAM=str(DEAD + 2),
        GB28181_MEDIA__VIEWER_STALL="10",
        GB28181_MEDIA__VIEWER_QUEUE="262144",
    )
    _camera, channel_id = camera_with(make_camera, server, video)
    live = server.play(channel_id)
    urls, session_id = live["urls"], live["session_id"]
    flv = urls["flv"] + "&audio=off"
    server.log_mark()
    with good_viewer(flv) as good:
        wait_for(lambda: good.pictures > 25, "the good viewer sees pictures")
        before, open_before = server.rss(), descriptors(server)
        players = [dead_player(server, urls["rtsp"]) for _ in range(PLAYERS)]
        plain = [ask(flv) for _ in range((DEAD - PLAYERS) // 2)]
        upgraded = [ask(flv, UPGRADE) for _ in range(DEAD - PLAYERS - len(plain))]
        for expected, socks in ((b"HTTP/1.1 200", plain), (b"HTTP/1.1 101", upgraded)):
            assert {sock.recv(12) for sock in socks} == {expected}
        grown = (server.rss() - before) / 1e6
        assert grown < EACH_MB * DEAD, f"{grown:.0f} MB for {DEAD} viewers that do not read"
        server.wait_log("media.reader_dropped", timeout=30)
        wait_for(
            lambda: server.session(session_id)["viewers"] == 1, "only the good one is left",
            timeout=120, every=0.5,
        )  # fmt: skip
        seen = good.pictures
        wait_for(lambda: good.pictures > seen + 25, "it still sees pictures")
    assert dict(good.faults) == {}
    assert all(is_cut(sock) for sock in (*plain, *upgraded))
    assert all(player.is_closed() for player in players)
    for closing in (*plain, *upgraded, *(player.socket for player in players)):
        closing.close()
    wait_for(lambda: descriptors(server) <= open_before + 2, "every descriptor is free again")
    assert_pictures(watch(flv, 1), 7, 20)


def test_the_next_viewer_beyond_the_limit_is_told(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch(GB28181_MEDIA__VIEWERS_PER_STREAM="2")
    _camera, channel_id = camera_with(make_camera, server, video)
    url = server.play(channel_id)["urls"]["flv"]
    held = [ask(url) for _ in range(2)]
    assert {sock.recv(12) for sock in held} == {b"HTTP/1.1 200"}
    refused = server.call("GET", url, token=False)
    assert (refused.status, refused.error["code"]) == (503, "viewers_exhausted")
    held.pop().close()
    wait_for(lambda: server.sessions()[0]["viewers"] == 1, "one has left")
    with ask(url) as again:
        assert again.recv(12) == b"HTTP/1.1 200"
    held.pop().close()


def descriptors(server: Server) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.pids())
