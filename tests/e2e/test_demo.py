"""`gb28181 demo` as a newcomer meets it: one command, one address, five cities, pictures.

These are the simulator's own pictures: here the demo is on trial, not the platform.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from . import media_source, processes
from .block_code import Code
from .kit import Launch
from .ports import PortBlock
from .server import DEVICE_PASSWORD, ROOT, SERVER_ID, command, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CITIES = {"6401", "6402", "6403", "6404", "6405"}
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/(?=\s|$)")
WATCH_S = 10.0


class Demo:
    """The command, what it printed, and the API behind the address it printed."""

    def __init__(self, folder: Path, *, http: int, sip: int, data_dir: Path | None = None) -> None:
        self.output = folder / "output"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GB28181_")}
        wanted = {"GB28181_HTTP__PORT": str(http), "GB28181_SIP__PORT": str(sip)}
        arguments = ["demo", *(["--data-dir", str(data_dir)] if data_dir else [])]
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                command(*arguments),
                cwd=folder,
                env={**clean, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **wanted},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._token = ""

    def text(self) -> str:
        return self.output.read_text("utf-8")

    def wait_ready(self) -> Demo:
        def look() -> bool:
            code = self.process.poll()
            assert code is None, f"the demo ended with {code}:\n{self.text()}"
            return "password" in self.text() and self.text().endswith("\n")

        wait_for(look, "the demo prints its password", timeout=60)
        return self

    @property
    def url(self) -> str:
        found = ADDRESS.search(self.text())
        assert found, self.text()
        return found[0].rstrip("/")

    @property
    def data_dir(self) -> Path:
        found = re.search(r"logs in (\S+)", self.text())
        assert found, self.text()
        return Path(found[1])

    def word(self, name: str) -> str:
        found = re.search(rf"^{name}\s+(\S+)$", self.text(), re.MULTILINE)
        assert found, self.text()
        return found[1]

    def call(self, method: str, path: str, data: bytes | None = None, kind: str = "json") -> Any:
        headers = {"Content-Type": f"application/{kind}"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as response:
            return json.load(response)

    def log_in(self) -> None:
        form = {"username": self.word("user"), "password": self.word("password")}
        data = urllib.parse.urlencode(form).encode()
        answer = self.call("POST", "/api/v1/auth/token", data, "x-www-form-urlencoded")
        self._token = answer["access_token"]

    def live(self, channel_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("POST", f"/api/v1/channels/{channel_id}/live", b"{}")
        return found

    def family(self) -> list[int]:
        return processes.family(self.process.pid)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def wanted() -> Iterator[PortBlock]:
    """Ports the demo is told to prefer, and which other programs hold."""
    with contextlib.ExitStack() as held:
        block = held.enter_context(contextlib.closing(PortBlock()))
        for port, kind in (
            (block.http, socket.SOCK_STREAM),
            (block.sip, socket.SOCK_DGRAM),
        ):
            other = held.enter_context(socket.socket(socket.AF_INET, kind))
            if kind == socket.SOCK_STREAM:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past TIME_WAIT
            other.bind(("127.0.0.1", port))
            if kind == socket.SOCK_STREAM:
                other.listen()
        yield block


@pytest.fixture
def demo(tmp_path: Path, wanted: PortBlock) -> Iterator[Demo]:
    started = Demo(tmp_path, http=wanted.http, sip=wanted.sip)
    try:
        yield started.wait_ready()
    finally:
        started.end()


def assert_unbroken(found: list[Code | None], camera: int) -> None:
    """Every picture readable, of this camera, each one number above the one before."""
    assert len(found) >= WATCH_S * 25 - 5, f"only {len(found)} pictures"
    assert None not in found
    codes = [code for code in found if code is not None]
    assert {code.camera for code in codes} == {camera}
    steps = {(two.frame - one.frame) % 65536 for one, two in itertools.pairwise(codes)}
    assert steps == {1}, f"steps between frame numbers: {sorted(steps)}"


def test_from_one_command_to_two_pictures_and_back_to_nothing(
    demo: Demo, wanted: PortBlock
) -> None:
    addresses = re.findall(r"https?://\S*", demo.text())
    assert addresses == [f"http://127.0.0.1:{urllib.parse.urlsplit(demo.url).port}/"]
    assert demo.url != f"http://127.0.0.1:{wanted.http}", "that port was taken"

    demo.log_in()
    wait_for(lambda: demo.call("GET", "/api/v1/devices?online=true")["total"] == 20, "20 devices")
    wait_for(lambda: demo.call("GET", "/api/v1/channels?limit=1")["total"] == 32, "32 channels")
    tree = demo.call("GET", "/api/v1/tree")
    cities = {node["id"]: (node["total"], node["online"]) for node in tree["children"]}
    assert {city for city, (total, _) in cities.items() if total} == CITIES
    assert all(total == online for total, online in cities.values())
    assert sum(cities[city][0] for city in CITIES) == 32

    items = demo.call("GET", "/api/v1/channels?limit=1000")["items"]
    camera = next(item for item in items if item["device_id"][10:13] == "132")
    recorder = next(item for item in items if item["device_id"][10:13] == "118")
    assert camera["city"] != recorder["city"]
    chosen = [camera["channel_id"], recorder["channel_id"]]
    started = [demo.live(channel_id) for channel_id in chosen]
    for answer in started:
        video = answer["video"]
        assert (video["codec"], video["width"], video["height"]) == ("h264", 1920, 1080)
        assert round(video["fps"]) == 25
    with ThreadPoolExecutor() as pool:
        seen = list(
            pool.map(lambda a: media_source.codes(a["urls"]["flv"], seconds=WATCH_S), started)
        )
    for channel_id, found in zip(chosen, seen, strict=True):
        assert_unbroken(found[:-1], int(channel_id[-6:]))

    listening = [
        sock.local for sock in processes.sockets(demo.family()) if sock.state in ("listen", "udp")
    ]
    assert listening
    assert {host for host, _ in listening} == {"127.0.0.1"}

    family = demo.family()
    assert len(family) == 2
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(15) == 0, demo.text()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    log = (demo.data_dir / "platform.log").read_text("utf-8")
    assert '"app.stopped"' in log
    assert '"level": "error"' not in log
    assert re.findall(r"https?://", demo.text()) == ["http://"]


def test_the_cameras_end_with_the_demo_even_when_it_is_killed(demo: Demo) -> None:
    family = demo.family()
    assert len(family) == 2
    demo.process.kill()
    demo.process.wait(5)
    wait_for(
        lambda: not [pid for pid in family if pid in processes.family(pid)],
        "the cameras are gone too",
        timeout=8,
    )


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, wanted: PortBlock) -> None:
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "note").write_text("do not touch")
    demo = Demo(tmp_path, http=wanted.http, sip=wanted.sip, data_dir=kept)
    try:
        assert demo.process.wait(30) == 1
    finally:
        demo.end()
    assert "not empty" in demo.text()
    assert [path.name for path in kept.iterdir()] == ["note"]


def test_two_thousand_simulated_devices_register(launch: Launch) -> None:
    server = launch()
    command_line = command(
        *("simulate", "--json", "--devices", "2000", "--recorders", "0", "--host", "127.0.0.1"),
        *("--server", f"127.0.0.1:{server.ports.sip}", "--server-id", SERVER_ID),
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GB28181_SIP__PASSWORD": DEVICE_PASSWORD}
    with subprocess.Popen(
        command_line, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            rows = (json.loads(line) for line in process.stdout)
            online = next(row for row in rows if row["online"] == 2000)
            assert online["lost"] == 0
            assert server.get("/devices", online="true", limit=1)["total"] == 2000
        finally:
            process.terminate()
            last = list(rows)[-1]
    assert (process.returncode, last["kind"], last["online"]) == (0, "end", 2000)
    wait_for(
        lambda: server.get("/devices", online="true", limit=1)["total"] == 0,
        "all have taken their registration back",
        timeout=30.0,
    )
