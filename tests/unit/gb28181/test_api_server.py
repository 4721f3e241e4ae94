"""The HTTP server's socket."""

from __future__ import annotations

import socket

import pytest
from starlette.applications import Starlette

from config.schema import Settings
from gb28181.api.server import HttpServer


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        http = Settings().http.model_copy(update={"host": "127.0.0.1", "port": port})
        with pytest.raises(OSError, match=f"cannot listen on http 127.0.0.1:{port}: Address"):
            HttpServer(Starlette(), http).bind()
