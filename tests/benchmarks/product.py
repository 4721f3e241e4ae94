"""The product as its users run it: `gb28181 serve` with store, logs and API on, real defaults."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e import processes
from tests.e2e.server import SHORT_TIMES, Server

from .devices import quantiles

MEDIA_PORTS = "61000-62999"
"""Above the ports the system gives to clients, so that those cannot be in the way."""


class Product(Server):
    """An installation in a folder of its own, with what a benchmark asks of it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder)
        for key in SHORT_TIMES:
            del self.env[key]
        self.env["GB28181_MEDIA__PORTS"] = MEDIA_PORTS
        self.env.update({f"GB28181_{key}": value for key, value in settings.items()})

    def cpu(self) -> float:
        """CPU seconds of all processes of the product so far."""
        return processes.cpu_seconds(self.pids())

    def megabytes(self) -> float:
        return self.rss() / 1e6

    def drops(self) -> int:
        """Datagrams the kernel threw away at the product's sockets."""
        own = {int(s.local[1]) for s in self.sockets() if s.protocol.startswith("udp")}
        found = 0
        for table in ("udp", "udp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) in own:
                    found += int(fields[-1])
        return found

    # --- what it says of itself -----------------------------------------------------------------

    def online(self) -> int:
        return int(self.get("/devices", online="true", limit=1)["total"])

    def channels_in_tree(self) -> tuple[int, int]:
        """Channels the tree counts, and how many of them are online."""
        root = self.get("/tree")
        return root["total"], root["online"]

    def until(self, look: Callable[[], bool], seconds: float, every: float = 0.1) -> float:
        """Wait; how long it took, or an error."""
        started = time.monotonic()
        while not look():
            if time.monotonic() - started > seconds:
                raise RuntimeError(f"not within {seconds} s\n{self.log_tail()}")
            time.sleep(every)
        return time.monotonic() - started

    def open_intervals(self, device_ids: list[str]) -> int:
        """How many of these devices have exactly one interval, online since a registration."""
        good = 0
        for device_id in device_ids:
            items = self.intervals(device_id)
            good += [(i["state"], i["end"]) for i in items] == [("online", None)]
        return good


@contextmanager
def product(**settings: str) -> Iterator[Product]:
    """A fresh installation that runs; its folder is gone afterwards. What it complains about in
    its log ends the run."""
    folder = Path(tempfile.mkdtemp(prefix="gb28181-bench-"))
    made = Product(folder, **settings)
    try:
        made.start()
        made.token()
        yield made
        complaints = made.complaints()
        if complaints:
            raise RuntimeError("the product complains:\n" + "\n".join(complaints[:10]))
        made.stop()
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


class Probe:
    """A user of the API while something else goes on: asks in turn, notes how long it takes."""

    PATHS = ("/api/v1/tree", "/api/v1/devices?limit=50", "/healthz")

    def __init__(self, server: Product, pause_s: float = 0.05) -> None:
        self._server, self._pause = server, pause_s
        self._token = server.token()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.took: list[float] = []
        self.failed = 0

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(30.0)

    def milliseconds(self) -> dict[str, Any]:
        return quantiles(self.took)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.ports.http, timeout=30)
        headers = {"Authorization": f"Bearer {self._token}"}
        number = 0
        while not self._stop.wait(self._pause) or number < len(self.PATHS):
            started = time.monotonic()
            try:
                connection.request("GET", self.PATHS[number % len(self.PATHS)], headers=headers)
                answer = connection.getresponse()
                json.loads(answer.read())
                self.failed += answer.status != 200
            except (OSError, http.client.HTTPException, ValueError):
                self.failed += 1
                connection.close()
            self.took.append(time.monotonic() - started)
            number += 1
        connection.close()
