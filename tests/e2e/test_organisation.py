"""The organisation view of the tree, from a catalog with business groups."""

from __future__ import annotations

import pytest

from .camera import channel_item
from .kit import MakeCamera, new_id
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


@pytest.mark.clause("GB/T 28181-2022", "J")
def test_groups_and_organisations_of_a_lower_platform(
    platform: Server, make_camera: MakeCamera
) -> None:
    group, east = new_id(kind=215), new_id(kind=216)
    gate, yard = new_id(), new_id()
    camera = make_camera(
        new_id(kind=200),
        name="下级平台",
        items=[
            {"DeviceID": group, "Name": "安防"},
            {"DeviceID": east, "Name": "东区", "ParentID": group, "BusinessGroupID": group},
            channel_item(gate, "东门", parent_id=east, BusinessGroupID=group),
            channel_item(yard, "院子", Status="OFF"),
        ],
    )
    camera.register()
    platform.wait_channels(camera.device_id, 2)
    top = platform.get("/tree", view="organisation")
    assert (top["id"], top["kind"]) == ("organisation", "root")
    (device,) = [node for node in top["children"] if node["id"] == camera.device_id]
    assert (device["total"], device["online"]) == (2, 1)
    below = platform.get("/tree", view="organisation", parent=camera.device_id)["children"]
    assert [(n["kind"], n["name"], n["total"]) for n in below] == [
        ("group", "安防", 1),
        ("channel", "院子", 1),
    ]
    assert below[0]["id"] == f"{camera.device_id}/{group}"
    (branch,) = platform.get("/tree", view="organisation", parent=below[0]["id"])["children"]
    assert (branch["kind"], branch["name"], branch["online"]) == ("organisation", "东区", 1)
    (leaf,) = platform.get("/tree", view="organisation", parent=branch["id"])["children"]
    assert (leaf["id"], leaf["kind"]) == (gate, "channel")
    camera.unregister()
    wait_for(
        lambda: platform.get("/tree", view="organisation", parent=below[0]["id"])["online"] == 0,
        "an offline device takes its organisations with it",
    )
    unknown = platform.call("GET", f"/api/v1/tree?view=organisation&parent={new_id()}")
    assert unknown.status == 404
    assert platform.call("GET", "/api/v1/tree?view=nonsense").status == 422


def test_a_device_without_organisations_is_not_in_the_view(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = make_camera()
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    top = platform.get("/tree", view="organisation")
    assert camera.device_id not in [node["id"] for node in top["children"]]
