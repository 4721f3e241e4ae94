"""Starts the platform as its users do, and talks to it only from outside.

`Server` is one data directory with its ports; the process behind it may be stopped, killed and
started again. A platform that does not come up is a failure with its log, never a skip.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from websockets.sync.client import ClientConnection, connect

from . import preloaded, processes
from .ports import PortBlock

SERVER_ID = "64010000002000000001"
DOMAIN = "6401000000"
DEVICE_PASSWORD = "nx-device-pass"
ADMIN_PASSWORD = "nx-admin-pass-2026"
ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0

SHORT_TIMES = {
    "GB28181_SIP__T1": "0.1",
    "GB28181_SESSIONS__LINGER": "2",
    "GB28181_SESSIONS__INVITE_TIMEOUT": "2",
    "GB28181_SESSIONS__MEDIA_TIMEOUT": "3",
    "GB28181_SESSIONS__SILENCE_TIMEOUT": "2",
    "GB28181_DEVICES__CATALOG_FIRST": "3",
    "GB28181_DEVICES__CATALOG_QUIET": "1",
}
"""Patience of the tests; the real defaults are proved by the unit tests of the machines."""

Process: TypeAlias = "subprocess.Popen[bytes] | preloaded.Started"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is parsed JSON where it is JSON, else bytes."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def error(self) -> dict[str, Any]:
        assert isinstance(self.body, dict), f"{self.status}: {self.body!r}"
        assert "error" in self.body, f"{self.status}: {self.body!r}"
        found: dict[str, Any] = self.body["error"]
        return found


def wait_for(look: Callable[[], T], what: str, *, timeout: float = 10.0, every: float = 0.03) -> T:
    """Ask again until the answer is truthy; what cannot tell by itself can only be asked."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}; last: {found!r}")
        time.sleep(every)


class Server:
    """One installation of the platform under test."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.ports = PortBlock()
        self.data_dir = folder / "data"
        self.log_path = folder / "platform.log"
        self.env = {
            "GB28181_DATA_DIR": str(self.data_dir),
            "GB28181_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "GB28181_SIP__ID": SERVER_ID,
            "GB28181_SIP__DOMAIN": DOMAIN,
            "GB28181_SIP__HOST": "127.0.0.1",
            "GB28181_SIP__PORT": str(self.ports.sip),
            "GB28181_SIP__PASSWORD": DEVICE_PASSWORD,
            "GB28181_MEDIA__HOST": "127.0.0.1",
            "GB28181_MEDIA__PORTS": f"{self.ports.media[0]}-{self.ports.media[-1]}",
            "GB28181_MEDIA__RTSP_PORT": str(self.ports.rtsp),
            "GB28181_MEDIA__PLAYER_PORTS": f"{self.ports.players[0]}-{self.ports.players[-1]}",
            "GB28181_MEDIA__WORKERS": os.environ.get("TEST_MEDIA_WORKERS", "0"),
            "GB28181_MEDIA__RTMP_PORT": str(self.ports.rtmp),
            "GB28181_HTTP__HOST": "127.0.0.1",
            "GB28181_HTTP__PORT": str(self.ports.http),
            "GB28181_LOGS__FORMAT": "json",
            **SHORT_TIMES,
            **(env or {}),
        }
        self.process: Process | None = None
        self._token = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._log_from = 0

    # -- life ------------------------------------------------------------------------------

    @property
    def sip(self) -> tuple[str, int]:
        return "127.0.0.1", self.ports.sip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> Server:
        self.folder.mkdir(parents=True, exist_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GB28181_")}
        with self.log_path.open("ab") as log:
            env = {**clean, "PYTHONPATH": str(ROOT), **self.env}
            self.process = run(["serve"], self.folder, env, log.fileno())
        deadline = time.monotonic() + START_S
        while not self._ready():
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"the platform ended with {code}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill9()
                raise AssertionError(f"not ready in {START_S} s:\n{self.log_tail()}")
            time.sleep(0.05)
        return self

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.call("GET", "/readyz", token=False).status == 200
        return False

    def stop(self, timeout: float = 8.0) -> int:
        """SIGTERM; must be gone within the 8 s the contract gives it. Returns the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(
                f"still running {timeout} s after SIGTERM:\n{self.log_tail()}"
            ) from None
        self.process = None
        return code

    def kill9(self) -> None:
        """The whole family at once, as the kernel's memory killer or a power cut would."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.kill9()
        self.ports.close()

    # -- HTTP ------------------------------------------------------------------------------

    def token(self) -> str:
        if not self._token:
            form = urllib.parse.urlencode({"username": "admin", "password": ADMIN_PASSWORD})
            answer = self.call("POST", "/api/v1/auth/token", raw=form.encode(), token=False)
            assert answer.status == 200, f"no token: {answer}"
            self._token = answer.body["access_token"]
        return self._token

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        token: bool | str = True,
        timeout: float = 20.0,
    ) -> Answer:
        """`path` is below the root, or a whole URL. No exception for 4xx and 5xx."""
        url = path if path.startswith("http") else self.url + path
        headers = {}
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif raw is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if token:
            headers["Authorization"] = f"Bearer {self.token() if token is True else token}"
        request = urllib.request.Request(url, raw, headers, method=method)
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return _answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.read(), dict(error.headers))

    def get(self, path: str, **query: object) -> Any:
        """The JSON of a GET that must succeed; `path` below /api/v1."""
        text = urllib.parse.urlencode({k: str(v) for k, v in query.items()})
        answer = self.call("GET", f"/api/v1{path}" + (f"?{text}" if text else ""))
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body}"
        return answer.body

    def live(self, channel_id: str, *, timeout: float = 16.0, **body: str) -> Answer:
        """POST .../live; the contract promises an answer within 15 s in every case."""
        path = f"/api/v1/channels/{channel_id}/live"
        return self.call("POST", path, body or {}, timeout=timeout)

    def play(self, channel_id: str, **body: str) -> dict[str, Any]:
        """A live call that must give a picture."""
        answer = self.live(channel_id, **body)
        assert answer.status == 200, f"live: {answer.status} {answer.body}\n{self.log_tail(20)}"
        found: dict[str, Any] = answer.body
        return found

    def sessions(self, state: str = "") -> list[dict[str, Any]]:
        query = {"limit": 1000, **({"state": state} if state else {})}
        items: list[dict[str, Any]] = self.get("/sessions", **query)["items"]
        return items

    def session(self, session_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/sessions/{session_id}")
        return found

    def end(self, session_id: str) -> None:
        answer = self.call("DELETE", f"/api/v1/sessions/{session_id}")
        assert answer.status == 204, f"DELETE session: {answer}"

    def device(self, device_id: str) -> dict[str, Any] | None:
        answer = self.call("GET", f"/api/v1/devices/{device_id}")
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None

    def is_online(self, device_id: str) -> bool:
        device = self.device(device_id)
        return device is not None and device["online"]

    def wait_online(self, device_id: str, online: bool = True, timeout: float = 10.0) -> None:
        state = "online" if online else "offline"
        wait_for(
            lambda: self.is_online(device_id) == online, f"{device_id} {state}", timeout=timeout
        )

    def intervals(self, device_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/devices/{device_id}/intervals")["items"]
        return items

    def channels(self, **query: object) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/channels", limit=1000, **query)["items"]
        return items

    def wait_channels(
        self, device_id: str, count: int, timeout: float = 10.0
    ) -> list[dict[str, Any]]:
        """The channels of a device, once there are `count` of them."""

        def look() -> list[dict[str, Any]] | None:
            found = self.channels(device_id=device_id)
            return found if len(found) == count else None

        return wait_for(look, f"{count} channels of {device_id}", timeout=timeout) or []

    @contextlib.contextmanager
    def events(self) -> Iterator[ClientConnection]:
        """The event stream, opened with a ticket."""
        answer = self.call("POST", "/api/v1/auth/ticket", {})
        assert answer.status in (200, 201), answer
        ticket = urllib.parse.quote(answer.body["ticket"])
        url = f"{self.url.replace('http', 'ws', 1)}/api/v1/events?ticket={ticket}"
        with connect(url, proxy=None) as websocket:
            yield websocket

    # -- log -------------------------------------------------------------------------------

    def log_text(self) -> str:
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])

    def log_mark(self) -> None:
        """Later searches see only what is written from now on."""
        self._log_from = self.log_path.stat().st_size

    def log_events(self, event: str = "", **fields: object) -> list[dict[str, Any]]:
        """JSON lines since the mark with this event name and these values."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_from)
            text = file.read().decode("utf-8", "replace")
        found = []
        for line in text.splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                row = json.loads(line)
                if isinstance(row, dict) and (not event or row.get("event") == event):
                    found.append(row)
        return [row for row in found if all(row.get(k) == v for k, v in fields.items())]

    def wait_log(self, event: str, timeout: float = 5.0, **fields: object) -> dict[str, Any]:
        what = f"log event {event} {fields}"
        return wait_for(lambda: self.log_events(event, **fields), what, timeout=timeout)[0]

    def complaints(self) -> list[str]:
        """Lines since the mark that say the platform itself is broken."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_from)
            lines = file.read().decode("utf-8", "replace").splitlines()
        return [line for line in lines if "Traceback" in line or '"level": "error"' in line
                or '"level":"error"' in line]  # fmt: skip

    # -- kernel's view ---------------------------------------------------------------------

    def pids(self) -> list[int]:
        return processes.family(self.pid)

    def sockets(self) -> list[processes.Socket]:
        return processes.sockets(self.pids())

    def rss(self) -> int:
        return processes.rss_bytes(self.pids())


def run(arguments: list[str], folder: Path, env: dict[str, str], output: int) -> Process:
    """The product in a session of its own, without input; both outputs go to one descriptor."""
    if os.environ.get("TEST_PRELOADED", "1") == "1":
        return preloaded.start(arguments, folder, env, output)
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def command(*arguments: str) -> list[str]:
    """The console script beside this interpreter; in a bare checkout what that script would run."""
    script = Path(sys.executable).with_name("gb28181")
    call = arguments or ("serve",)
    if script.exists():
        return [str(script), *call]
    run = "import sys; from gb28181.cli import main; sys.exit(main())"
    return [sys.executable, "-P", "-c", run, *call]


def _answer(status: int, data: bytes, headers: dict[str, str]) -> Answer:
    try:
        return Answer(status, json.loads(data) if data else None, headers)
    except ValueError:
        return Answer(status, data, headers)
