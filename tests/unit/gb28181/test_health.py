from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

import config
from gb28181 import health
from tests.support.ports import free_port


class Server(http.server.BaseHTTPRequestHandler):
    """Answers /readyz with the status the test chose."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_what_readyz_says(
    port: int, status: int, ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "status", status)
    assert health.is_ready(f"http://127.0.0.1:{port}/readyz") is ready


def test_no_server_is_not_ready() -> None:
    assert not health.is_ready(f"http://127.0.0.1:{free_port()}/readyz")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8080/readyz"),
        ({"GB28181_HTTP__PORT": "9000"}, "http://127.0.0.1:9000/readyz"),
        ({"GB28181_HTTP__HOST": "10.1.2.3"}, "http://10.1.2.3:8080/readyz"),
        ({"GB28181_HTTP__HOST": "::"}, "http://[::1]:8080/readyz"),
        ({"GB28181_HTTP__HOST": "localhost"}, "http://localhost:8080/readyz"),
        (
            {"GB28181_HTTP__CERT_FILE": "c.pem", "GB28181_HTTP__KEY_FILE": "k.pem"},
            "https://127.0.0.1:8080/readyz",
        ),
    ],
)
def test_the_server_of_the_settings_is_asked(environ: dict[str, str], url: str) -> None:
    settings = config.load_with_sources(None, environ, search=()).settings
    assert health.address(settings.http) == url
