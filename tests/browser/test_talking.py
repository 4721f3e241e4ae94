"""Speaking from the page, over https with a certificate authority of the test's own."""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect, sync_playwright

from tests.e2e.camera import Camera, Source
from tests.e2e.conftest import _judge
from tests.e2e.kit import MakeCamera
from tests.e2e.server import Server, wait_for
from tests.e2e.voice_support import speaker_camera

from .conftest import ARGUMENTS, CHROMIUM
from .desk import Desk
from .trust import Pki

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.clause("GB/T 28181-2022", "9.12.1"),
]


class SecureServer(Server):
    """A platform that speaks https with a certificate of the test's own authority."""

    def __init__(self, folder: Path, pki: Pki, env: dict[str, str] | None = None) -> None:
        files = {
            "GB28181_HTTP__CERT_FILE": str(pki.cert),
            "GB28181_HTTP__KEY_FILE": str(pki.key),
        }
        super().__init__(folder, {**files, **(env or {})})
        context = ssl.create_default_context(cafile=str(pki.root))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports.http}"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def secure(tmp_path: Path, pki: Pki, cameras: list[Camera]) -> Iterator[SecureServer]:
    server = SecureServer(tmp_path / "platform", pki)
    try:
        server.start()
        yield server
        _judge(server, cameras)
    finally:
        server.close()


@pytest.fixture(scope="module")
def playwright_() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


Launch = Callable[..., Browser]


@pytest.fixture
def start_browser(playwright_: Playwright, tmp_path: Path) -> Iterator[Launch]:
    """`start_browser(*arguments, home=)`: a chromium of an account of its own."""
    started: list[Browser] = []

    def start(*arguments: str, home: Path) -> Browser:
        browser = playwright_.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[*ARGUMENTS, *arguments],
            env={**os.environ, "HOME": str(home)},
        )
        started.append(browser)
        return browser

    yield start
    for browser in started:
        browser.close()


@pytest.fixture
def home(pki: Pki, tmp_path: Path) -> Path:
    return pki.trusted_home(tmp_path / "home")


FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def page_of(browser: Browser, server: Server) -> Desk:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    return Desk(context, server)


def talk_is(desk: Desk, state: str, timeout: float = 10_000) -> None:
    expect(desk.test("talk")).to_have_attribute("data-state", state, timeout=timeout)


def test_a_closed_tab_ends_the_talk(
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, secure, source=video)
    desk = page_of(start_browser(*FAKE_MICROPHONE, home=home), secure).enter()
    desk.watch(channel_id)
    desk.test("talk-button").click()
    talk_is(desk, "speaking")
    desk.page.close()
    wait_for(lambda: camera.speaker.last().state == "over", "BYE came", timeout=20)
    (ended,) = secure.get("/talks", ended="true")["items"]
    assert ended["reason"] in ("microphone_gone", "stopped")


def test_a_browser_that_may_not_listen_is_told(
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
) -> None:
    """The user says no: nobody is called."""
    camera, channel_id, _ = speaker_camera(make_camera, secure, source=video)
    desk = page_of(start_browser("--deny-permission-prompts", home=home), secure).enter()
    desk.watch(channel_id)
    desk.test("talk-button").click()
    talk_is(desk, "failed")
    expect(desk.test("talk-card")).to_contain_text("麦克风")
    assert camera.speaker.notified == []


def test_a_browser_that_does_not_know_the_authority_is_not_let_in(
    secure: SecureServer, start_browser: Launch, tmp_path: Path
) -> None:
    """So what the other tests see is the trust of the account, and nothing else."""
    (tmp_path / "stranger").mkdir()
    desk = page_of(start_browser(home=tmp_path / "stranger"), secure)
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        desk.visit()
