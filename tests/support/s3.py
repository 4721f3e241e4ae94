"""A real S3 server (moto) in a process of its own, which can be stopped, frozen and killed.

`python -m tests.support.s3 PORT` is that process. What it keeps is in its memory, so a test that
wants it to be away for a while freezes it, or takes its door away (`Door`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.config
import botocore.session

from tests.support.ports import free_port

BUCKET, KEY, SECRET = "recordings", "a-key", "a-secret-that-nobody-may-see"
START_S = 60.0


@dataclass
class S3:
    """One server with one bucket."""

    endpoint: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    def client(self) -> Any:
        """A client that shares nothing with the product but the library."""
        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def names(self) -> list[str]:
        found = self.client().list_objects_v2(Bucket=BUCKET)
        return [one["Key"] for one in found.get("Contents", ())]


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """A server for the time of the block."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.s3", str(port)],
        env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "1000"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = S3(f"http://127.0.0.1:{port}", process)
    try:
        _wait(made)
        made.client().create_bucket(Bucket=BUCKET)
        yield made
    finally:
        process.kill()
        process.wait()


def _wait(made: S3) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"{made.endpoint}/moto-api/", timeout=5):
                return
        except OSError:
            if time.monotonic() > until or made.process.poll() is not None:
                raise
            time.sleep(0.05)


class Door:
    """A TCP relay before the server: it can be shut, and can change what goes through."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.is_open = True
        self.spoil = b""
        """Bytes of a request that arrive with their first bit turned."""
        self.cut_after: int | None = None
        """Connections break after so many bytes towards the server."""
        self.sent = 0
        """Bytes that came for the server."""
        self.hold_at: int | None = None
        """What comes after so many bytes in all is held back, until the door is shut."""
        self.held = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def shut(self) -> None:
        """Whoever comes is sent away, whoever is there is thrown out."""
        self.is_open = False
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shut()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            if not self.is_open:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._open |= {client, server}
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if up and self.spoil and self.spoil in data:
                    data = data.replace(self.spoil, bytes((self.spoil[0] ^ 1,)) + self.spoil[1:])
                passed += len(data)
                self.sent += len(data) if up else 0
                if up and self.cut_after is not None and passed > self.cut_after:
                    break
                if up and self.hold_at is not None and self.sent > self.hold_at:
                    self.held.set()
                    continue
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}
        source.close()


def main(port: int) -> None:
    """Serve until killed."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", port, application, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
