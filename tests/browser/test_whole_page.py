"""The page as an operator has it: cameras of five cities, one of them on the screen.

`GB28181_CONSOLE_SCREENSHOT=docs/assets/console.png pytest tests/browser/test_whole_page.py` writes
the picture of the README; without the variable nothing in the checkout changes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.camera import Source, channel_item
from tests.e2e.kit import Launch, MakeCamera
from tests.e2e.server import ROOT, Server, wait_for

from .conftest import OpenDesk
from .pixels import shown

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

RECORDERS = {
    "640104": (
        "兴庆区解放西街派出所",
        "民族街路口球机",
        "鼓楼南街枪机",
        "玉皇阁东侧",
        "南门广场全景",
    ),
    "640105": ("西夏区怀远路派出所", "怀远市场东门", "同心街路口"),
    "640106": ("金凤区正源街派出所", "正源街路口", "森林公园南门"),
    "640202": ("大武口区朝阳街派出所", "朝阳街路口", "游艺街东口", "贺兰山南路"),
    "640205": ("惠农区北大街派出所", "北大街路口", "南大街广场"),
    "640302": ("利通区裕民街派出所", "裕民街路口", "开元广场", "利宁街西口"),
    "640381": ("青铜峡市古峡街派出所", "古峡街路口", "汉坝街东口"),
    "640402": ("原州区文化街派出所", "文化街路口", "人民广场", "政府街西口"),
    "640425": ("彭阳县兴彭大街派出所", "兴彭大街路口"),
    "640502": ("沙坡头区鼓楼派出所", "鼓楼北街", "鼓楼东街", "中山街路口"),
    "640521": ("中宁县宁安派出所", "宁安大街路口", "殷庄广场"),
}
AWAY = "640381"
WATCHED = "64010400001310000001"
IN_ALL = sum(len(names) - 1 for names in RECORDERS.values())


def region(server: Server, make_camera: MakeCamera, video: Source) -> None:
    for county, (name, *channels) in RECORDERS.items():
        device_id = f"{county}00001180000001"
        items = [
            channel_item(f"{county}0000131000000{n}", channel, parent_id=device_id)
            for n, channel in enumerate(channels, 1)
        ]
        camera = make_camera(device_id, server, name=name, items=items, per_page=4, source=video)
        assert camera.register().status == 200
        server.wait_channels(device_id, len(channels))
        if county == AWAY:
            camera.unregister()


def test_the_whole_page(
    launch: Launch, make_camera: MakeCamera, video: Source, open_desk: OpenDesk
) -> None:
    server = launch()
    region(server, make_camera, video)
    desk = open_desk(server).enter()
    away = len(RECORDERS[AWAY]) - 1
    expect(desk.test("figure-channels")).to_have_text(f"{IN_ALL - away} / {IN_ALL}")
    expect(desk.test("figure-devices")).to_have_text(f"{len(RECORDERS) - 1} / {len(RECORDERS)}")
    desk.node("city", "6401").click()
    desk.caret("county", "640104").click()
    desk.caret("device", "64010400001180000001").click()
    desk.node("channel", WATCHED).click()
    desk.player_is("playing")
    desk.page.mouse.move(700, 12)
    desk.sees_more_frames(75)
    wait_for(lambda: shown(desk.page).camera == 7, "the camera's picture")
    overflow = desk.page.evaluate(
        "[document.documentElement.scrollWidth > innerWidth,"
        " document.documentElement.scrollHeight > innerHeight]"
    )
    assert overflow == [False, False], "the page is larger than its window"
    if wanted := os.environ.get("GB28181_CONSOLE_SCREENSHOT"):
        path = Path(wanted) if Path(wanted).is_absolute() else ROOT / wanted
        desk.page.screenshot(path=path)
