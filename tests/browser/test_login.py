"""Logging in and out, and what happens when the platform no longer takes the token."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.kit import Launch
from tests.e2e.server import Server

from .conftest import OpenDesk
from .desk import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_wrong_password_is_said_in_words(platform: Server, open_desk: OpenDesk) -> None:
    desk = open_desk(platform).visit()
    desk.provokes(401)
    expect(desk.test("submit")).to_be_disabled()  # nothing typed yet
    desk.log_in("not the password")
    expect(desk.test("problem")).to_have_text("用户名或密码不正确")
    assert desk.page.title() == "视频联网平台"
    desk.log_in()
    expect(desk.test("tree")).to_be_visible()


def test_a_new_tab_asks_again_and_a_reload_does_not(desk: Desk) -> None:
    desk.page.reload()
    expect(desk.test("tree")).to_be_visible()
    other = desk.context.new_page()
    other.goto(desk.server.url)
    expect(other.locator("input[name=password]")).to_be_visible()


def test_log_out(desk: Desk) -> None:
    desk.test("logout").click()
    expect(desk.page.locator("input[name=password]")).to_be_visible()
    expect(desk.test("problem")).to_have_count(0)
    desk.page.reload()
    expect(desk.page.locator("input[name=password]")).to_be_visible()


def test_a_token_that_is_refused_leads_back_to_the_login(desk: Desk) -> None:
    """The platform moved to another key: its answer to the next request is 401."""
    desk.provokes(401)
    token = desk.page.evaluate("sessionStorage.getItem('gb28181.token')")
    forged = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
    desk.page.evaluate("token => sessionStorage.setItem('gb28181.token', token)", forged)
    desk.page.reload()
    expect(desk.page.locator("input[name=password]")).to_be_visible()
    expect(desk.test("problem")).to_have_text("登录已过期，请重新登录")
    assert desk.page.evaluate("sessionStorage.getItem('gb28181.token')") is None
    desk.log_in()
    expect(desk.test("link")).to_have_text("实时更新")


def test_a_restart_of_the_platform_is_survived(launch: Launch, open_desk: OpenDesk) -> None:
    """The page says that it is cut off, comes back by itself, and needs no new login."""
    server = launch()
    desk = open_desk(server).enter()
    desk.loses_the_platform()
    server.stop()
    link = desk.test("link")
    expect(link).to_have_text("连接中断，正在重连")
    expect(link).to_have_class(re.compile("lost"))
    server.start()
    expect(link).to_have_text("实时更新", timeout=20_000)
    expect(desk.test("tree")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/somewhere"])
def test_every_address_shows_the_page_without_errors(
    platform: Server, open_desk: OpenDesk, path: str
) -> None:
    desk = open_desk(platform)
    desk.page.goto(platform.url + path)
    expect(desk.page.locator("input[name=password]")).to_be_focused()


def test_language_is_kept(platform: Server, open_desk: OpenDesk) -> None:
    desk = open_desk(platform).visit()
    expect(desk.test("submit")).to_have_text("登录")
    desk.test("language").click()
    expect(desk.test("submit")).to_have_text("Log in")
    assert desk.page.title() == "Video platform"
    desk.page.reload()
    expect(desk.test("submit")).to_have_text("Log in")
    desk.log_in()
    expect(desk.test("link")).to_have_text("Live updates")
    expect(desk.test("tree")).to_contain_text("Unassigned")
    desk.test("language").click()
    expect(desk.test("link")).to_have_text("实时更新")
    expect(desk.test("tree")).to_contain_text("未分配")
    assert desk.page.locator("html").get_attribute("lang") == "zh-CN"
