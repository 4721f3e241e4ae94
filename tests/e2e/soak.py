"""Streams and viewers that come and go with faults, for as long as one likes; nothing may leak.

    python -m tests.e2e.soak --minutes 60

Each round pulls every camera, lets viewers of every kind look and die, breaks something, and ends
all sessions. Between rounds nothing is open, so what is counted then has to stay as it is: file
descriptors, tasks, ports, SSRCs, and (within a margin) memory.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import connect

from . import media_source
from .camera import Camera, Faults, Source, channel_item, load, shared_loop
from .kit import new_id
from .live_support import RawViewer
from .rtsp_client import RtspClient, controls
from .server import DEVICE_PASSWORD, SERVER_ID, Server, wait_for
from .views import assert_three_views

WARM_ROUNDS = 2
"""What is made once and kept is made in these."""
MARGIN_BYTES = 48 * 1024 * 1024
"""Memory that allocators may keep besides."""
MARGIN_FILES = 4
FAULTS = (
    Faults(),
    Faults(loss="." * 60 + "x"),
    Faults(swap="." * 30 + "s"),
    Faults(no_psm=True),
    Faults(ssrc=0),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is open between two rounds."""

    at: float
    rss: int
    files: int
    tasks: int
    sockets: int
    ssrcs: int

    def __str__(self) -> str:
        return (
            f"{self.at:7.0f} s: {self.rss / 1e6:6.1f} MB, {self.files} files, {self.tasks} tasks, "
            f"{self.sockets} sockets, {self.ssrcs} SSRCs resting"
        )


@dataclass(slots=True)
class Soak:
    """One installation and its cameras."""

    server: Server
    cameras: list[tuple[Camera, str]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    rounds: int = 0

    def add_cameras(self, source: Source) -> None:
        for faults in FAULTS:
            device_id, channel_id = new_id(kind=118), new_id(kind=131)
            camera = Camera(
                device_id, self.server.sip, password=DEVICE_PASSWORD, server_id=SERVER_ID,
                items=[channel_item(channel_id, "路口", parent_id=device_id)], source=source,
                faults=faults,
            )  # fmt: skip
            self.cameras.append((camera, channel_id))
            assert camera.register().status == 200
            self.server.wait_channels(device_id, 1)

    def round(self) -> None:
        """Everybody comes, something breaks, everybody goes."""
        number = self.rounds
        self.rounds += 1
        held: list[Callable[[], object]] = []
        for at, (_camera, channel_id) in enumerate(self.cameras):
            transport = ("udp", "tcp-passive", "tcp-active")[(at + number) % 3]
            urls = self.server.play(channel_id, transport=transport)["urls"]
            held += _viewers(self.server, urls, number + at)
        broken, _ = self.cameras[number % len(self.cameras)]
        (broken.vanish, broken.stop_media, broken.unregister)[number % 3]()
        for close in held:
            close()
        for session in self.server.sessions():
            self.server.call("DELETE", f"/api/v1/sessions/{session['session_id']}")
        wait_for(lambda: not self.server.sessions(), "all sessions are over", timeout=30)
        if number % 3 == 0:
            broken.revive()
        if number % 3 != 1:
            assert broken.register().status == 200
            self.server.wait_online(broken.device_id, timeout=20)
        assert_three_views(self.server, [camera for camera, _ in self.cameras], timeout=20)

    def sample(self) -> Sample:
        """Once what the round held has been let go."""
        wanted = self.samples[WARM_ROUNDS - 1] if len(self.samples) >= WARM_ROUNDS else None
        deadline = time.monotonic() + 20
        while True:
            found = self._look()
            settled = wanted is None or (
                found.files <= wanted.files + MARGIN_FILES and found.tasks <= wanted.tasks
            )
            if settled or time.monotonic() > deadline:
                self.samples.append(found)
                return found
            time.sleep(0.2)

    def _look(self) -> Sample:
        pids = self.server.pids()
        text = self.server.call("GET", "/metrics").body.decode()
        return Sample(
            time.monotonic() - self.began,
            self.server.rss(),
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
            _figure(text, "gb28181_tasks"),
            len(self.server.sockets()),
            _figure(text, "gb28181_ssrcs_held"),
        )

    def judge(self) -> None:
        """Raises AssertionError for what has grown, or was complained of."""
        first, last = self.samples[WARM_ROUNDS - 1], self.samples[-1]
        assert last.files <= first.files + MARGIN_FILES, f"files: {first} then {last}"
        assert last.tasks <= first.tasks, f"tasks: {first} then {last}"
        assert last.rss <= first.rss + MARGIN_BYTES, f"memory: {first} then {last}"
        ports = [s for s in self.server.sockets() if s.local[1] in self.server.ports.media]
        assert not ports, f"media ports that nobody uses: {ports}"
        assert not self.server.log_events("session.reconciled")
        assert self.server.complaints() == []

    def close(self) -> None:
        for camera, _ in self.cameras:
            camera.close()
        self.server.close()


def _figure(text: str, name: str) -> int:
    found = re.search(rf"^{name} ([0-9.e+]+)$", text, re.MULTILINE)
    assert found is not None, f"no {name} among the metrics"
    return int(float(found[1]))


def _viewers(server: Server, urls: dict[str, str], number: int) -> list[Callable[[], object]]:
    """One of each kind: one that reads, one that stops, one that leaves in the middle."""
    reader = RawViewer(urls["flv"], 1 << 20)
    reader.read(50_000)
    stopped = RawViewer(urls["fmp4"])
    stack = ExitStack()
    websocket = stack.enter_context(connect(urls["ws_flv"], max_size=None, close_timeout=0.1))
    websocket.recv(timeout=20)
    player = RtspClient(("127.0.0.1", server.ports.rtsp))
    picture = controls(player.ask("DESCRIBE", urls["rtsp"]).body)[0]
    agreed = player.ask("SETUP", picture, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
    assert player.ask("PLAY", urls["rtsp"], Session=agreed.session).status == 200
    if number % 2:
        answer = server.call("GET", urls["hls"], token=False, timeout=30)
        assert answer.status == 200
    half = urllib.parse.urlsplit(urls["flv"])
    gone = socket.create_connection((half.hostname or "", half.port or 80))
    gone.sendall(f"GET {half.path}?{half.query} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    gone.close()  # before its answer
    return [reader.close, stopped.close, stack.close, player.socket.close]


def run(soak: Soak, goes_on: Callable[[], bool], report: Callable[[str], object]) -> None:
    """Rounds until it is enough, then the judgement."""
    pictures = media_source.h264_file(9, width=1024, height=256)
    soak.add_cameras(load(pictures, media_source.tone_file()))
    while soak.rounds <= WARM_ROUNDS or goes_on():
        soak.round()
        report(str(soak.sample()))
    soak.judge()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args(argv).minutes
    with tempfile.TemporaryDirectory(prefix="gb28181-soak-") as folder:
        soak = Soak(Server(Path(folder)))
        try:
            soak.server.start()
            until = time.monotonic() + 60 * minutes
            run(soak, lambda: time.monotonic() < until, lambda line: print(line, flush=True))
            print(f"nothing leaked in {soak.rounds} rounds")
        finally:
            soak.close()
            shared_loop().stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
