"""Fixtures of the end-to-end tests.

`platform` is shared by the whole session and judged after every test; `launch` starts one with
settings of its own. When the platform cannot start, the tests fail: nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import media_source
from .camera import Camera, Source, load, shared_loop
from .kit import Launch, MakeCamera, new_id
from .server import DEVICE_PASSWORD, SERVER_ID, Server
from .views import assert_three_views


@pytest.fixture(scope="session", autouse=True)
def camera_loop() -> Iterator[None]:
    """The thread of all test cameras, ended with the session."""
    loop = shared_loop()
    yield
    loop.stop()
    assert loop.errors == []


@pytest.fixture(scope="session")
def video() -> Source:
    """The pictures of camera number 7, with a tone."""
    return load(media_source.h264_file(7), media_source.tone_file())


@pytest.fixture(scope="session")
def other_video() -> Source:
    """The pictures of camera number 8."""
    return load(media_source.h264_file(8), media_source.tone_file())


@pytest.fixture(scope="session")
def _shared_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("platform"))
    try:
        yield server.start()
        code = server.stop()
        assert code == 0, f"exit code {code} after SIGTERM:\n{server.log_tail()}"
    finally:
        server.close()


@pytest.fixture
def cameras() -> Iterator[list[Camera]]:
    """Every camera a test makes; closed after it."""
    made: list[Camera] = []
    yield made
    for camera in made:
        camera.close()


@pytest.fixture
def platform(_shared_platform: Server, cameras: list[Camera]) -> Iterator[Server]:
    """The shared platform; after the test its views agree, and its log holds no defect."""
    server = _shared_platform
    if server.process is None or server.process.poll() is not None:
        pytest.fail(f"the shared platform is gone:\n{server.log_tail()}")
    server.log_mark()
    yield server
    _judge(server, cameras)
    for session in server.sessions():
        server.end(session["session_id"])
    assert_three_views(server, cameras)


@pytest.fixture
def launch(tmp_path: Path, cameras: list[Camera]) -> Iterator[Launch]:
    """`launch(GB28181_X="...", name="b")`: a platform of this test alone."""
    started: list[Server] = []

    def start(name: str = "platform", **env: str) -> Server:
        server = Server(tmp_path / name, env)
        started.append(server)
        return server.start()

    yield start
    try:
        for server in started:
            if server.process is not None:
                _judge(server, cameras)
    finally:
        for server in started:
            server.close()


def _judge(server: Server, cameras: list[Camera]) -> None:
    mine = [camera for camera in cameras if camera.server == server.sip]
    assert_three_views(server, mine)
    assert server.complaints() == []


@pytest.fixture
def make_camera(cameras: list[Camera], request: pytest.FixtureRequest) -> MakeCamera:
    """`make_camera(device_id?, server=?, **how)`: a camera that knows its platform."""

    def make(device_id: str = "", server: Server | None = None, **how: Any) -> Camera:
        target = server or request.getfixturevalue("platform")
        how.setdefault("password", DEVICE_PASSWORD)
        how.setdefault("server_id", SERVER_ID)
        camera = Camera(device_id or new_id(), target.sip, **how)
        cameras.append(camera)
        return camera

    return make
