"""Over https with a certificate authority of the test: the microphone of the browser is what the
camera's loudspeaker plays, as G.711A."""

from __future__ import annotations

import math
import os
import ssl
import urllib.request
import wave
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect

from tests.e2e.camera import Camera, Ear, Source
from tests.e2e.conftest import _judge
from tests.e2e.kit import MakeCamera
from tests.e2e.server import Server, wait_for
from tests.e2e.views import assert_three_views
from tests.e2e.voice_support import RATE, assert_rtp, loudest, power, speaker_camera

from .conftest import ARGUMENTS, CHROMIUM
from .desk import Desk
from .trust import Pki

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.clause("GB/T 28181-2022", "9.12.1"),
]

HEARD_S = 20
TONE_HZ = 1000
BURST_S = 0.3
"""The microphone's tone comes in bursts, because browsers take a lasting one for noise."""
TONE_SHARE = 0.5


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


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments that give chromium a microphone in front of which a tone sounds now and then."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    rate = 48_000
    burst = [
        round(20_000 * math.sin(2 * math.pi * TONE_HZ * at / rate))
        for at in range(round(BURST_S * rate))
    ]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(array("h", [*burst, *[0] * len(burst)] * 10).tobytes())
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
    )


def page_of(browser: Browser, server: Server) -> Desk:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    return Desk(context, server)


def beeps(camera: Camera) -> bool:
    """Whether the loudspeaker played the microphone's tone, and no other as loud."""
    heard = loudest(camera.speaker.last().samples, round(BURST_S * RATE) // 3)
    return bool(heard) and power(heard, TONE_HZ) > TONE_SHARE


def talk_is(desk: Desk, state: str, timeout: float = 10_000) -> None:
    expect(desk.test("talk")).to_have_attribute("data-state", state, timeout=timeout)


@pytest.mark.parametrize("way", ["udp", "active", "passive"])
def test_the_browsers_microphone_is_what_the_loudspeaker_plays(
    microphone: tuple[str, ...],
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
    way: str,
) -> None:
    camera, channel_id, _ = speaker_camera(
        make_camera, secure, ear=Ear(transport=way), source=video
    )
    desk = page_of(start_browser(*microphone, home=home), secure).enter()
    desk.watch(channel_id)
    desk.test("talk-button").click()
    talk_is(desk, "speaking")
    expect(desk.test("talk-card")).to_contain_text("正在说话")
    wait_for(lambda: beeps(camera), "the beep is heard", timeout=HEARD_S)
    wait_for(lambda: _level(desk) > 5, "the meter moves", timeout=HEARD_S)
    call = camera.speaker.last()
    assert_rtp(call)
    assert call.transport == {"udp": "udp", "active": "tcp-passive", "passive": "tcp-active"}[way]
    kinds = sorted(str(session["kind"]) for session in secure.sessions())
    assert kinds == ["live", "talk"]
    assert_three_views(secure, [camera])
    desk.test("talk-button").click()
    talk_is(desk, "idle")
    wait_for(lambda: call.ended_by == "BYE of the platform", "BYE came")
    desk.player_is("playing")
    assert desk.complaints == []


def _level(desk: Desk) -> float:
    width: Any = desk.page.locator(".meter span").evaluate("bar => bar.style.width")
    return float(str(width).rstrip("%") or 0)


def test_held_down_it_speaks_and_released_it_ends(
    microphone: tuple[str, ...],
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, secure, source=video)
    desk = page_of(start_browser(*microphone, home=home), secure).enter()
    desk.watch(channel_id)
    desk.test("talk-button").hover()
    desk.page.mouse.down()
    talk_is(desk, "speaking")
    wait_for(lambda: beeps(camera), "the beep is heard", timeout=HEARD_S)
    desk.page.mouse.up()
    talk_is(desk, "idle")
    wait_for(lambda: camera.speaker.last().state == "over", "BYE came")
    desk.test("close").click()
    assert_three_views(secure, [camera])
    assert desk.complaints == []


def test_the_page_says_why_a_device_does_not_listen(
    microphone: tuple[str, ...],
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
) -> None:
    camera, channel_id, _ = speaker_camera(
        make_camera, secure, ear=Ear(result="ERROR"), source=video
    )
    desk = page_of(start_browser(*microphone, home=home), secure).enter()
    desk.provokes(502)
    desk.watch(channel_id)
    desk.test("talk-button").click()
    talk_is(desk, "failed")
    expect(desk.test("talk-card")).to_contain_text("ERROR")
    expect(desk.test("talk-card")).to_contain_text("扬声器")
    desk.test("language").click()
    expect(desk.test("talk-card")).to_contain_text("no loudspeaker")
    camera.speaker.ear = Ear(bye_after=1.0)
    desk.test("talk-button").click()
    talk_is(desk, "speaking")
    talk_is(desk, "failed")
    expect(desk.test("talk-card")).to_contain_text("G.711A")
    desk.test("talk-close").click()
    talk_is(desk, "idle")
    assert desk.complaints == []


def test_a_closed_tab_ends_the_talk(
    microphone: tuple[str, ...],
    secure: SecureServer,
    start_browser: Launch,
    home: Path,
    make_camera: MakeCamera,
    video: Source,
) -> None:
    camera, channel_id, _ = speaker_camera(make_camera, secure, source=video)
    desk = page_of(start_browser(*microphone, home=home), secure).enter()
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
