"""The tree of the region: five cities, counts that follow the cameras, what is open stays open."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.camera import Camera, channel_item
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.server import Server

from .conftest import OpenDesk

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CITIES = {
    "6401": "银川市",
    "6402": "石嘴山市",
    "6403": "吴忠市",
    "6404": "固原市",
    "6405": "中卫市",
}


def recorder(make_camera: MakeCamera, server: Server, county: str, channels: int) -> Camera:
    """A recorder of a county with so many channels, registered."""
    device_id = f"{county}00001180000001"
    items = [
        channel_item(f"{county}0000131000000{n}", f"{county} 通道 {n}", parent_id=device_id)
        for n in range(1, channels + 1)
    ]
    camera = make_camera(device_id, server, items=items, name=f"录像机 {county}", per_page=4)
    assert camera.register().status == 200
    server.wait_channels(device_id, channels)
    return camera


def test_five_cities_with_live_counts(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    server = launch()
    first = recorder(make_camera, server, "640104", 3)
    recorder(make_camera, server, "640302", 2)
    desk = open_desk(server).enter()
    names = desk.tree_names()
    assert names == ["宁夏回族自治区", *CITIES.values(), "未分配"]
    desk.sees_counts("region", "64", 5, 5)
    desk.sees_counts("city", "6401", 3, 3)
    desk.sees_counts("city", "6402", 0, 0)
    desk.sees_counts("city", "6403", 2, 2)
    expect(desk.test("figure-devices")).to_have_text("2 / 2")
    expect(desk.test("figure-rate")).to_have_text("100%")
    expect(desk.test("card-6401")).to_contain_text("100%")
    first.unregister()
    desk.sees_counts("city", "6401", 0, 3)
    desk.sees_counts("region", "64", 2, 5)
    expect(desk.test("figure-channels")).to_have_text("2 / 5")
    expect(desk.test("figure-devices")).to_have_text("1 / 2")
    expect(desk.test("figure-rate")).to_have_text("40%")
    expect(desk.test("card-6401")).to_contain_text("0%")
    expect(desk.row("64010400001310000001")).to_contain_text("离线")
    first.register()
    desk.sees_counts("city", "6401", 3, 3)
    desk.sees_counts("region", "64", 5, 5)
    expect(desk.test("figure-devices")).to_have_text("2 / 2")
    expect(desk.row("64010400001310000001")).to_contain_text("在线")


def test_what_is_open_stays_open_while_devices_come(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    server = launch()
    first = recorder(make_camera, server, "640104", 2)
    desk = open_desk(server).enter()
    desk.node("city", "6401").click()
    desk.caret("county", "640104").click()
    desk.caret("device", first.device_id).click()
    channel = desk.node("channel", "64010400001310000001")
    expect(channel.locator(".dot")).to_have_class("dot all")
    opened = desk.tree_names()
    recorder(make_camera, server, "640105", 2)  # another county of the open city
    recorder(make_camera, server, "640221", 1)  # a city that was never opened
    desk.sees_counts("county", "640105", 2, 2)
    desk.sees_counts("city", "6402", 1, 1)
    assert desk.tree_names() == opened
    late = make_camera("64010400001180000002", server, name="新录像机")
    late.register()  # a device of the open county appears in its branch
    expect(desk.node("device", late.device_id)).to_contain_text("新录像机")
    desk.sees_counts("county", "640104", 3, 3)
    first.unregister()  # and the channels of an open device go grey
    expect(channel.locator(".dot")).to_have_class("dot none")
    expect(desk.node("device", first.device_id)).to_be_visible()
    first.items.pop()
    first.register()
    expect(desk.node("channel", "64010400001310000002")).to_have_count(0)
    desk.sees_counts("device", first.device_id, 1, 1)
    answer = server.call("DELETE", f"/api/v1/devices/{late.device_id}")
    assert answer.status == 204
    expect(desk.node("device", late.device_id)).to_have_count(0)


def test_a_camera_and_its_channel_of_one_id(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    """The commonest camera of all lists itself: device and channel share one id in the tree."""
    server = launch()
    camera = make_camera("64050200001320000051", server, name="沙坡头区鼓楼")
    camera.register()
    server.wait_channels(camera.device_id, 1)
    desk = open_desk(server).enter()
    desk.node("city", "6405").click()
    desk.node("county", "640502").click()
    desk.caret("device", camera.device_id).click()
    expect(desk.node("channel", camera.device_id)).to_contain_text("沙坡头区鼓楼")
    camera.unregister()
    expect(desk.node("channel", camera.device_id).locator(".dot")).to_have_class("dot none")
    desk.sees_counts("device", camera.device_id, 0, 1)


def test_a_device_in_two_counties(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    """Its second node shows, and lists, only the channels of that place."""
    server = launch()
    device_id = "64010400002000000009"
    items = [
        channel_item("64010400001310000091", "兴庆区的", parent_id=device_id),
        channel_item("64020200001310000092", "大武口区的", parent_id=device_id),
    ]
    make_camera(device_id, server, items=items, name="下级平台").register()
    server.wait_channels(device_id, 2)
    desk = open_desk(server).enter()
    desk.node("city", "6402").click()
    desk.caret("county", "640202").click()
    desk.node("device", f"640202/{device_id}").click()
    expect(desk.test("total")).to_have_text("共 1 个")
    assert desk.table_names() == ["大武口区的"]
    expect(desk.test("crumbs")).to_have_text("宁夏回族自治区/石嘴山市/大武口区/下级平台")


def test_the_keyboard_walks_the_tree(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    server = launch()
    recorder(make_camera, server, "640302", 2)
    desk = open_desk(server).enter()
    press = desk.page.keyboard.press
    desk.test("tree").focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        press(key)
    expect(desk.node("county", "640302")).to_be_visible()
    for key in ("ArrowRight", "Enter"):
        press(key)
    expect(desk.test("crumbs")).to_have_text("宁夏回族自治区/吴忠市/利通区")
    expect(desk.test("total")).to_have_text("共 2 个")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft"):  # close the county, to the city, close it
        press(key)
    expect(desk.node("county", "640302")).to_have_count(0)
    assert desk.tree_names() == ["宁夏回族自治区", *CITIES.values(), "未分配"]


def test_hundreds_of_devices_cost_only_the_lines_in_sight(
    launch: Launch, make_camera: MakeCamera, open_desk: OpenDesk
) -> None:
    server = launch()
    device_id = "64040200001180000001"
    items = [
        channel_item(f"6404020000131{n:07d}", f"通道 {n:03d}", parent_id=device_id)
        for n in range(1, 401)
    ]
    make_camera(device_id, server, items=items, per_page=8).register()
    server.wait_channels(device_id, 400)
    desk = open_desk(server).enter()
    desk.node("city", "6404").click()
    desk.caret("county", "640402").click()
    desk.caret("device", device_id).click()
    expect(desk.node("channel", "64040200001310000001")).to_be_visible()
    assert desk.test("tree").locator(".row").count() < 80
    desk.test("tree").focus()
    desk.page.keyboard.press("End")
    expect(desk.test("tree")).to_contain_text("未分配")
    expect(desk.node("channel", "64040200001310000001")).to_have_count(0)
    assert desk.test("tree").locator(".row").count() < 80
