"""Fixtures of the browser tests: one chromium for the session, a fresh profile for each test.

When chromium is missing the tests fail: nothing is skipped. A page that writes an error into its
console fails its test, except for the refusals the test provokes itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.conftest import (  # noqa: F401  (fixtures are found by name)
    _shared_platform,
    camera_loop,
    cameras,
    launch,
    make_camera,
    other_video,
    platform,
    video,
)
from tests.e2e.server import Server

from .desk import Desk

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",  # continuous integration runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def playwright_() -> Iterator[Playwright]:
    """One for the whole session: a second cannot be started while the first runs."""
    if not CHROMIUM.exists():
        pytest.fail("chromium is missing: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright_: Playwright) -> Iterator[Browser]:
    """Debian's chromium; playwright's own is never fetched."""
    started = playwright_.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
    yield started
    started.close()


@pytest.fixture
def open_desk(browser: Browser) -> Iterator[OpenDesk]:
    """`open_desk(server)`: the console of a platform in a profile of its own."""
    desks: list[Desk] = []

    def start(server: Server) -> Desk:
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        desk = Desk(context, server)
        desks.append(desk)
        return desk

    yield start
    complaints = [line for desk in desks for line in desk.complaints]
    for desk in desks:
        desk.context.close()
    assert complaints == []


@pytest.fixture
def desk(platform: Server, open_desk: OpenDesk) -> Desk:  # noqa: F811
    """An operator who has logged in to the shared platform."""
    return open_desk(platform).enter()
