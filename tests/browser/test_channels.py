"""The list of channels: search, filters, places, pages, states that change under the eyes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.camera import Camera, channel_item
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.server import Server

from .conftest import OpenDesk
from .desk import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

DEVICE = "64010400001180000001"
NAMES = {
    "64010400001310000001": "解放西街球机",
    "64010400001310000002": "鼓楼南街枪机",
    "64010500001310000003": "怀远路球机",
}


def set_up(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> tuple[Server, Camera, Desk]:
    server = launch()
    items = [channel_item(one, name, parent_id=DEVICE) for one, name in NAMES.items()]
    camera = make_camera(DEVICE, server, items=items)
    camera.register()
    server.wait_channels(DEVICE, 3)
    return server, camera, open_desk(server).enter()


def test_search_and_filter(launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk) -> None:
    _server, camera, desk = set_up(launch, make_camera, open_desk)
    expect(desk.test("total")).to_have_text("共 3 个")
    assert desk.table_names() == list(NAMES.values())
    desk.test("search").fill("球机")
    expect(desk.test("total")).to_have_text("共 2 个")
    assert desk.table_names() == ["解放西街球机", "怀远路球机"]
    desk.test("search").fill("1310000002")
    expect(desk.test("total")).to_have_text("共 1 个")
    assert desk.table_names() == ["鼓楼南街枪机"]
    desk.test("search").fill("没有的")
    expect(desk.test("channels")).to_contain_text("没有符合条件的通道")
    desk.test("search").fill("")
    expect(desk.test("total")).to_have_text("共 3 个")
    desk.test("only-online").click()
    expect(desk.test("total")).to_have_text("共 3 个")
    camera.unregister()
    expect(desk.test("total")).to_have_text("共 0 个")
    desk.test("only-online").click()
    expect(desk.test("total")).to_have_text("共 3 个")


def test_place_and_way_back(launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk) -> None:
    _server, _camera, desk = set_up(launch, make_camera, open_desk)
    desk.test("card-6401").click()
    desk.node("county", "640105").click()
    expect(desk.test("total")).to_have_text("共 1 个")
    assert desk.table_names() == ["怀远路球机"]
    expect(desk.row("64010500001310000003")).to_contain_text("银川市 / 西夏区")
    desk.node("county", "640106").click()
    expect(desk.test("channels")).to_contain_text("此处没有通道")
    desk.test("crumbs").get_by_role("button", name="宁夏回族自治区").click()
    expect(desk.test("total")).to_have_text("共 3 个")


def test_states_and_names_follow_the_device(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    """OFF in its catalog is not the same as a device that is away, and is called otherwise."""
    _server, camera, desk = set_up(launch, make_camera, open_desk)
    row = desk.row("64010400001310000001")
    expect(row).to_contain_text("在线")
    off = channel_item("64010400001310000001", "解放西街新名", parent_id=DEVICE, Status="OFF")
    camera.push_catalog([off], sum_num=1)
    expect(row).to_contain_text("上报离线")
    expect(row).to_contain_text("解放西街新名")
    desk.sees_counts("region", "64", 2, 3)
    camera.unregister()
    expect(desk.row("64010400001310000002")).to_contain_text("离线")


def test_pages(launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk) -> None:
    server = launch()
    items = [
        channel_item(f"6404020000131{n:07d}", f"通道 {n:03d}", parent_id=DEVICE)
        for n in range(1, 131)
    ]
    camera = make_camera(DEVICE, server, items=items, per_page=8)
    camera.register()
    server.wait_channels(DEVICE, 130)
    desk = open_desk(server).enter()
    expect(desk.test("total")).to_have_text("共 130 个")
    assert len(desk.table_names()) == 100
    desk.page.locator(".el-pager li", has_text="2").click()
    expect(desk.test("open-64040200001310000130")).to_be_visible()
    assert len(desk.table_names()) == 30
    desk.test("search").fill("通道 00")  # fewer pages than the one that is shown
    expect(desk.test("total")).to_have_text("共 9 个")
    assert len(desk.table_names()) == 9
