"""An operator at the console: what he clicks and what he sees, in words of the tests."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.e2e.server import ADMIN_PASSWORD, Server, wait_for

FIRST_PICTURE_MS = 5000
"""How long a test waits for a picture; what it should take is asserted where it is measured."""


class Desk:
    """One page of the console with everything it complained about."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.context = context
        self.server = server
        self.complaints: list[str] = []
        self._refusals: set[int] = set()
        self._is_cut_off = False
        self.page = self._new_page()

    def _new_page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        refused = re.search(r"responded with a status of (\d+)", message.text)
        if refused and int(refused[1]) in self._refusals:
            return
        if self._is_cut_off and re.search(r"net::ERR_|WebSocket connection to", message.text):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def provokes(self, *statuses: int) -> None:
        """The test makes the platform refuse; chromium writes such answers into its console."""
        self._refusals.update(statuses)

    def loses_the_platform(self) -> None:
        """The test takes the platform away; chromium tells of every attempt to reach it."""
        self._is_cut_off = True

    # -- logging in ------------------------------------------------------------------------

    def visit(self) -> Desk:
        self.page.goto(self.server.url)
        return self

    def log_in(self, password: str = ADMIN_PASSWORD) -> None:
        self.page.fill("input[name=password]", password)
        self.page.keyboard.press("Enter")

    def enter(self) -> Desk:
        """Up to the point where events flow."""
        self.visit()
        self.log_in()
        expect(self.test("link")).to_have_text("实时更新")
        return self

    # -- parts of the page -----------------------------------------------------------------

    def test(self, name: str) -> Locator:
        return self.page.locator(f'[data-test="{name}"]')

    def node(self, kind: str, node_id: str) -> Locator:
        return self.test(f"node-{kind}:{node_id}")

    def caret(self, kind: str, node_id: str) -> Locator:
        return self.node(kind, node_id).locator("button.caret")

    def sees_counts(self, kind: str, node_id: str, online: int, total: int) -> None:
        count = self.node(kind, node_id).locator(".count")
        expect(count).to_have_text(re.compile(rf"^\s*{online}\s*/\s*{total}\s*$"))

    def tree_names(self) -> list[str]:
        return self.test("tree").locator(".row .name").all_inner_texts()

    def table_names(self) -> list[str]:
        return self.test("channels").locator("tbody button.open").all_inner_texts()

    def row(self, channel_id: str) -> Locator:
        return self.page.locator(f'tr:has([data-test="open-{channel_id}"])')

    # -- the picture -----------------------------------------------------------------------

    def click_channel(self, channel_id: str) -> None:
        self.test(f"open-{channel_id}").click()

    def player_is(self, state: str, timeout: float = FIRST_PICTURE_MS) -> None:
        expect(self.test("player")).to_have_attribute("data-state", state, timeout=timeout)

    def watch(self, channel_id: str) -> None:
        self.click_channel(channel_id)
        self.player_is("playing")

    def sees_more_frames(self, count: int = 40) -> None:
        """The picture goes on: so many frames from now."""
        decoded = "v.getVideoPlaybackQuality().totalVideoFrames"
        aim = self.video(decoded) + count
        wait_for(lambda: self.video(decoded) >= aim, f"{count} more frames")

    def failure(self, leg: str, timeout: float = 16_000) -> Locator:
        """The card that says why there is no picture, once it is there."""
        card = self.test("failure")
        expect(card).to_have_attribute("data-leg", leg, timeout=timeout)
        return card

    def video(self, script: str) -> Any:
        """The value of an expression of `video`."""
        return self.page.evaluate(f"(() => {{ const v = document.querySelector('video');"
                                  f" return {script} }})()")  # fmt: skip
