"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .camera import shared_loop


@pytest.fixture(scope="session", autouse=True)
def camera_loop() -> Iterator[None]:
    """The thread of all test cameras, ended with the session."""
    loop = shared_loop()
    yield
    loop.stop()
    assert loop.errors == []
