"""No picture: the page says which leg broke, in words, and what to do about it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.camera import Faults, Source
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.live_support import camera_with
from tests.e2e.server import Server

from .conftest import OpenDesk
from .desk import Desk
from .pixels import plays_in_order

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_refused_because_busy(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, faults=Faults(invite_status=486))
    desk.provokes(502)
    desk.click_channel(channel_id)
    card = desk.failure("invite_rejected")
    expect(card).to_contain_text("设备拒绝了点播请求")
    expect(card).to_contain_text("设备取流路数已满")
    expect(card).to_contain_text("486")
    expect(card).to_contain_text("请求号")
    expect(desk.test("retry-tcp")).to_have_count(0)  # another transport would not help
    camera.faults.invite_status = 200
    desk.test("retry").click()
    desk.player_is("playing")
    expect(desk.test("failure")).to_have_count(0)
    plays_in_order((desk.page, 7), seconds=1)


def test_never_answered(platform: Server, make_camera: MakeCamera, desk: Desk) -> None:
    _camera, channel_id = camera_with(make_camera, platform, None, faults=Faults(never_answer=True))
    desk.provokes(504)
    desk.click_channel(channel_id)
    desk.player_is("opening")
    expect(desk.test("player")).to_contain_text("正在点播")
    card = desk.failure("invite_timeout")
    expect(card).to_contain_text("设备没有应答点播请求")
    expect(card).to_contain_text("NAT")


def test_no_media_then_over_tcp(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    """A firewall that lets no UDP through: the card offers TCP, and that works."""
    camera, channel_id = camera_with(make_camera, platform, video, faults=Faults(no_media=True))
    desk.provokes(504)
    desk.click_channel(channel_id)
    card = desk.failure("no_media")
    expect(card).to_contain_text("设备已应答，但没有送来画面")
    expect(card).to_contain_text("防火墙")
    camera.faults.no_media = False
    desk.test("retry-tcp").click()
    desk.player_is("playing")
    expect(desk.test("fact-transport")).to_have_text("TCP 被动")
    (session,) = platform.sessions("running")
    assert session["transport"] == "tcp-passive"


def test_offline(platform: Server, make_camera: MakeCamera, desk: Desk) -> None:
    camera, channel_id = camera_with(make_camera, platform, None)
    camera.unregister()
    expect(desk.row(channel_id)).to_contain_text("离线")
    desk.provokes(409)
    desk.click_channel(channel_id)
    card = desk.failure("device_offline")
    expect(card).to_contain_text("设备不在线")
    desk.test("language").click()
    expect(card).to_contain_text("The device is offline")
    expect(desk.test("retry")).to_have_text("Try again")


def test_another_click_forgets_the_first(
    platform: Server, make_camera: MakeCamera, video: Source, desk: Desk
) -> None:
    """The failure of a call nobody waits for any more does not cover the picture."""
    faults = Faults(never_answer=True)
    _silent, silent_id = camera_with(make_camera, platform, None, faults=faults)
    _camera, channel_id = camera_with(make_camera, platform, video)
    desk.provokes(504)
    desk.click_channel(silent_id)
    desk.player_is("opening")
    with desk.page.expect_response(lambda answer: silent_id in answer.url and not answer.ok):
        desk.watch(channel_id)
    desk.player_is("playing")
    expect(desk.test("failure")).to_have_count(0)


def test_the_picture_comes_back_with_the_platform(
    launch: Launch, make_camera: MakeCamera, video: Source, open_desk: OpenDesk
) -> None:
    server = launch()
    _camera, channel_id = camera_with(make_camera, server, video)
    desk = open_desk(server).enter()
    desk.watch(channel_id)
    desk.loses_the_platform()
    server.kill9()
    card = desk.failure("network")
    expect(card).to_contain_text("与平台的连接中断")
    server.start()
    desk.player_is("playing", timeout=25_000)
    plays_in_order((desk.page, 7), seconds=1)
